"""What a prediction's stream says: Cog's events, as structs, with coglet's quirks already put right."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from mainspring.core.errors import InstanceLost

LIVE_CHUNK = "mainspring_chunk"

_INFRASTRUCTURE = re.compile(
    r"Worker crashed|Failed to send request|Failed to create (input|output) dir|"
    r"protocol error|Slot socket|Slot poisoned"
)
_PREFIXES = re.compile(
    r"^(?:(?:worker setup failed(?: \(slot [^)]*\))?|[Ss]etup failed|"
    r"(?:Async )?(?:[Pp]rediction|[Tt]raining) failed): )+"
)
_CLASS_NAME = re.compile(r"^([A-Za-z_][\w.<>]*)(?:: |$)")
_PROCESS_EXITS = ("SystemExit", "KeyboardInterrupt")


class Output(msgspec.Struct, frozen=True):
    """A chunk of output. A model that returns one value sends one chunk: Completed.output is the truth."""

    index: int
    value: msgspec.Raw = msgspec.field(name="chunk")


class Log(msgspec.Struct, frozen=True):
    """Text that the prediction printed, as it printed it."""

    text: str = msgspec.field(name="data")


class Metric(msgspec.Struct, frozen=True):
    """A metric that the prediction recorded. mode: `replace`, `increment` or `append`."""

    name: str
    value: msgspec.Raw
    mode: str = "replace"


class Completed(msgspec.Struct, frozen=True):
    """The end. status: succeeded, failed or canceled; output: the whole, or None."""

    status: str
    output: msgspec.Raw | None = None
    error: str | None = None
    metrics: dict[str, Any] = {}
    logs: str = ""


Event = Output | Log | Metric | Completed


class _Final(msgspec.Struct):
    status: str
    output: msgspec.Raw = msgspec.Raw(b"null")
    error: str | None = None
    metrics: dict[str, Any] = {}
    logs: str = ""


class _Fault(msgspec.Struct):
    error: str = ""


class _InvalidInput(msgspec.Struct):
    loc: list[str | int]
    msg: str


class _InvalidInputs(msgspec.Struct):
    detail: list[_InvalidInput]


_output, _log = msgspec.json.Decoder(Output).decode, msgspec.json.Decoder(Log).decode
_metric = msgspec.json.Decoder(Metric).decode
_final, _fault = msgspec.json.Decoder(_Final).decode, msgspec.json.Decoder(_Fault).decode
_live_chunk = msgspec.json.Decoder(tuple[int, msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode


class EventStream:
    """Turns the bytes of one event stream into events; feed it as they come."""

    def __init__(self) -> None:
        self.ended = False
        self._rest = bytearray()
        self._live = 0

    def feed(self, data: bytes | bytearray) -> list[Event]:
        """All events that are whole by now. Raises InstanceLost if the stream tells of a dead worker."""
        searched = max(0, len(self._rest) - 1)
        self._rest += data
        end = self._rest.find(b"\n\n", searched)
        if end < 0:
            return []
        end = self._rest.rfind(b"\n\n", end)
        whole = bytes(self._rest[:end])
        del self._rest[: end + 2]
        events = (self._event(block) for block in whole.split(b"\n\n"))
        return [event for event in events if event is not None]

    def _event(self, block: bytes) -> Event | None:
        name, _, data = block.removeprefix(b"event: ").partition(b"\ndata: ")
        if name == b"output":
            chunk = _output(data)
            return None if chunk.index < self._live else chunk
        if name == b"log":
            return _log(data)
        if name == b"metric":
            return self._metric(_metric(data))
        if name == b"completed":
            return self._completed(_final(data))
        if name == b"error":
            raise InstanceLost(_fault(data).error)
        return None

    def _metric(self, metric: Metric) -> Event:
        """coglet holds back an async iterator's chunks until its end, not metrics: so they travel as one."""
        if metric.name != LIVE_CHUNK:
            return metric
        index, value = _live_chunk(_text(metric.value))
        self._live = index + 1
        return Output(index, value)

    def _completed(self, final: _Final) -> Completed:
        self.ended = True
        if final.status == "failed" and _INFRASTRUCTURE.match(final.error or ""):
            raise InstanceLost(final.error)
        final.metrics.pop(LIVE_CHUNK, None)
        error = None if final.error is None else said_by_the_model(final.error)
        output = None if bytes(final.output) == b"null" else final.output
        return Completed(final.status, output, error, final.metrics, final.logs)


def said_by_the_model(error: str) -> str:
    """An exception's own message, as Replicate shows it, out of `Prediction failed: … Error: message`.

    Where there is no message, or the exception is one that ends a process, the class name is what is left.
    """
    text = _PREFIXES.sub("", error, count=1)
    found = _CLASS_NAME.match(text) if text != error else None
    if found is None or found[1] in _PROCESS_EXITS:
        return text
    return text[found.end() :] or found[1]


def setup_error(logs: str) -> str:
    """The reason of a failed setup, out of the health reply's logs."""
    return _PREFIXES.sub("", logs.strip())


def refusal(status: int, body: bytes) -> Completed:
    """What a response that is no stream means. Raises InstanceLost if the instance can't serve at all."""
    if status >= 500:
        raise InstanceLost(f"The instance answered {status}: {body[:500].decode(errors='replace')}")
    try:
        faults = msgspec.json.decode(body, type=_InvalidInputs).detail
        text = "\n".join(f"{'.'.join(map(str, fault.loc[1:]))}: {fault.msg}" for fault in faults)
    except (msgspec.DecodeError, msgspec.ValidationError):
        text = body.decode(errors="replace")
    return Completed("failed", error=text)
