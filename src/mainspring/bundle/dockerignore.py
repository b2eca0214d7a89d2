"""Docker's rules for .dockerignore: patterns count from the top, the last match wins, `!` takes back."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mainspring.core.errors import BundleError


def read_ignore(source: Path) -> Callable[[str], bool]:
    """Whether a path (relative, with `/`) is left out by the .dockerignore of `source`; without one, never."""
    file = source / ".dockerignore"
    if not file.is_file():
        return lambda _: False
    return parse_ignore(file.read_text(encoding="utf-8-sig").splitlines())


def parse_ignore(lines: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path is left out by these lines. Raises BundleError with the line of a bad pattern."""
    rules = [rule for number, line in enumerate(lines, 1) if (rule := _rule(line, number))]

    def ignored(path: str) -> bool:
        parts = path.split("/")
        spots = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        verdict = False
        for negated, pattern in rules:
            if negated == verdict and any(pattern.match(spot) for spot in spots):
                verdict = not negated
        return verdict

    return ignored


def _rule(line: str, number: int) -> tuple[bool, re.Pattern[str]] | None:
    text = line.strip()
    if not text or line.startswith("#"):
        return None
    negated = text.startswith("!")
    text = text[1:].strip() if negated else text
    clean = posixpath.normpath(text).lstrip("/") if text else ""
    if not clean:
        raise BundleError(f".dockerignore, line {number}: there is no pattern after `!`.")
    try:
        return None if clean == "." else (negated, re.compile(_translate(clean), re.DOTALL))
    except re.error as error:
        raise BundleError(f".dockerignore, line {number}: bad pattern {text!r}: {error}") from None


def _translate(pattern: str) -> str:
    """A pattern as a regular expression: `*` and `?` stay within a name, `**` crosses names."""
    out, at = [], 0
    while at < len(pattern):
        rest = pattern[at:]
        if rest.startswith("**"):
            at += 3 if rest.startswith("**/") else 2
            out.append("(?:.*/)?" if rest.startswith("**/") else ".*")
        elif rest[0] == "[" and (end := pattern.find("]", at + 2)) > 0:
            out.append(_bracket(pattern[at + 1 : end]))
            at = end + 1
        elif rest[0] == "\\" and len(rest) > 1:
            out.append(re.escape(rest[1]))
            at += 2
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0])))
            at += 1
    return "".join(out) + r"\Z"


def _bracket(inner: str) -> str:
    negated = inner.startswith(("^", "!"))
    body = inner[1:] if negated else inner
    return f"[{'^/' if negated else ''}{body.replace('[', chr(92) + '[')}]"
