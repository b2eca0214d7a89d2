"""What predictions of this process say right now: a tee for those who wait or read along.

The ledger stays the truth. A reader that finds nothing here reads rows instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mainspring.core.prediction import Prediction
from mainspring.database.hints import release
from mainspring.records.history import History


class Live:
    """One prediction on its way. chunks are raw JSON values in order; logs are texts in order.

    moments: what its attempt adds to its timeline. followers: those of predictions that wait for this one's run.
    """

    __slots__ = ("_waiting", "abandoned", "chunks", "final", "followers", "logs", "moments")

    def __init__(self) -> None:
        self.followers: list[Live] = []
        self.chunks: list[bytes] = []
        self.logs: list[str] = []
        self.moments: dict[str, Any] = {}
        self.final: Prediction | None = None
        self.abandoned = False
        self._waiting: list[asyncio.Future[None]] = []

    def say(self, chunks: Sequence[bytes], logs: Sequence[str]) -> None:
        """Add what arrived and wake readers."""
        self.chunks.extend(chunks)
        self.logs.extend(logs)
        for follower in self.followers:
            follower.say(chunks, logs)
        self._wake()

    def restart(self) -> None:
        """Forget what a lost attempt said."""
        self.chunks.clear()
        self.logs.clear()
        self.moments = {}
        for follower in self.followers:
            follower.restart()

    def end(self, final: Prediction) -> None:
        """Tell everybody that it is over."""
        self.final = final
        self._wake()

    def abandon(self) -> None:
        """Tell everybody that this process will not see the end."""
        self.abandoned = True
        self._wake()

    async def changed(self, timeout_s: float) -> None:
        """Return at the next word of it, or after timeout_s."""
        if self.final is not None or self.abandoned:
            return
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self._waiting.append(future)
        handle = loop.call_later(timeout_s, release, future)
        try:
            await future
        finally:
            handle.cancel()

    async def ended(self, timeout_s: float) -> Prediction | None:
        """The ended prediction, or None when timeout_s passed first or the process stops."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        while self.final is None and not self.abandoned and (left := until - loop.time()) > 0:
            await self.changed(left)
        return self.final

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            release(future)


class Seat(Protocol):
    """An instance of this process that takes predictions past the line, when nobody stands in it."""

    id: str

    def reserve(self) -> bool:
        """Hold a free slot; False when there is none."""

    def release(self) -> None:
        """Give the held slot back."""

    def begin(self, prediction: Prediction) -> None:
        """Run a prediction that was stored as claimed by this instance, in the held slot."""


class Feed:
    """Every prediction that was made or is run by this process and has not ended."""

    def __init__(self) -> None:
        self._live: dict[str, Live] = {}
        self._waiting: dict[str, int] = {}
        self._moved: dict[str, int] = {}
        self._seats: dict[str, list[Seat]] = {}
        self.history = History()
        self._on_end: list[Callable[[Prediction], None]] = []
        self.stopping = False

    def on_end(self, tell: Callable[[Prediction], None]) -> None:
        """Call `tell` with every prediction that ends, once the ledger has it."""
        self._on_end.append(tell)

    def open(self, prediction_id: str) -> Live:
        """The prediction's tee, made when it is not there."""
        live = self._live.get(prediction_id)
        if live is None:
            live = self._live[prediction_id] = Live()
        return live

    def get(self, prediction_id: str) -> Live | None:
        """The prediction's tee, if this process has one."""
        return self._live.get(prediction_id)

    def close(self, final: Prediction) -> None:
        """End the tee; those who hold it see the end, later readers read the ledger."""
        live = self._live.pop(final.id, None)
        if live is not None:
            live.end(final)
        for tell in self._on_end:
            tell(final)

    def close_waiting(self, final: Prediction) -> None:
        """End the tee of one that ended before it ran: it waits no more. Who followed another stood in no line."""
        if final.follows is None:
            self.moved(final.queue, -1)
        self.close(final)

    def follow(self, leader_id: str, prediction_id: str) -> None:
        """What the one says and has said, the other says as well, and nothing else; if the one is known here."""
        leader, follower = self.get(leader_id), self.open(prediction_id)
        if leader is None or follower in leader.followers:
            return
        follower.restart()
        follower.say(leader.chunks, leader.logs)
        leader.followers.append(follower)

    def drop(self, prediction_id: str) -> None:
        """Forget a prediction that was never stored."""
        self._live.pop(prediction_id, None)

    def abandon(self) -> None:
        """Let everybody go who waits for what will end in another process."""
        for live in self._live.values():
            live.abandon()

    def waiting(self, queue: str) -> int:
        """About how many predictions wait in a queue: as last counted, and those that came since."""
        return max(0, self._waiting.get(queue, 0))

    def offer(self, queue: str, seat: Seat) -> None:
        """An instance serves a queue from now on."""
        self._seats.setdefault(queue, []).append(seat)

    def withdraw(self, queue: str, seat: Seat) -> None:
        """It does not any more."""
        self._seats[queue].remove(seat)

    def served(self, queue: str) -> bool:
        """Whether an instance of this process serves the queue, be it busy or not."""
        return bool(self._seats.get(queue))

    def reserve(self, queue: str) -> Seat | None:
        """A held slot for a new prediction; None when there is none or others wait for it."""
        if self.waiting(queue):
            return None
        return next((seat for seat in self._seats.get(queue, ()) if seat.reserve()), None)

    def moved(self, queue: str, change: int) -> None:
        """So many more wait, or fewer. Who leaves may be told of before who came: the sum is right in the end."""
        self._waiting[queue] = self._waiting.get(queue, 0) + change
        self._moved[queue] = self._moved.get(queue, 0) + 1

    def movements(self) -> dict[str, int]:
        """To be taken before the ledger is counted, and given to `counted`."""
        return dict(self._moved)

    def counted(self, waiting: dict[str, int], since: dict[str, int]) -> None:
        """What the ledger says waits, for queues where nothing moved since."""
        for queue in waiting.keys() | self._waiting.keys():
            if self._moved.get(queue) == since.get(queue):
                self._waiting[queue] = waiting.get(queue, 0)

    def __len__(self) -> int:
        return len(self._live)
