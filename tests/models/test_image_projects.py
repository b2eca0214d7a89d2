"""The image models of the catalogue: what can be known of them without their packages."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mainspring.bundle import read_config

from .serving import MODELS

WEIGHTS = Path(__file__).parents[1] / "weights"
NAMES = ("kuprel/min-dalle", "mainspring/style-transfer", "salesforce/blip-2", "stability-ai/sdxl")
OWN_WEIGHTS = ("kuprel/min-dalle", "salesforce/blip-2", "stability-ai/sdxl")
SCHEDULERS = (
    "DDIM",
    "DPMSolverMultistep",
    "HeunDiscrete",
    "KarrasDPM",
    "K_EULER_ANCESTRAL",
    "K_EULER",
    "PNDM",
)

# name: (type, default, least, most or choices), in Replicate's order.
REQUIRED = object()
PUBLIC: dict[str, dict[str, tuple[Any, ...]]] = {
    "stability-ai/sdxl": {
        "prompt": ("str", "An astronaut riding a rainbow unicorn"),
        "negative_prompt": ("str", ""),
        "image": ("Optional[Path]", None),
        "mask": ("Optional[Path]", None),
        "width": ("int", 1024),
        "height": ("int", 1024),
        "num_outputs": ("int", 1, 1, 4),
        "scheduler": ("str", "K_EULER", *SCHEDULERS),
        "num_inference_steps": ("int", 50, 1, 500),
        "guidance_scale": ("float", 7.5, 1, 50),
        "prompt_strength": ("float", 0.8, 0, 1),
        "seed": ("Optional[int]", None),
        "refine": ("str", "no_refiner", "no_refiner", "expert_ensemble_refiner", "base_image_refiner"),
        "high_noise_frac": ("float", 0.8, 0, 1),
        "refine_steps": ("Optional[int]", None),
        "apply_watermark": ("bool", True),
        "lora_scale": ("float", 0.6, 0, 1),
        "replicate_weights": ("Optional[str]", None),
        "disable_safety_checker": ("bool", False),
    },
    "salesforce/blip-2": {
        "image": ("Path", REQUIRED),
        "caption": ("bool", False),
        "question": ("str", "What is this a picture of?"),
        "context": ("Optional[str]", None),
        "use_nucleus_sampling": ("bool", False),
        "temperature": ("float", 1.0, 0.5, 1),
    },
    "kuprel/min-dalle": {
        "text": ("str", "Dali painting of WALL·E"),
        "save_as_png": ("bool", False),
        "progressive_outputs": ("bool", True),
        "seamless": ("bool", False),
        "grid_size": ("int", 5, 1, 9),
        "temperature": ("float", 1, 0.01, 16),
        "top_k": ("int", 128, *(2**power for power in range(15))),
        "supercondition_factor": ("int", 16, 4, 8, 16, 32, 64),
        "seed": ("Optional[int]", None),
    },
}


def inputs(name: str) -> dict[str, tuple[Any, ...]]:
    """The arguments of `run`, as in PUBLIC, read and not imported."""
    tree = ast.parse((MODELS / name / "predict.py").read_text())
    run = next(each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) and each.name == "run")
    found = {}
    for argument, call in zip(run.args.args[1:], run.args.defaults, strict=True):
        assert isinstance(call, ast.Call)
        given = {
            each.arg: ast.literal_eval(each.value) for each in call.keywords if each.arg != "description"
        }
        limits = tuple(given[key] for key in ("ge", "le") if key in given) or tuple(given.get("choices", ()))
        assert argument.annotation is not None
        found[argument.arg] = (ast.unparse(argument.annotation), given.get("default", REQUIRED), *limits)
    return found


@pytest.mark.parametrize("name", PUBLIC)
def test_the_inputs_are_those_of_replicate(name: str) -> None:
    found = inputs(name)
    assert found == PUBLIC[name]
    assert list(found) == list(PUBLIC[name])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_whole_project(name: str) -> None:
    project = MODELS / name
    config = read_config(project)
    assert not config.warnings
    assert config.environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert (project / "README.md").read_text().startswith(f"# {project.name}\n")
    given = json.loads((project / "example.json").read_text())["input"]
    assert set(given) <= set(inputs(name))
    for value in given.values():
        if str(value).startswith("@"):
            assert (project / value[1:]).stat().st_size < 200_000
    for line in (project / "requirements.txt").read_text().splitlines():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line), f"{line} is no exact pin"


@pytest.mark.parametrize("name", NAMES)
def test_the_catalogue_knows_what_it_takes(name: str) -> None:
    facts = tomllib.loads((MODELS / name / "catalog.toml").read_text())
    assert facts["description"]
    assert (facts["gpu_memory"] > 0) == (facts["hardware"] != "cpu") == read_config(MODELS / name).gpu
    assert all(facts[key] > 0 for key in ("memory", "download", "disk"))
    assert all(facts[key] for key in ("license", "weights_license"))
    assert all(re.fullmatch("[0-9a-f]{63,64}", version) for version in facts["versions"])
    weights = facts.get("weights", {})
    assert ("weights" in facts) == (name in OWN_WEIGHTS)
    assert "revision" not in weights or re.fullmatch("[0-9a-f]{40}", weights["revision"])
    for pattern in weights.get("files", []) if "fetch" in weights else []:
        wanted = re.compile(re.escape(pattern).replace(r"\*", "[^/]*"))
        assert any(wanted.fullmatch(each) for each in weights["fetch"]), (
            f"{pattern} is needed but not fetched"
        )


def weights_module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("weights_of_a_model", MODELS / name / "weights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", OWN_WEIGHTS)
def test_missing_weights_are_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = weights_module(name).weights_directory
    files = tomllib.loads((MODELS / name / "catalog.toml").read_text())["weights"]["files"]
    how = rf"mainspring catalog add {name} --weights DIR"
    monkeypatch.delenv("MAINSPRING_WEIGHTS", raising=False)
    with pytest.raises(FileNotFoundError, match=rf"{re.escape(files[0])}.*{how}"):
        find(name)

    monkeypatch.setenv("MAINSPRING_WEIGHTS", str(tmp_path))
    for file in files[1:]:
        path = tmp_path / file.replace("*", "")
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with pytest.raises(FileNotFoundError, match=rf"lacks {re.escape(files[0])}\. .*{how}"):
        find(name)
    (tmp_path / files[0]).touch()
    assert find(name) == tmp_path
    assert not capsys.readouterr().out
    monkeypatch.setenv("MAINSPRING_WEIGHTS_NAME", "someone's")
    find(name)
    assert capsys.readouterr().out == f"weights: someone's (not {name}'s own)\n"


def test_all_find_their_weights_alike() -> None:
    assert len({(MODELS / name / "weights.py").read_text() for name in OWN_WEIGHTS}) == 1


@pytest.mark.parametrize(
    ("name", "kept"), [("stability-ai/sdxl", "sdxl-shapes"), ("salesforce/blip-2", "blip2-shapes")]
)
def test_the_small_weights_are_whole(name: str, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAINSPRING_WEIGHTS", str(WEIGHTS / kept))
    assert weights_module(name).weights_directory(name) == WEIGHTS / kept
