"""The text and audio models as Replicate's callers know them: schemas, files, what they say without weights."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mainspring.bundle import Environment, describe, read_config
from tests.models.serving import MODELS

from .laid import instance, lay

NAMES = [
    "mainspring/minilm",
    "meta/meta-llama-3-8b-instruct",
    "meta/meta-llama-3.1-70b-instruct",
    "openai/whisper",
    "replicate/hello-world",
    "zeke/haiku-standard",
]
LLAMA = {
    "prompt": ("string", ""),
    "max_tokens": ("integer", 512),
    "min_tokens": ("integer", 0),
    "presence_penalty": ("number", 0.0),
    "frequency_penalty": ("number", 0.0),
    "seed": ("integer", None),
}
SCHEMAS: dict[str, dict[str, tuple[str, Any]]] = {
    "meta/meta-llama-3-8b-instruct": {
        **LLAMA,
        "system_prompt": ("string", "You are a helpful assistant"),
        "temperature": ("number", 0.7),
        "top_p": ("number", 0.95),
        "top_k": ("integer", 0),
        "stop_sequences": ("string", "<|end_of_text|>,<|eot_id|>"),
    },
    "meta/meta-llama-3.1-70b-instruct": {
        **LLAMA,
        "system_prompt": ("string", "You are a helpful assistant."),
        "temperature": ("number", 0.6),
        "top_p": ("number", 0.9),
        "top_k": ("integer", 50),
        "stop_sequences": ("string", None),
        "prompt_template": ("string", None),
    },
    "openai/whisper": {
        "translate": ("boolean", False),
        "temperature": ("number", 0),
        "patience": ("number", None),
        "suppress_tokens": ("string", "-1"),
        "initial_prompt": ("string", None),
        "condition_on_previous_text": ("boolean", True),
        "temperature_increment_on_fallback": ("number", 0.2),
        "compression_ratio_threshold": ("number", 2.4),
        "logprob_threshold": ("number", -1.0),
        "no_speech_threshold": ("number", 0.6),
    },
}


async def schemas(name: str, tmp_path: Path, here: Environment) -> dict[str, Any]:
    folder = lay(name, tmp_path / "model")
    signature = await describe(here, folder, read_config(folder))
    found: dict[str, Any] = signature.openapi["components"]["schemas"]
    return found


@pytest.mark.parametrize("name", SCHEMAS)
async def test_inputs_are_replicates(name: str, tmp_path: Path, here: Environment) -> None:
    inputs = (await schemas(name, tmp_path, here))["Input"]["properties"]
    for field, (kind, default) in SCHEMAS[name].items():
        assert inputs[field]["type"] == kind, field
        assert inputs[field].get("default") == default, field


async def test_llama_streams_and_takes_many(tmp_path: Path, here: Environment) -> None:
    folder = lay("meta/meta-llama-3-8b-instruct", tmp_path / "model")
    signature = await describe(here, folder, read_config(folder))
    found = signature.openapi["components"]["schemas"]
    assert found["Output"]["x-cog-array-display"] == "concatenate"
    assert found["Output"]["x-cog-array-type"] == "iterator"
    assert "<|start_header_id|>" in found["Input"]["properties"]["prompt_template"]["default"]
    assert signature.concurrency == 32


async def test_whisper_answers_with_replicates_object(tmp_path: Path, here: Environment) -> None:
    found = await schemas("openai/whisper", tmp_path, here)
    assert set(found["Output"]["properties"]) == {
        *("segments", "transcription", "detected_language", "translation", "srt_file", "txt_file")
    }
    assert found["Input"]["required"] == ["audio"]
    assert found["transcription"]["enum"] == ["plain text", "srt", "vtt"]
    assert found["language"]["enum"][:2] == ["auto", "af"]
    assert {"en", "English", "Haitian Creole"} <= set(found["language"]["enum"])
    assert "large-v3" in found["model"]["enum"]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("meta/")])
async def test_without_weights_setup_says_what_to_do(name: str, tmp_path: Path, here: Environment) -> None:
    folder = lay(name, tmp_path / "model")
    with pytest.raises(AssertionError) as refused:
        async with instance(folder, here, {}):
            pass
    assert f"mainspring catalog add {name} --weights DIR" in str(refused.value)
    assert "config.json" in str(refused.value)


async def test_hello_world(tmp_path: Path, here: Environment) -> None:
    folder = lay("replicate/hello-world", tmp_path / "model")
    async with instance(folder, here, {}) as model:
        assert (await model.tell(text="Alice")).output == "hello Alice"


@pytest.mark.parametrize("name", NAMES)
async def test_a_model_has_all_its_files(name: str, tmp_path: Path, here: Environment) -> None:
    own = MODELS / name
    catalog = tomllib.loads((own / "catalog.toml").read_text())
    for key in ("description", "hardware", "license", "weights_license"):
        assert catalog[key]
    for key in ("gpu_memory", "memory", "download", "disk"):
        assert isinstance(catalog[key], int)
    assert all(re.fullmatch("[0-9a-f]{64}", each) for each in catalog["versions"])
    if hub := catalog.get("weights"):
        assert re.fullmatch("[0-9a-f]{40}", hub["revision"])
        assert hub["files"]
        assert set(hub.get("sha256", {})) <= {*hub["files"], *hub.get("fetch", ())}
        assert all(re.fullmatch("[0-9a-f]{64}", each) for each in hub.get("sha256", {}).values())
    readme = (own / "README.md").read_text()
    assert readme.startswith(f"# {name.partition('/')[2]}\n")
    folder = lay(name, tmp_path / "model")
    config = read_config(folder)
    assert not config.warnings
    for file in folder.glob("requirements*.txt"):
        for line in re.findall("^[^#].*", file.read_text(), re.MULTILINE):
            assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+(post\d+)?", line), f"{line} is no exact pin"
    given = json.loads((folder / "example.json").read_text())["input"]
    signature = await describe(here, folder, config)
    inputs = signature.openapi["components"]["schemas"]["Input"]["properties"]
    assert set(given) <= set(inputs)
    for value in given.values():
        if str(value).startswith("@"):
            assert (folder / value[1:]).stat().st_size < 200_000
