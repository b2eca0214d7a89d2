"""What a handler works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from mainspring.api.limits import Limits
from mainspring.core.egress import Egress
from mainspring.core.hardware import Hardware
from mainspring.database import Database
from mainspring.database.hints import Hints
from mainspring.launchers.machine import Machine
from mainspring.objects import Objects
from mainspring.records.feed import Feed
from mainspring.records.ledger import Ledger
from mainspring.records.rendering import Renderer
from mainspring.records.vault import Vault
from mainspring.services.builder import Builder
from mainspring.services.installer import Installer
from mainspring.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Ledger):
    """The ledger, and the other parts of the platform that the API touches.

    hardware: what can be chosen on this machine. egress: where webhooks may go.
    """

    settings: Settings
    database: Database
    hints: Hints
    objects: Objects
    vault: Vault
    feed: Feed
    renderer: Renderer
    hardware: tuple[Hardware, ...]
    machine: Machine
    builder: Builder
    installer: Installer
    limits: Limits
    egress: Egress
    now: Callable[[], datetime]


def context(request: Request) -> Context:
    """The platform behind this app."""
    found: Context = request.app.state.context
    return found
