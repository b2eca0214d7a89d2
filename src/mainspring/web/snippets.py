"""Code that calls a model, in the language of each client, ready to copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mainspring.web.addresses import Addresses
from mainspring.web.inputs import SampleFile

_IDENTIFIER = str.isidentifier


@dataclass(frozen=True, slots=True)
class Snippet:
    """One way to call. language: what its tab says."""

    language: str
    code: str


@dataclass(frozen=True, slots=True)
class Call:
    """What to call with. gives: text (in pieces), file, files or value."""

    reference: str
    input: Mapping[str, Any]
    gives: str


def shape(concatenate: bool, output: str) -> str:
    """What a Call gives, from the output's kind and type."""
    if concatenate:
        return "text"
    return {"file": "file", "list of file": "files"}.get(output, "value")


def snippets(call: Call, at: Addresses) -> list[Snippet]:
    """Python, JavaScript, curl and CLI."""
    base = at.for_files if call.gives in ("file", "files") else at.here
    return [
        Snippet("Python", python(call)),
        Snippet("JavaScript", javascript(call, base)),
        Snippet("curl", curl(call, at.here)),
        Snippet("CLI", command_line(call)),
    ]


def python(call: Call) -> str:
    """With Replicate's Python client; REPLICATE_BASE_URL and REPLICATE_API_TOKEN are in its environment."""
    given = f"    {json.dumps(call.reference)},\n    input={_python(call.input)},\n"
    if call.gives == "text":
        return (
            f"import replicate\n\nfor event in replicate.stream(\n{given}):\n"
            '    print(event, end="", flush=True)\n\n'
            f'# or all at once\nprint("".join(replicate.run(\n{given})))'
        )
    after = {
        "file": 'with open("output", "wb") as file:\n    file.write(output.read())',
        "files": 'for number, item in enumerate(output):\n    with open(f"output-{number}", "wb") as file:\n'
        "        file.write(item.read())",
        "value": "print(output)",
    }
    return f"import replicate\n\noutput = replicate.run(\n{given})\n{after[call.gives]}"


def javascript(call: Call, base: str) -> str:
    """With the npm package replicate, as an ES module."""
    reading = [name for name in ("readFile",) if _has_files(call.input)]
    writing = [name for name in ("writeFile",) if call.gives in ("file", "files")]
    imports = ['import Replicate from "replicate";']
    if names := reading + writing:
        imports.insert(0, f'import {{ {", ".join(names)} }} from "node:fs/promises";')
    after = {
        "text": "for await (const event of replicate.stream(model, { input })) process.stdout.write(`${event}`);",
        "file": 'await writeFile("output", await replicate.run(model, { input }));',
        "files": "const files = await replicate.run(model, { input });\n"
        "await Promise.all(files.map((file, number) => writeFile(`output-${number}`, file)));",
        "value": "console.log(await replicate.run(model, { input }));",
    }
    return "\n".join(
        [
            *imports,
            "",
            f"const replicate = new Replicate({{ baseUrl: {_text(base + '/v1')} }});",
            f"const model = {_text(call.reference)};",
            f"const input = {_javascript(call.input)};",
            after[call.gives],
        ]
    )


def curl(call: Call, base: str) -> str:
    """A request that waits for the result."""
    body = json.dumps({"input": _plain(call.input)}, ensure_ascii=False)
    return (
        f"curl -s {shlex.quote(f'{base}/v1/models/{call.reference}/predictions')} \\\n"
        '  -H "Authorization: Bearer $REPLICATE_API_TOKEN" \\\n'
        '  -H "Content-Type: application/json" -H "Prefer: wait" \\\n'
        f"  -d {shlex.quote(body)}"
    )


def command_line(call: Call) -> str:
    """`mainspring run` with each input."""
    given = [f"-i {shlex.quote(f'{k}={_argument(v)}')}" for k, v in call.input.items()]
    return " ".join(["mainspring run", shlex.quote(call.reference), *given])


def _has_files(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_files(one) for one in value.values())
    return isinstance(value, SampleFile) or (isinstance(value, list) and any(map(_has_files, value)))


def _python(value: Any) -> str:
    return _literal(value, lambda file: f'open({_text(file.name)}, "rb")', repr, _text)


def _javascript(value: Any) -> str:
    def key(name: str) -> str:
        return name if name.isascii() and _IDENTIFIER(name) else _text(name)

    return _literal(value, lambda file: f"await readFile({_text(file.name)})", json.dumps, key)


def _literal(
    value: Any, file: Callable[[SampleFile], str], scalar: Callable[[Any], str], key: Callable[[str], str]
) -> str:
    """The value as the language writes it; strings are JSON's in both."""
    if isinstance(value, SampleFile):
        return file(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        items = ", ".join(f"{key(k)}: {_literal(v, file, scalar, key)}" for k, v in value.items())
        return ("{" + items + "}") if key is _text else ("{ " + items + " }" if items else "{}")
    if isinstance(value, list):
        return "[" + ", ".join(_literal(one, file, scalar, key) for one in value) + "]"
    return scalar(value)


def _plain(value: Any) -> Any:
    """The value as JSON can have it; a file by a URL."""
    if isinstance(value, SampleFile):
        return f"https://example.com/{value.name}"
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _argument(value: Any) -> str:
    if isinstance(value, SampleFile):
        return f"@{value.name}"
    return value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
