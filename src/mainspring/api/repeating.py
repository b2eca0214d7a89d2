"""Requests that are sent again: the same key and the same request get what the first one made, and nothing more."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from mainspring.api.context import Context, context
from mainspring.core.errors import Conflict, InvalidRequest
from mainspring.core.ids import rfc3339
from mainspring.database import Statement
from mainspring.records.accounts import Caller
from mainspring.records.answers import Answer, note

_KEY = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,254}")
_KEPT = timedelta(hours=24)
_RETRIED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Note:
    """Writes down what a request makes: its statements belong into the transaction that makes it.

    There are none when nobody gave a key.
    """

    ctx: Context | None = None
    answer: Answer | None = None
    anew: bool = False

    def made(self, made: str) -> tuple[Statement, ...]:
        """A repeated request gets the prediction or training of this id, as it is by then."""
        if self.ctx is None or self.answer is None:
            return ()
        return (note(replace(self.answer, made=made), rfc3339(self.ctx.now()), anew=self.anew),)

    def replied(self, response: Response) -> tuple[Statement, ...]:
        """A repeated request gets this very reply."""
        if self.ctx is None or self.answer is None:
            return ()
        body = self.ctx.vault.seal(bytes(response.body), _about(self.answer))
        answer = replace(self.answer, status=response.status_code, body=body)
        return (note(answer, rfc3339(self.ctx.now()), anew=self.anew),)


NO_NOTE = Note()
Make = Callable[[Note], Awaitable[Response]]
Again = Callable[[str], Awaitable[Response]]


async def once(
    request: Request, caller: Caller, raw: bytes, make: Make, again: Again | None = None
) -> Response:
    """What `make` replies, or what was replied to this request before.

    raw: the body, or whatever tells one request to this path from another. make: gets the note, whose statements
    it puts into its transaction, and raises Conflict when that made nothing. again: the reply for an id that was
    given to `Note.made`. Raises Conflict for a key that another request used, InvalidRequest for one that is none.
    """
    asked = _asked(request, caller, raw)
    if asked is None:
        return await make(NO_NOTE)
    ctx, answer = context(request), asked.answer
    assert answer is not None
    found = None if asked.anew else await ctx.answers.get(answer.account, answer.key, rfc3339(ctx.now()))
    if found is None:
        try:
            return await make(asked)
        except Conflict:
            found = await ctx.answers.get(answer.account, answer.key, rfc3339(ctx.now()))
            if found is None:
                raise
    if found.digest != answer.digest:
        raise Conflict("This Idempotency-Key was used for another request.")
    return await _repeat(ctx, found, again)


async def _repeat(ctx: Context, found: Answer, again: Again | None) -> Response:
    if found.made is not None:
        assert again is not None
        response = await again(found.made)
    else:
        body = ctx.vault.open(found.body or "", _about(found))
        response = Response(body, found.status or 200, media_type="application/json")
    response.headers["Idempotent-Replayed"] = "true"
    return response


def _asked(request: Request, caller: Caller, raw: bytes) -> Note | None:
    """The note for a request that may be repeated.

    The 2.x Python client repeats a POST that it got no answer to, without a key but with a count: its request is
    its own key, which a count of 0 takes anew.
    """
    key, count = request.headers.get("idempotency-key"), request.headers.get("x-stainless-retry-count")
    if key is None and count is None:
        return None
    ctx = context(request)
    head = f"{request.method} {request.scope['path']}\n".encode()
    digest = base64.b64encode(hashlib.sha256(head + raw).digest()).decode()
    if key is not None:
        if not _KEY.fullmatch(key):
            raise InvalidRequest("Idempotency-Key must be 1 to 255 printable ASCII characters.")
        expires_at = rfc3339(ctx.now() + _KEPT)
        return Note(ctx, Answer(account=caller.username, key=key, digest=digest, expires_at=expires_at))
    expires_at = rfc3339(ctx.now() + _RETRIED_WITHIN)
    answer = Answer(account=caller.username, key=f"\n{digest}", digest=digest, expires_at=expires_at)
    return Note(ctx, answer, anew=count == "0")


def _about(answer: Answer) -> str:
    return f"answer {answer.account} {answer.key}"
