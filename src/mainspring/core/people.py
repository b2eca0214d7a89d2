"""Who may do what: scopes of tokens, roles of an organization's people, and what a token may give to another.

A role is the scopes that it allows on what its organization has. So each operation says one scope, and both are
looked up by it: the token must have it, and the role must allow it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from mainspring.core.catalog import name_fault


class Scope(StrEnum):
    """What a token may do.

    read: see. run: make and stop predictions, upload files. push: make and change models, versions, trainings and
    deployments. admin: tokens, members, limits, settings, the audit log.
    """

    READ = "read"
    RUN = "run"
    PUSH = "push"
    ADMIN = "admin"


class Role(StrEnum):
    """What somebody is in an organization."""

    VIEWER = "viewer"
    MEMBER = "member"
    OWNER = "owner"


EVERY_SCOPE = frozenset(Scope)
ALLOWS: dict[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.MEMBER: frozenset({Scope.READ, Scope.RUN, Scope.PUSH}),
    Role.OWNER: EVERY_SCOPE,
}
# First parts of paths that pages, files and the API have: an account of that name would have no pages.
RESERVED = frozenset(
    (
        "account",
        "accounts",
        "aliases",
        "api",
        "assets",
        "audit",
        "cache",
        "catalog",
        "collections",
        "deployments",
        "docs",
        "favicon.ico",
        "files",
        "fleet",
        "hardware",
        "health",
        "limits",
        "login",
        "logout",
        "metrics",
        "models",
        "openapi.json",
        "organizations",
        "outputs",
        "p",
        "predictions",
        "ready",
        "robots.txt",
        "s",
        "search",
        "settings",
        "shared",
        "static",
        "streams",
        "tokens",
        "trainings",
        "usage",
        "v1",
        "webhooks",
    )
)


def with_read(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """The scopes of a new token: whoever runs, pushes or administers has to see what comes of it."""
    return frozenset({*scopes, Scope.READ})


def spelled(scopes: Iterable[Scope]) -> str:
    """Scopes as one text, in their order."""
    found = set(scopes)
    return " ".join(scope for scope in Scope if scope in found)


def scopes_of(text: str) -> frozenset[Scope]:
    """The scopes that `spelled` wrote. Raises ValueError for a word that is none."""
    return frozenset(map(Scope, text.split()))


def username_fault(username: str) -> str | None:
    """Why username can't be an account's name, as a sentence's end; None for one that can."""
    if username.lower() in RESERVED:
        return "is taken by a page of this platform"
    return name_fault(username)


def grant_fault(
    giver: frozenset[Scope], giver_until: str | None, scopes: frozenset[Scope], until: str | None
) -> str | None:
    """Why a token of these scopes and this end (RFC 3339) can't make or renew one with those; None if it can."""
    if missing := scopes - giver:
        return f"A token can't give scopes that it lacks itself: {spelled(missing)}."
    if giver_until is not None and (until is None or until > giver_until):
        return f"A token can't make one that outlives it: it ends at {giver_until}."
    return None
