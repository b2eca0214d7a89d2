"""What every page tells its reader of spending limits: those that warn, and those that refuse what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from mainspring.api.context import Context
from mainspring.core.periods import PERIODS, resets
from mainspring.core.pricing import tell_dollars
from mainspring.records.spending import Standing

USAGE = "/usage"


@dataclass(frozen=True, slots=True)
class Notice:
    """hard: whether it refuses; own: whether the reader can raise it."""

    text: str
    hard: bool
    own: bool


async def notices(ctx: Context, account: str) -> tuple[Notice, ...]:
    """Of an account and its tokens, what refuses first."""
    standings = [
        one for one in await ctx.spending.of_account(account, ctx.now()) if one.reached or one.warned
    ]
    names = {}
    if any(one.limit.scope == "token" for one in standings):
        names = {token.id: token.name for token in await ctx.accounts.list_tokens(account)}
    made = [_notice(ctx, one, names) for one in standings]
    return tuple(sorted(made, key=lambda notice: not notice.hard))


def _notice(ctx: Context, standing: Standing, names: dict[str, str]) -> Notice:
    limit, now = standing.limit, ctx.now()
    whose = f" of the token {names.get(limit.holder) or limit.holder}" if limit.scope == "token" else ""
    own = not standing.imposed(ctx.settings.account)
    until = f"{resets(limit.period, now):%-d %B}, 00:00 UTC"
    if standing.reached:
        return Notice(
            f"The {PERIODS[limit.period]} spending limit{whose} of ${tell_dollars(limit.hard or 0)} is reached:"
            f" what costs something is refused until {until}.{'' if own else ' The operator set it.'}",
            True,
            own,
        )
    most = f" of ${tell_dollars(limit.hard)}" if limit.hard is not None else ""
    return Notice(
        f"${tell_dollars(standing.spent)}{most} is spent this {limit.period}{whose}, more than the"
        f" ${tell_dollars(limit.soft or 0)} at which to warn. It counts from zero again on {until}.",
        False,
        own,
    )
