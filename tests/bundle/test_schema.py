"""The Cog schema of each way to write a signature, judged against the shape that Cog itself prints."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from serving import Write

from mainspring.bundle import Environment, describe, prepare_source, read_config, version_id
from mainspring.core.errors import BundleError

HEAD = """
from __future__ import annotations
import datetime, enum, pathlib, typing
from dataclasses import dataclass
from typing import *
import cog
from cog import *
from cog import Opaque
"""
URI = {"type": "string", "format": "uri"}
SECRET = {"type": "string", "format": "password", "writeOnly": True, "x-cog-secret": True}

INPUTS: list[tuple[str, dict[str, Any], bool]] = [
    ("a: str", {"type": "string"}, True),
    ("a: int = 3", {"type": "integer", "default": 3}, False),
    (
        "a: float = Input(default=7.5, ge=0.0, le=20)",
        {"type": "number", "default": 7.5, "minimum": 0, "maximum": 20},
        False,
    ),
    (
        "a: bool = Input(default=False, deprecated=True)",
        {"type": "boolean", "default": False, "deprecated": True},
        False,
    ),
    (
        "a: str = Input(description='d', min_length=2, max_length=50, regex='^[a-z]+$')",
        {"type": "string", "description": "d", "minLength": 2, "maxLength": 50, "pattern": "^[a-z]+$"},
        True,
    ),
    ("a: int = Input(default=None)", {"type": "integer"}, True),
    ("a: Optional[int] = Input(default=None)", {"type": "integer", "default": None, "nullable": True}, False),
    (
        "a: Optional[int] = Input(description='d')",
        {"type": "integer", "description": "d", "nullable": True},
        False,
    ),
    ("a: int | None = None", {"type": "integer", "default": None, "nullable": True}, False),
    ("a: Path = Input(accept='image/*')", {**URI, "x-cog-accept": "image/*"}, True),
    ("a: pathlib.Path", URI, True),
    ("a: Optional[File] = None", {**URI, "default": None, "nullable": True}, False),
    ("a: list[Path]", {"type": "array", "items": URI}, True),
    (
        "a: List[str] = ['x', 'y']",
        {"type": "array", "items": {"type": "string"}, "default": ["x", "y"]},
        False,
    ),
    (
        "a: Optional[list[Path]] = None",
        {"type": "array", "items": URI, "default": None, "nullable": True},
        False,
    ),
    ("a: list", {"type": "array", "items": {"type": "object"}}, True),
    ("a: Secret", SECRET, True),
    ("a: Secret = Input(default=None)", {**SECRET, "default": None, "nullable": True}, False),
    ("a: dict[str, int]", {"type": "object"}, True),
    ("a: Any", {"type": "object"}, True),
    ("a: Annotated[list[pathlib.PurePath], Opaque]", {"type": "array", "items": {"type": "object"}}, True),
    ("a: Annotated[int, 'note'] = 1", {"type": "integer", "default": 1}, False),
    ("a: Union[str, int]", {"anyOf": [{"type": "string"}, {"type": "integer"}]}, True),
    ("a: list[int] = Input(ge=1)", {"type": "array", "items": {"type": "integer"}, "minimum": 1}, True),
]


def predictor(arguments: str, returns: str = "str") -> str:
    return f"{HEAD}\nclass Predictor(BasePredictor):\n    def predict(self, {arguments}) -> {returns}: ...\n"


async def schemas(model: Write, here: Environment, text: str, into: str = "model") -> dict[str, Any]:
    source = model(text, "predict: predict.py\n", into)
    signature = await describe(here, source, read_config(source))
    found: dict[str, Any] = signature.openapi["components"]["schemas"]
    return found


async def test_inputs(model: Write, here: Environment) -> None:
    fields = [text.replace("a:", f"field_{n}:", 1) for n, (text, _, _) in enumerate(INPUTS)]
    ordered = [*(f for f in fields if "=" not in f), *(f for f in fields if "=" in f)]
    found = (await schemas(model, here, predictor(", ".join(ordered))))["Input"]
    assert found["title"] == "Input"
    assert found["type"] == "object"
    assert list(found["properties"]) == [f.split(":")[0] for f in ordered]
    for number, (text, expected, required) in enumerate(INPUTS):
        name = f"field_{number}"
        order = [f.split(":")[0] for f in ordered].index(name)
        wanted = {"title": f"Field {number}", "x-order": order, **expected}
        assert found["properties"][name] == wanted, text
        assert (name in found["required"]) == required, text


async def test_choices(model: Write, here: Environment) -> None:
    text = predictor(
        "scheduler: str = Input(default='ddim', choices=['ddim', 'pndm'], description='S'), "
        "size: Optional[int] = Input(choices=[256, 512]), Status: Literal['a', 'b'] = 'a', "
        "many: list[str] = Input(default=['x'], choices=['x', 'y'])"
    )
    found = await schemas(model, here, text)
    fields = found["Input"]["properties"]
    assert fields["scheduler"] == {
        "allOf": [{"$ref": "#/components/schemas/scheduler"}],
        "default": "ddim",
        "description": "S",
        "x-order": 0,
    }
    assert found["scheduler"] == {
        "title": "scheduler",
        "description": "An enumeration.",
        "enum": ["ddim", "pndm"],
        "type": "string",
    }
    assert fields["size"] == {
        "allOf": [{"$ref": "#/components/schemas/size"}],
        "nullable": True,
        "x-order": 1,
    }
    assert found["size"]["type"] == "integer"
    assert fields["Status"]["allOf"] == [{"$ref": "#/components/schemas/Status_choices"}]
    assert found["Status"]["enum"][0] == "starting"
    assert fields["many"]["items"] == {"$ref": "#/components/schemas/many"}
    assert "required" not in found["Input"]


MODELS = """
class Inner(BaseModel):
    score: float

