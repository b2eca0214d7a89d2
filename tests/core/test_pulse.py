"""When an instance counts as lost: three questions in a row, however long they took."""

from __future__ import annotations

from functools import reduce

import pytest

from mainspring.core.pulse import MISSES, Answer, Pulse


def after(*answers: Answer, busy: bool = False, took_s: float = 5.0) -> Pulse:
    """A pulse that was asked once for each answer, a minute apart."""

    def ask(pulse: Pulse, numbered: tuple[int, Answer]) -> Pulse:
        number, answer = numbered
        return pulse.asked(number * 60.0).told(answer, number * 60.0 + took_s, busy=busy, limit_s=20.0)

    return reduce(ask, enumerate(answers), Pulse())


@pytest.mark.parametrize("answer", [Answer.SILENCE, Answer.NONSENSE, Answer.DEAD])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_three_in_a_row_are_too_many(answer: Answer, busy: bool) -> None:
    assert not after(*[answer] * (MISSES - 1), busy=busy).lost
    assert after(*[answer] * MISSES, busy=busy).lost


def test_an_answer_between_them_begins_the_count_anew() -> None:
    silent = [Answer.SILENCE] * (MISSES - 1)
    assert not after(*silent, Answer.WELL, *silent).lost


def test_a_model_that_holds_the_interpreter_is_at_work_but_not_when_it_runs_nothing() -> None:
    assert after(*[Answer.STALLED] * 100, busy=True).missed == 0
    assert after(*[Answer.STALLED] * MISSES).lost


def test_work_that_holds_the_interpreter_does_not_make_up_for_silence() -> None:
    assert after(
        Answer.SILENCE, Answer.STALLED, Answer.SILENCE, Answer.STALLED, Answer.SILENCE, busy=True
    ).lost


def test_answers_that_we_slept_through_do_not_count() -> None:
    """A laptop is shut for an hour, again and again, each time in the middle of a question."""
    assert after(*[Answer.SILENCE] * 100, took_s=3_600.0).missed == 0


def test_it_is_asked_every_so_often_and_at_once_after_a_miss() -> None:
    assert Pulse().due(0.0, 5.0)
    well = Pulse().asked(10.0).told(Answer.WELL, 10.1, busy=False, limit_s=20.0)
    assert [well.due(now, 5.0) for now in (10.2, 14.9, 15.0)] == [False, False, True]
    assert well.asked(15.0).told(Answer.SILENCE, 20.0, busy=False, limit_s=20.0).due(20.0, 5.0)
