"""The names of models and versions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mainspring.core.errors import InvalidVersion

_REFERENCE = re.compile(r"([^/:\s]+)/([^/:\s]+)(?::([0-9a-f]{64}))?")
_VERSION_ID = re.compile(r"[0-9a-f]{64}")
_ALIAS = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_BY_ALIAS = re.compile(rf"(?:([^/:\s]+/[^/:\s]+):)?({_ALIAS})")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST = 100


@dataclass(frozen=True, slots=True)
class Reference:
    """What a text names: a model (its latest version), one version of a model, or a version of any model."""

    owner: str | None = None
    name: str | None = None
    version: str | None = None

    @property
    def model(self) -> str | None:
        """owner/name, or None for a bare version."""
        return f"{self.owner}/{self.name}" if self.owner else None


def parse_reference(text: str) -> Reference:
    """What `owner/name`, `owner/name:version` or a bare version of 64 hex digits names.

    Raises InvalidVersion for anything else.
    """
    if _VERSION_ID.fullmatch(text):
        return Reference(version=text)
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise InvalidVersion
    return Reference(*found.groups())


def collection_faults(slug: str, models: Sequence[str]) -> dict[str, str]:
    """What is wrong with a collection, as sentences by field (`slug`, `models.0`); empty for one that can be."""
    faults = {}
    if not _SLUG.fullmatch(slug) or len(slug) > _LONGEST:
        faults["slug"] = f"slug may only have lower-case letters, digits and dashes, at most {_LONGEST}"
    for place, model in enumerate(models):
        found = _REFERENCE.fullmatch(model)
        if found is None or found[3]:
            faults[f"models.{place}"] = f"models.{place} is not owner/name"
    return faults


def parse_alias(text: str) -> tuple[str | None, str] | None:
    """(owner/name or None, id) of `owner/name:id` or `id` with any id that an alias may have; None for neither."""
    found = _BY_ALIAS.fullmatch(text)
    return (found[1], found[2]) if found else None


def alias_fault(alias: str) -> str | None:
    """Why alias can't be one, as a sentence's end; None for one that can."""
    if re.fullmatch(_ALIAS, alias):
        return None
    return "has 1 to 128 letters, digits, '.', '_' and '-', and begins with a letter or digit"


def name_fault(name: str) -> str | None:
    """Why name can't be a model's or an account's name, as a sentence's end; None for one that can."""
    if not name:
        return "may not be blank"
    if len(name) > _LONGEST:
        return f"may have at most {_LONGEST} characters"
    if not _NAME.fullmatch(name):
        return "may only have letters, digits, '.', '_' and '-', and begins and ends with a letter or digit"
    return None
