"""What `mainspring account` and `mainspring org` have in common: a name for people, and a switch."""

from __future__ import annotations

from typing import Any, Literal

from mainspring.cli.calls import call, quoted
from mainspring.cli.terminal import tell

Kind = Literal["accounts", "organizations"]
_COMMANDS = {"accounts": "account", "organizations": "org"}


def rename(kind: Kind, username: str, name: str) -> None:
    """Give it another name for people."""
    _change(kind, username, name=name)
    tell(f"{username} is called {name}.")


def disable(kind: Kind, username: str) -> None:
    """Let nobody act for it any more."""
    _change(kind, username, disabled=True)
    tell(f"{username} is disabled. To undo it: mainspring {_COMMANDS[kind]} enable {username}")


def enable(kind: Kind, username: str) -> None:
    """Undo `disable`."""
    _change(kind, username, disabled=False)
    tell(f"{username} is enabled.")


def state(found: dict[str, Any]) -> str:
    """Whether it can be acted for, in a word."""
    return "disabled" if found["disabled_at"] else "active"


def _change(kind: Kind, username: str, **changes: Any) -> None:
    call("PATCH", f"/v1/{kind}/{quoted(username)}", json=changes)
