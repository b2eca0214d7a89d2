"""When a stored answer stands for a run: what a model's owner declares, what a request wishes, which inputs are alike.

A model's owner declares it deterministic, or names the input that makes it so when a request gives it. Without such
a declaration nothing is ever answered from the store, whatever a request wishes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mainspring.core.durations import parse_duration
from mainspring.core.prediction import Prediction, Status

NO_STORE = "no-store"
_MAX_AGE = re.compile(r"max-age=\"?([0-9]{1,10})\"?")
_NUMBERS = frozenset({"number", "integer"})
_canonical = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner of a model declared.

    seed_input: the input that makes it deterministic. max_age_s: how old an answer may be that nobody asked for
    especially; None when a request has to ask.
    """

    deterministic: bool = False
    seed_input: str | None = None
    max_age_s: int | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request wants. use: an answer from the store, or not; None leaves it to the model.

    max_age_s: how old it may be at most. store: whether the result may be stored.
    """

    use: bool | None = None
    max_age_s: int | None = None
    store: bool = True


@dataclass(frozen=True, slots=True)
class Terms:
    """How the store takes part in one request.

    look: answer from it, or with a run that is under way, if there is one. keep: store the result. max_age_s: how old
    an answer may be. bypass: why it takes no part after all, for people.
    """

    look: bool = False
    keep: bool = False
    max_age_s: int = 0
    bypass: str | None = None


def wish_of(body: object, header: str | None) -> Wish:
    """What a request's `cache` says, or else its Cache-Control. Raises ValueError for a `cache` that can't be read."""
    if body is not None:
        return _wish_of_body(body)
    return _wish_of_header(header) if header else Wish()


def _wish_of_body(body: object) -> Wish:
    if isinstance(body, bool):
        return Wish(use=body)
    if body == NO_STORE:
        return Wish(use=False, store=False)
    return _no_older(parse_duration(str(body)))


def _wish_of_header(header: str) -> Wish:
    """As RFC 9111 has it; directives that mean nothing here are passed over."""
    said = {one.strip().lower() for one in header.split(",")}
    if NO_STORE in said:
        return Wish(use=False, store=False)
    if "no-cache" in said:
        return Wish(use=False)
    ages = [found[1] for one in said if (found := _MAX_AGE.fullmatch(one))]
    return _no_older(int(ages[0])) if ages else Wish()


def _no_older(seconds: int) -> Wish:
    return Wish(use=True, max_age_s=seconds) if seconds else Wish(use=False)


def terms(policy: Policy, wish: Wish, given: Mapping[str, Any], longest_s: float) -> Terms | None:
    """How the store takes part; None when nobody wants it to. given: the input; longest_s: what the platform allows."""
    usual = policy.max_age_s is not None
    if not (usual or wish.use) or (wish.use is False and not wish.store):
        return None
    if not policy.deterministic and policy.seed_input is None:
        return Terms(bypass="the model is not declared deterministic") if wish.use else None
    if not policy.deterministic and not _is_seed(given.get(policy.seed_input or "")):
        return Terms(bypass=f"the input gives no {policy.seed_input}")
    ages = (int(longest_s), policy.max_age_s, wish.max_age_s)
    return Terms(look=wish.use is not False, keep=wish.store, max_age_s=min(a for a in ages if a is not None))


def _is_seed(value: object) -> bool:
    """By custom, a seed below zero asks for a random one."""
    if isinstance(value, int | float):
        return value >= 0
    return bool(value)


def canonical(
    given: Mapping[str, Any], properties: Mapping[str, Mapping[str, Any]], contents: Mapping[str, Any]
) -> bytes:
    """The input as one text: defaults filled in, names sorted, 1.0 as 1 where numbers are wanted.

    properties: of the version's input schema. contents: what stands for the inputs that are files.
    """
    defaults = {k: s["default"] for k, s in properties.items() if s.get("default") is not None}
    whole = {**defaults, **given, **contents}
    return _canonical({name: _plain(value, properties.get(name, {})) for name, value in whole.items()})


def _plain(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        inside = schema.get("items", {})
        return [_plain(one, inside) for one in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and _is_number(schema):
        return int(value)
    return value


def _is_number(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return bool(_NUMBERS & ({kind} if isinstance(kind, str) else set(kind or ())))


def identity(scope: Sequence[str | None], given: bytes) -> str:
    """What a key is made of: whose it is, what runs, and the canonical input."""
    return _canonical(list(scope)).decode() + "\n" + given.decode()


def shares_end(leader: Prediction, follower: Prediction) -> bool:
    """Whether one that waits for another's run ends as that did; else one of those who wait has to run.

    A result is everybody's. A failure is shared within an account: the same input fails again, and its retries
    are behind it already. Who cancels, or sets a deadline, speaks for himself.
    """
    if leader.status is Status.SUCCEEDED:
        return not leader.data_removed
    return leader.status is Status.FAILED and leader.account == follower.account


def metrics_of_answer(metrics: str | None, total_s: float, age_s: float) -> str:
    """The metrics of what was not run: the model's counts stay, no time was spent on it."""
    told: dict[str, Any] = msgspec.json.decode(metrics) if metrics else {}
    counts = {k: v for k, v in told.items() if k.endswith("_count")}
    spent = {"predict_time": 0.0, "total_time": round(total_s, 6)}
    return msgspec.json.encode({**counts, **spent, "cached": True, "cache_age": round(age_s, 3)}).decode()
