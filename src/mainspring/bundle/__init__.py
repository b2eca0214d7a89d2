"""A model's source tree: cog.yaml, files, digest, environment, Cog schema.

`read_config` → CogConfig; `pack`, `unpack`, `source_digest`; `Environments.ensure` → Environment;
`describe` → Signature; `version_id` names what came out, `trained_version_id` what a training makes of it. `inside/`
holds the code of ours that runs in a model's own Python: ADAPTER is the predictor that coglet is given, with the
author's in MAINSPRING_PREDICTOR.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from mainspring.bundle.cogyaml import CogConfig, read_config
from mainspring.bundle.environment import Environment, Environments
from mainspring.bundle.schema import Fenced, Signature, describe, prepare_source, training_view, unfenced
from mainspring.bundle.source import pack, source_digest, unpack

ADAPTER = f"{Path(__file__).parent / 'inside' / 'adapter.py'}:Predictor"

__all__ = [
    "ADAPTER",
    "CogConfig",
    "Environment",
    "Environments",
    "Fenced",
    "Signature",
    "describe",
    "pack",
    "prepare_source",
    "read_config",
    "source_digest",
    "trained_version_id",
    "training_view",
    "unfenced",
    "unpack",
    "version_id",
]


def version_id(source: str, lock: str, openapi: dict[str, Any], cog_version: str) -> str:
    """64 hex that name a version: the same source digest, lock, schema and Cog version give the same name."""
    parts = [source, lock, openapi, cog_version]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def trained_version_id(base: str, weights: str) -> str:
    """64 hex that name what a training made: the same base version and sha256 of the weights give the same name."""
    return hashlib.sha256(json.dumps([base, weights]).encode()).hexdigest()
