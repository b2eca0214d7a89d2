"""The code that pages offer, made by the pages' own module: it is what it says, with the values given."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import mainspring.web

STATIC = Path(mainspring.web.__file__).parent / "static"
QUOTES = 'it\'s "$HOME" `x` \\ ü\nsecond ${line} %'
BASE = {"here": "http://box:8585", "files": "https://box:8586"}
SCRIPT = """
import {{ code, guide }} from {module};
const call = {call};
for (const name of {files}) call.input[name] = {{ name: "photo.jpg", send: () => null }};
const found = {{}};
for (const language of ["json", "python", "javascript", "curl", "cli"]) found[language] = code(language, call);
const all = [];
for (const language of ["python", "javascript", "curl", "cli"]) {{
  for (const part of guide(language, {{ ...call, file: call.input }})) all.push([language, ...part]);
}}
console.log(JSON.stringify({{ code: found, guide: all }}));
"""


def node(source: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["node", "--input-type=module", *options, "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, check=False, timeout=60)


def offered(
    values: dict[str, Any], *, gives: str = "value", latest: bool = True, files: tuple[str, ...] = ()
) -> Any:
    call = {
        "model": "ada/hello",
        "version": "a" * 64,
        "latest": latest,
        "input": values,
        "gives": gives,
        "base": BASE,
    }
    module = json.dumps((STATIC / "snippets.js").as_uri())
    done = node(SCRIPT.format(module=module, call=json.dumps(call), files=json.dumps(files)))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def the_call(python: str) -> ast.Call:
    (found,) = [n for n in ast.walk(ast.parse(python)) if isinstance(n, ast.Call) and n.keywords][:1]
    return found


def test_values_survive_every_language() -> None:
    given = {"text": QUOTES, "on": False, "none": None, "sizes": [3, 4.5], "deep": {"a-b": [{"c": True}]}}
    code = offered(given)["code"]
    assert json.loads(code["json"]) == {"input": given}
    call = the_call(code["python"])
    assert ast.unparse(call.func) == "replicate.run"
    assert ast.literal_eval(call.args[0]) == "ada/hello"
    assert ast.literal_eval(call.keywords[0].value) == given
    words = shlex.split(code["curl"].replace("\\\n", " "))
    assert words[2] == "http://box:8585/v1/models/ada/hello/predictions"
    assert json.loads(words[-1]) == {"input": given}
    cli = shlex.split(code["cli"].replace("\\\n", " "))
    assert cli[:3] == ["mainspring", "run", "ada/hello"]
    assert cli[3::2] == ["-i"] * 5
    assert cli[4::2][0] == f"text={QUOTES}"
    assert cli[4::2][3] == "sizes=[3,4.5]"
    read = code["javascript"].partition("const input = ")[2].partition("};\n")[0] + "}"
    assert json.loads(node(f"console.log(JSON.stringify({read}))").stdout) == given


def test_a_version_that_is_not_the_latest_is_named() -> None:
    code = offered({"n": 1}, latest=False)["code"]
    assert ast.literal_eval(the_call(code["python"]).args[0]) == f"ada/hello:{'a' * 64}"
    words = shlex.split(code["curl"].replace("\\\n", " "))
    assert words[2] == "http://box:8585/v1/predictions"
    assert json.loads(words[-1]) == {"version": f"ada/hello:{'a' * 64}", "input": {"n": 1}}


def test_text_in_pieces_is_streamed() -> None:
    code = offered({"prompt": "x"}, gives="text")["code"]
    assert "for event in replicate.stream(" in code["python"]
    assert "for await (const event of replicate.stream(" in code["javascript"]


def test_files_go_in_and_come_out_over_https() -> None:
    code = offered({}, gives="file", files=("photo",))["code"]
    assert 'open("photo.jpg", "rb")' in code["python"]
    assert "file.write(output.read())" in code["python"]
    assert 'baseUrl: "https://box:8586/v1"' in code["javascript"]
    assert 'photo: await readFile("photo.jpg")' in code["javascript"]
    assert "https://example.com/photo.jpg" in code["curl"]
    assert code["cli"].endswith("-i photo=@photo.jpg")


def test_every_sample_of_the_guide_is_well_formed() -> None:
    for gives in ("text", "file", "files", "value"):
        for latest in (True, False):
            guide = offered({"text": QUOTES}, gives=gives, latest=latest, files=("photo",))["guide"]
            titles = [title for language, title, _, _ in guide if language == "python"]
            assert titles[:3] == ["Install", "Base URL and token", "Run"]
            assert {"Create and come back", "Webhook", "File input"} <= set(titles)
            assert ("Stream" in titles) == (gives == "text")
            for language, _, _, code in guide:
                check(language, code)


def check(language: str, code: str) -> None:
    if language == "python" and "import" in code:
        ast.parse(code)
    elif language == "javascript" and "import" in code:
        done = node(code, "--check")
        assert done.returncode == 0, done.stderr
    else:
        done = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
