"""Scopes, roles, names, and what one token may give to another."""

from __future__ import annotations

import re
from unittest.mock import MagicMock

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from mainspring.api.app import create_app
from mainspring.core.people import (
    ALLOWS,
    EVERY_SCOPE,
    RESERVED,
    Role,
    Scope,
    grant_fault,
    scopes_of,
    spelled,
    username_fault,
    with_read,
)

RUN = frozenset({Scope.READ, Scope.RUN})
SOON, LATE = "2026-05-01T00:00:00.000000Z", "2027-05-01T00:00:00.000000Z"


def test_each_role_may_do_what_the_one_below_may_and_more() -> None:
    assert ALLOWS[Role.VIEWER] < ALLOWS[Role.MEMBER] < ALLOWS[Role.OWNER] == EVERY_SCOPE
    assert Scope.ADMIN not in ALLOWS[Role.MEMBER]
    assert ALLOWS[Role.VIEWER] == {Scope.READ}


def test_scopes_are_one_text_in_their_order() -> None:
    assert spelled({Scope.ADMIN, Scope.READ}) == "read admin"
    assert scopes_of("run read") == RUN == with_read([Scope.RUN])
    with pytest.raises(ValueError, match="write"):
        scopes_of("read write")


@pytest.mark.parametrize(
    ("giver", "ends", "scopes", "until", "told"),
    [
        (EVERY_SCOPE, None, EVERY_SCOPE, None, None),
        (EVERY_SCOPE, LATE, RUN, SOON, None),
        (EVERY_SCOPE, SOON, RUN, SOON, None),
        (EVERY_SCOPE, SOON, RUN, LATE, "outlives"),
        (EVERY_SCOPE, SOON, RUN, None, "outlives"),
        (RUN, None, EVERY_SCOPE, None, "push admin"),
    ],
)
def test_nobody_gives_what_they_have_not(
    giver: frozenset[Scope], ends: str | None, scopes: frozenset[Scope], until: str | None, told: str | None
) -> None:
    fault = grant_fault(giver, ends, scopes, until)
    assert fault is None if told is None else told in (fault or "")


def test_no_account_can_have_the_name_of_a_page() -> None:
    from mainspring.web.pages import pages

    context = MagicMock()
    app = create_app(context, pages(context))
    while not isinstance(app, Starlette):
        app = next(inner for inner in vars(app).values() if callable(inner))
    routes = app.routes
    first = {route.path.split("/")[1] for route in routes if isinstance(route, Route)}
    first |= {
        path.split("/")[2]
        for path in (r.path for r in routes if isinstance(r, Route))
        if path.startswith("/v1/")
    }
    names = {one for one in first if one and not one.startswith("{")}
    assert names <= RESERVED, names - RESERVED
    assert username_fault("Tokens")
    assert username_fault("a b")
    assert username_fault("")
    assert username_fault("acme") is None
    assert all(re.fullmatch(r"[a-z0-9._-]+", name) for name in RESERVED)
