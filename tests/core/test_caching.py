"""When a stored answer stands for a run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.caching import (
    Policy,
    Terms,
    Wish,
    canonical,
    metrics_of_answer,
    shares_end,
    terms,
    wish_of,
)
from mainspring.core.prediction import Prediction, Status

ASK, REFUSE, FORBID = Wish(use=True), Wish(use=False), Wish(use=False, store=False)
ALWAYS = Policy(deterministic=True, max_age_s=60)
SCHEMA: dict[str, Any] = {
    "size": {"type": ["number", "null"], "default": 2},
    "sizes": {"type": "array", "items": {"type": "integer"}},
    "text": {"type": "string", "default": "1.0"},
    "any": {},
}


@pytest.mark.parametrize(
    ("body", "header", "wish"),
    [
        (None, None, Wish()),
        (True, "no-store", ASK),
        (False, None, REFUSE),
        ("no-store", None, FORBID),
        ("1h", None, Wish(use=True, max_age_s=3600)),
        (90, None, Wish(use=True, max_age_s=90)),
        ("0s", None, REFUSE),
        (None, "no-cache", REFUSE),
        (None, "No-Cache, No-Store", FORBID),
        (None, "stale-if-error=3, MAX-AGE=5", Wish(use=True, max_age_s=5)),
        (None, "max-age=0", REFUSE),
        (None, "max-age=soon, private", Wish()),
    ],
)
def test_what_a_request_wishes(body: object, header: str | None, wish: Wish) -> None:
    assert wish_of(body, header) == wish


@pytest.mark.parametrize("body", ["", "soon", -1, 10**12, "-1h"])
def test_what_is_no_wish(body: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        wish_of(body, None)


@pytest.mark.parametrize(
    ("policy", "wish", "agreed"),
    [
        (ALWAYS, Wish(), Terms(look=True, keep=True, max_age_s=60)),
        (ALWAYS, Wish(use=True, max_age_s=5), Terms(look=True, keep=True, max_age_s=5)),
        (ALWAYS, Wish(use=True, max_age_s=500), Terms(look=True, keep=True, max_age_s=60)),
        (ALWAYS, REFUSE, Terms(look=False, keep=True, max_age_s=60)),
        (ALWAYS, FORBID, None),
        (Policy(deterministic=True), Wish(), None),
        (Policy(deterministic=True), ASK, Terms(look=True, keep=True, max_age_s=100)),
        (Policy(deterministic=True), REFUSE, None),
        (Policy(), Wish(), None),
        (Policy(), ASK, Terms(bypass="the model is not declared deterministic")),
        (Policy(seed_input="seed", max_age_s=60), ASK, Terms(bypass="the input gives no seed")),
    ],
)
def test_owner_and_request_have_to_agree(policy: Policy, wish: Wish, agreed: Terms | None) -> None:
    assert terms(policy, wish, {}, 100.0) == agreed


@pytest.mark.parametrize(
    ("seed", "counts"),
    [(0, True), (7, True), (1.5, True), ("x", True), (-1, False), (None, False), ("", False)],
)
def test_a_seed_is_what_pins_the_output(seed: object, counts: bool) -> None:
    agreed = terms(Policy(seed_input="seed", max_age_s=60), Wish(), {"seed": seed}, 100.0)
    assert agreed is not None
    assert agreed.look is counts


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), values, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_names_does_not_matter_and_everything_else_does(
    inputs: dict[str, Any], random: Any
) -> None:
    shuffled = list(inputs.items())
    random.shuffle(shuffled)
    assert canonical(dict(shuffled), {}, {}) == canonical(inputs, {}, {})
    assert json.loads(canonical(inputs, {}, {})) == inputs
    assert canonical(inputs | {"more": 1}, {}, {}) != canonical(inputs | {"more": True}, {}, {})


def test_numbers_are_what_the_schema_takes_them_for() -> None:
    usual = canonical({}, SCHEMA, {})
    assert usual == canonical({"size": 2.0, "text": "1.0"}, SCHEMA, {})
    assert usual != canonical({"text": "1"}, SCHEMA, {})
    assert canonical({"sizes": [1.0]}, SCHEMA, {}) == canonical({"sizes": [1]}, SCHEMA, {})
    assert canonical({"any": 1.0}, SCHEMA, {}) != canonical({"any": 1}, SCHEMA, {})
    assert canonical({"any": "a"}, SCHEMA, {"any": ["digest", ".png"]}) == canonical(
        {"any": "b"}, SCHEMA, {"any": ["digest", ".png"]}
    )


def ended(status: Status, account: str = "me", removed: int = 0) -> Prediction:
    return Prediction(
        id="p",
        account=account,
        model="me/m",
        version="v",
        queue="me/m:v",
        source="api",
        status=status,
        input="{}",
        created_at="2026-01-01T00:00:00.000000Z",
        data_removed=removed,
    )


def test_whose_end_is_whose() -> None:
    mine, theirs = ended(Status.STARTING), ended(Status.STARTING, "you")
    assert shares_end(ended(Status.SUCCEEDED), mine)
    assert shares_end(ended(Status.SUCCEEDED), theirs)
    assert not shares_end(ended(Status.SUCCEEDED, removed=1), mine)
    assert shares_end(ended(Status.FAILED), mine)
    assert not shares_end(ended(Status.FAILED), theirs)
    assert not shares_end(ended(Status.CANCELED), mine)
    assert not shares_end(ended(Status.ABORTED), mine)


def test_metrics_of_an_answer_keep_counts_and_no_time() -> None:
    run = '{"predict_time": 3, "total_time": 4, "time_to_first_token": 1, "output_token_count": 5}'
    told = json.loads(metrics_of_answer(run, 0.5, 90.0))
    assert told == {
        "output_token_count": 5,
        "predict_time": 0.0,
        "total_time": 0.5,
        "cached": True,
        "cache_age": 90.0,
    }
    assert json.loads(metrics_of_answer(None, 0.5, 90.0))["cached"] is True
