"""The command `mainspring`: one file per command; what is slow to import is imported when a command runs."""

from __future__ import annotations


def main() -> None:
    """Runs the command line."""
    from mainspring.cli.app import app

    app(prog_name="mainspring")