class Out(BaseModel):
    text: str
    image: Optional[Path]
    inner: Inner
    tags: list[str] = None

class Typed(TypedDict, total=False):
    x: int

class Tree(BaseModel):
    children: list["Tree"]
"""
ITERATOR = {"type": "array", "items": {"type": "string"}, "x-cog-array-type": "iterator"}
OUTPUTS: list[tuple[str, dict[str, Any]]] = [
    ("str", {"type": "string"}),
    ("Path", URI),
    ("list[Path]", {"type": "array", "items": URI}),
    ("Iterator[str]", ITERATOR),
    ("AsyncIterator[str]", ITERATOR),
    ("Generator[str, None, None]", ITERATOR),
    ("ConcatenateIterator[str]", {**ITERATOR, "x-cog-array-display": "concatenate"}),
    ("AsyncConcatenateIterator[str]", {**ITERATOR, "x-cog-array-display": "concatenate"}),
    ("ConcatenateIterator", {**ITERATOR, "x-cog-array-display": "concatenate"}),
    ("Iterator[Path]", {**ITERATOR, "items": URI}),
    ("Any", {"type": "object"}),
    ("dict", {"type": "object"}),
    (
        "dict[str, list[int]]",
        {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "integer"}}},
    ),
    ("None", {"nullable": True}),
    ("Optional[str]", {"type": "string", "nullable": True}),
    ("Union[str, int]", {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    (
        "Out",
        {
            "type": "object",
            "properties": {
                "text": {"type": "string", "title": "Text"},
                "image": {**URI, "nullable": True, "title": "Image"},
                "inner": {
                    "type": "object",
                    "properties": {"score": {"type": "number", "title": "Score"}},
                    "required": ["score"],
                    "title": "Inner",
                },
                "tags": {"type": "array", "items": {"type": "string"}, "title": "Tags"},
            },
            "required": ["text", "inner"],
        },
    ),
    ("Typed", {"type": "object", "properties": {"x": {"type": "integer", "title": "X"}}}),
    (
        "Tree",
        {
            "type": "object",
            "properties": {"children": {"type": "array", "items": {"type": "object"}, "title": "Children"}},
            "required": ["children"],
        },
    ),
]


async def test_outputs(model: Write, here: Environment) -> None:
    together = asyncio.Semaphore(3)

    async def check(number: int, returns: str, expected: dict[str, Any]) -> None:
        text = predictor("a: str", returns).replace("class Predictor", f"{MODELS}\nclass Predictor")
        async with together:
            found = await schemas(model, here, text, f"model{number}")
        assert found["Output"] == {"title": "Output", **expected}, returns

    await asyncio.gather(*(check(number, *each) for number, each in enumerate(OUTPUTS)))


KINDS = [
    ("class Runner(BaseRunner):\n    def run(self, a: str) -> str: ...", "run: predict.py", "run", False, 1),
    (
        "class Predictor:\n    async def predict(self, a: str) -> str: ...",
        "predict: predict.py",
        "predict",
        True,
        1,
    ),
    ("def go(a: str) -> str: ...", "run: predict.py:go", "function", False, 1),
    ("async def go(a: str) -> Iterator[str]:\n    yield a", "run: predict.py:go", "function", True, 1),
    (
        "class R:\n    @concurrent(max=6)\n    async def run(self, a: str) -> str: ...",
        "run: predict.py:R",
        "run",
        True,
        6,
    ),
    (
        "class R:\n    async def run(self, a: str) -> str: ...",
        "run: predict.py:R\nconcurrency: {max: 9}",
        "run",
        True,
        9,
    ),
]


@pytest.mark.parametrize(("text", "cogyaml", "method", "asynchronous", "concurrency"), KINDS)
async def test_kinds(
    model: Write,
    here: Environment,
    text: str,
    cogyaml: str,
    method: str,
    asynchronous: bool,
    concurrency: int,
) -> None:
    source = model(HEAD + text, cogyaml)
    signature = await describe(here, source, read_config(source))
    assert (signature.method, signature.asynchronous, signature.concurrency) == (
        method,
        asynchronous,
        concurrency,
    )
    assert signature.cog_version == "0.23.1"
    assert signature.openapi["paths"]["/predictions"]["post"]["x-cog-streaming"] is True
    assert list(signature.openapi["components"]["schemas"]["Input"]["properties"]) == ["a"]


async def test_the_whole_document(model: Write, here: Environment) -> None:
    text = (
        "from cog import Input\ndef predict(size: int = Input(choices=[1, 2])) -> str: ...\n"
        "def train(size: int = Input(choices=[3, 4]), data: str = 'x') -> dict: ...\n"
    )
    source = model(text, "run: predict.py:predict\ntrain: predict.py:train\n")
    openapi = (await describe(here, source, read_config(source))).openapi
    assert set(openapi["paths"]) == {
        *("/", "/health-check", "/predictions", "/predictions/{prediction_id}/cancel"),
        *("/trainings", "/trainings/{training_id}/cancel"),
    }
    found = openapi["components"]["schemas"]
    assert set(found) == {
        *("Input", "Output", "PredictionRequest", "PredictionResponse", "size", "size_training", "Status"),
        *("TrainingInput", "TrainingOutput", "TrainingRequest", "TrainingResponse"),
        *("HTTPValidationError", "ValidationError"),
    }
    assert found["size"]["enum"] == [1, 2]
    assert found["size_training"]["enum"] == [3, 4]
    assert found["TrainingInput"]["properties"]["size"]["allOf"] == [
        {"$ref": "#/components/schemas/size_training"}
    ]
    assert found["PredictionResponse"]["properties"]["created_at"] == {
        "format": "date-time",
        "title": "Created At",
        "type": "string",
    }
    assert "x-cog-streaming" not in openapi["paths"]["/trainings"]["post"]
    assert openapi["paths"]["/trainings"]["post"]["operationId"] == "train_trainings_post"
    written = prepare_source(source, openapi)
    assert json.loads(written.read_text()) == openapi
    assert not (source / "__pycache__").exists()


WRONG = [
    (
        "import nothing_like_this",
        "",
        ['File "predict.py", line 1', "ModuleNotFoundError", "nothing_like_this"],
    ),
    (
        "def helper():\n    raise RuntimeError('at import')\nhelper()",
        "",
        ["in helper", "RuntimeError: at import"],
    ),
    ("class Predictor\n    pass", "", ["SyntaxError", "predict.py"]),
    ("import sys; sys.exit(3)", "", ["SystemExit: 3"]),
    ("import os; os._exit(3)", "", ["ended its process (status 3)"]),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "", ["ended its process (signal 11)"]),
    ("class Other: ...", "", ["predict.py has no Runner or Predictor"]),
    ("class Other: ...", "predict.py:Missing", ["predict.py has no Missing"]),
    ("class Predictor: ...", "", ["has no run() or predict()"]),
    ("class P:\n def run(self)->str: ...\n def predict(self)->str: ...", "predict.py:P", ["not both"]),
    ("Predictor = 3", "", ["neither a class nor a function"]),
    ("def f(a) -> str: ...", "predict.py:f", ["`a` has no type annotation"]),
    ("def f(a: str): ...", "predict.py:f", ["no return type annotation"]),
    ("def f(*a: str) -> str: ...", "predict.py:f", ["*args or **kwargs"]),
    ("def f(a: object) -> str: ...", "predict.py:f", ["`a` has the type object"]),
    ("def f(a: 'Nope') -> str: ...", "predict.py:f", ["annotations of f() can't be read", "Nope"]),
    ("def f(a: list[list[int]]) -> str: ...", "predict.py:f", ["`a` is a list of something"]),
    ("def f(a: str) -> object: ...", "predict.py:f", ["return type object"]),
    ("import cog\ndef f(a: int = cog.Input(default=0, ge=1)) -> str: ...", "predict.py:f", ["default 0"]),
    ("import cog\ndef f(a: str = cog.Input(ge=1)) -> str: ...", "predict.py:f", ["only numbers"]),
    ("import cog\ndef f(a: int = cog.Input(regex='x')) -> str: ...", "predict.py:f", ["only strings"]),
    (
        "import cog\ndef f(a: str = cog.Input(choices=['x'])) -> str: ...",
        "predict.py:f",
        ["at least two choices"],
    ),
    (
        "import cog\ndef f(a: str = cog.Input('z', choices=['x', 'y'])) -> str: ...",
        "predict.py:f",
        ["default 'z'"],
    ),
    (
        "import cog\n@cog.concurrent(max=2)\ndef f(a: str) -> str: ...",
        "predict.py:f",
        ["requires an async function"],
    ),
    (
        "def f(a: str) -> str: ...",
        "predict.py:f\nconcurrency: {max: 2}",
        ["2 predictions at once", "not async"],
    ),
]


async def test_what_is_wrong(model: Write, here: Environment) -> None:
    together = asyncio.Semaphore(3)

    async def check(number: int, text: str, ref: str, words: list[str]) -> None:
        source = model(text, f"run: {ref or 'predict.py'}\n", f"model{number}")
        async with together:
            with pytest.raises(BundleError) as raised:
                await describe(here, source, read_config(source))
        assert all(word in str(raised.value) for word in words), (text, raised.value)
        assert "inside/" not in str(raised.value)

    await asyncio.gather(*(check(number, *each) for number, each in enumerate(WRONG)))


async def test_time_limit(model: Write, here: Environment) -> None:
    source = model("import time; time.sleep(60)")
    with pytest.raises(BundleError, match=r"took longer than 0\.5 s"):
        await describe(here, source, read_config(source), timeout_s=0.5)


async def test_sees_its_own_environment_only(
    model: Write, here: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSPRING_TOKEN", "ms_secret")
    monkeypatch.setenv("UV_INDEX_URL", "https://user:pass@index.example/simple")
    text = """
        import os, sys, helper
        print("noise on stdout")
        assert helper.HERE == os.path.realpath(os.getcwd())
        raise SystemError(f"{sorted(os.environ)} {os.environ['COLOUR']}")
    """
    source = model(
        text,
        "run: predict.py\nenvironment: [COLOUR=blue]\n",
        helper_py="import os\nHERE = os.path.dirname(os.path.realpath(__file__))\n",
    )
    with pytest.raises(BundleError) as raised:
        await describe(here, source, read_config(source))
    assert "blue" in str(raised.value)
    assert "MAINSPRING" not in str(raised.value)
    assert "UV_" not in str(raised.value)


def test_version_id_depends_on_each_part() -> None:
    base = ("s", "l", {"a": 1}, "0.23.1")
    others = [("t", *base[1:]), ("s", "m", *base[2:]), ("s", "l", {"a": 2}, "0.23.1"), (*base[:3], "0.23.0")]
    ids = {version_id(*base), *(version_id(*other) for other in others)}  # type: ignore[arg-type]
    assert len(ids) == 5
    assert all(len(each) == 64 and int(each, 16) >= 0 for each in ids)
    assert version_id("s", "l", {"a": 1, "b": 2}, "c") == version_id("s", "l", {"b": 2, "a": 1}, "c")
