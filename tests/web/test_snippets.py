"""The code that pages offer: it is what it says, with the real inputs."""

from __future__ import annotations

import ast
import json
import shlex
import shutil
import subprocess

import pytest

from tests.api.house import House
from tests.web.conftest import browse, publish
from tests.web.test_pages import PICTURE, PIECES, TEXT, Seen

PLAIN = {"type": "string"}
QUOTES = 'it\'s "$HOME" `x` \\ ü'


async def offered(house: House, url: str = "http://box:8585") -> tuple[str, str, str, str]:
    async with browse(house, url) as client:
        python, javascript, curl, cli = Seen(await client.get("/ada/hello")).code[:4]
    return python, javascript, curl, cli


async def test_values_survive_every_language(house: House) -> None:
    given = {
        "text": {**PLAIN, "default": QUOTES, "x-order": 0},
        "on": {"type": "boolean", "default": False, "x-order": 1},
        "sizes": {"type": "array", "items": {"type": "integer", "minimum": 3}, "x-order": 2},
    }
    expected = {"text": QUOTES, "on": False, "sizes": [3]}
    await publish(house, given, TEXT, required=tuple(given))
    python, _, curl, cli = await offered(house)
    (call,) = [n for n in ast.walk(ast.parse(python)) if isinstance(n, ast.Call) and n.keywords]
    assert ast.unparse(call.func) == "replicate.run"
    assert ast.literal_eval(call.args[0]) == "ada/hello"
    assert ast.literal_eval(call.keywords[0].value) == expected
    words = shlex.split(curl.replace("\\\n", " "))
    assert words[2] == "http://box:8585/v1/models/ada/hello/predictions"
    assert json.loads(words[-1]) == {"input": expected}
    assert shlex.split(cli) == [
        *("mainspring", "run", "ada/hello"),
        *("-i", f"text={QUOTES}", "-i", "on=false", "-i", "sizes=[3]"),
    ]


async def test_text_in_pieces_is_streamed(house: House) -> None:
    await publish(house, {"prompt": PLAIN}, PIECES, required=("prompt",))
    python, javascript, *_ = await offered(house)
    assert "for event in replicate.stream(" in python
    assert '"".join(replicate.run(' in python
    assert "for await (const event of replicate.stream(" in javascript
    ast.parse(python)


async def test_files_go_in_and_come_out_over_https(house: House) -> None:
    await publish(house, {"photo": PICTURE}, PICTURE, required=("photo",))
    python, javascript, curl, cli = await offered(house)
    ast.parse(python)
    assert 'input={"photo": open("photo.jpg", "rb")}' in python
    assert "file.write(output.read())" in python
    assert 'baseUrl: "https://box:8586/v1"' in javascript
    assert 'photo: await readFile("photo.jpg")' in javascript
    assert '"photo": "https://example.com/photo.jpg"' in curl
    assert cli == "mainspring run ada/hello -i photo=@photo.jpg"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js to read JavaScript")
@pytest.mark.parametrize(
    "output",
    [TEXT, PIECES, PICTURE, {"type": "array", "items": PICTURE}],
    ids=["text", "pieces", "file", "files"],
)
async def test_javascript_is_well_formed(house: House, output: dict[str, object]) -> None:
    inputs = {"photo": PICTURE, "a-b": {**PLAIN, "default": QUOTES}, "n": {"type": "number", "minimum": 0.5}}
    await publish(house, inputs, output, required=tuple(inputs))
    _, javascript, *_ = await offered(house)
    command = ["node", "--input-type=module", "--check", "-"]
    done = subprocess.run(command, input=javascript, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
