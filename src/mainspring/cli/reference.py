"""owner/name, and owner/name:version, as commands are given them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mainspring.cli.calls import quoted
from mainspring.cli.terminal import CliError

_REFERENCE = re.compile(r"^([^/:]+)/([^/:]+)(?::([^/:]+))?$")


@dataclass(frozen=True, slots=True)
class Reference:
    """owner/name, and a version when one is named."""

    owner: str
    name: str
    version: str | None

    @property
    def path(self) -> str:
        """The model in the API."""
        return f"/v1/models/{quoted(self.owner)}/{quoted(self.name)}"

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


def parse_reference(text: str) -> Reference:
    """`owner/name[:version]`. Raises CliError."""
    found = _REFERENCE.match(text)
    if not found:
        raise CliError(f"{text!r} names no model.", "A model is written owner/name, or owner/name:version.")
    return Reference(found[1], found[2], found[3])


def parse_model(text: str) -> Reference:
    """`owner/name`. Raises CliError for a version too."""
    reference = parse_reference(text)
    if reference.version:
        raise CliError(f"{text!r} names a version.", f"Say {reference}.")
    return reference
