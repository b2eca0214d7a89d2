"""cog.yaml: what is read, and what an author is told when it is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mainspring.bundle import read_config
from mainspring.core.errors import BundleError

FULL = """\
build:
  gpu: true
  cuda: "12.4"
  python_version: 3.10
  python_packages:
    - torch==2.4.0
    - numpy
  python_requirements: requirements.txt
  system_packages: [ffmpeg, libgl1]
  pre_install: ["echo first"]
  run:
    - echo hello
    - command: make
      mounts: [{type: secret, id: pip, target: /etc/pip.conf}]
  speed: 9
run: "sub/predict.py:Runner"
train: train.py:train
image: r8.im/owner/name
concurrency: {max: 4}
environment:
  - A=1
  - B=x=y z
weights:
  - {name: base, target: /weights, source: {uri: "s3://x"}}
colour: blue
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("predict.py", "sub/predict.py", "train.py", "requirements.txt"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_everything(source: Path) -> None:
    (source / "cog.yaml").write_text(FULL)
    config = read_config(source)
    assert config.predict == "sub/predict.py:Runner"
    assert config.train == "train.py:train"
    assert config.python_version == "3.10"
    assert config.python_packages == ("torch==2.4.0", "numpy")
    assert config.python_requirements == "requirements.txt"
    assert config.system_packages == ("ffmpeg", "libgl1")
    assert config.commands == ("echo first", "echo hello", "make")
    assert (config.gpu, config.cuda, config.image) == (True, "12.4", "r8.im/owner/name")
    assert config.environment == {"A": "1", "B": "x=y z"}
    assert config.concurrency == 4
    assert config.weights == ({"name": "base", "target": "/weights", "source": {"uri": "s3://x"}},)
    assert [warning.split(":")[0] for warning in config.warnings] == [
        "cog.yaml, line 25",
        "cog.yaml, line 15",
        "cog.yaml",
    ]
    assert "`build.speed`" in config.warnings[1]


@pytest.mark.parametrize(
    "text", ["predict: predict.py", "predict: predict.py:P\nbuild:\n", "run: predict.py\ntrain:\n"]
)
def test_little(source: Path, text: str) -> None:
    (source / "cog.yaml").write_text(text)
    config = read_config(source)
    assert config.predict.startswith("predict.py")
    assert (config.train, config.python_version, config.concurrency, config.warnings) == (
        None,
        None,
        None,
        (),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("run: [", "line 1, column 7: not valid YAML"),
        ("run: predict.py\n\tx: 1", "line 2, column 1: not valid YAML"),
        ("- a", "line 1: must hold keys"),
        ("", "line 1: must hold keys"),
        ("build: {gpu: true}", "names no predictor. Add a line such as `run: predict.py:Predictor`"),
        ("run: predict.py\npredict: predict.py", "line 2: `predict` and `run` are the same thing"),
        ("\nrun: predict", "line 2: `run` must look like `predict.py:Predictor`, not 'predict'"),
        ("predict: predict.py:A.b", "`predict` must look like"),
        ("run: 3", "`run` must look like"),
        ("run: missing.py:P", "`run` names missing.py, which is not there"),
        ("run: ../predict.py", "inside the model's directory"),
        ("run: /etc/predict.py", "inside the model's directory"),
        ("run: predict.py\ntrain: nope.py:t", "line 2: `train` names nope.py"),
        (
            "run: predict.py\nbuild:\n  python_version: '2.7'",
            "line 3: `python_version` must be 3.10 or newer",
        ),
        (
            "run: predict.py\nbuild:\n  python_packages: numpy",
            "line 3: `python_packages` must be a list of strings",
        ),
        ("run: predict.py\nbuild:\n  gpu: maybe", "line 3: `gpu` must be true or false"),
        ("run: predict.py\nbuild: 3", "line 2: `build` must be a mapping"),
        (
            "run: predict.py\nbuild:\n  python_requirements: no.txt",
            "line 3: `python_requirements` names no.txt",
        ),
        ("run: predict.py\nbuild:\n  run: [{mounts: []}]", "line 3: `run` must hold strings"),
        ("run: predict.py\nbuild:\n  run: make", "line 3: `run` must be a list of commands"),
        ("run: predict.py\nenvironment: [novalue]", "line 2: `environment` must hold `NAME=value`"),
        ("run: predict.py\nenvironment: [MAINSPRING_TOKEN=1]", "can't set MAINSPRING_TOKEN"),
        ("run: predict.py\nenvironment: [PATH=/x]", "can't set PATH"),
        ("run: predict.py\nenvironment: [COG_MAX_CONCURRENCY=2]", "can't set COG_MAX_CONCURRENCY"),
        ("run: predict.py\nconcurrency: {max: 0}", "line 2: `max` must be a whole number from 1"),
        ("run: predict.py\nconcurrency: {max: many}", "line 2: `max` must be a whole number from 1"),
        ("run: predict.py\nweights: here", "line 2: `weights` must be a list of mappings"),
        ("run: !!python/object:os.system x", "`run` must"),
    ],
)
def test_what_is_wrong(source: Path, text: str, message: str) -> None:
    (source / "cog.yaml").write_text(text)
    with pytest.raises(BundleError) as raised:
        read_config(source)
    assert str(raised.value).startswith("cog.yaml")
    assert message in str(raised.value)


def test_no_cog_yaml(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"There is no cog.yaml"):
        read_config(tmp_path)
    (tmp_path / "cog.yaml").write_bytes(b"run: \xff")
    with pytest.raises(BundleError, match=r"not UTF-8"):
        read_config(tmp_path)


def test_a_link_that_leaves(source: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x.py"
    outside.write_text("")
    os.symlink(outside, source / "link.py")
    (source / "cog.yaml").write_text("run: link.py")
    with pytest.raises(BundleError, match="inside the model's directory"):
        read_config(source)
