"""multipart/form-data, part by part as it arrives: nothing is held but the piece at hand."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.requests import Request

from mainspring.core.errors import InvalidRequest, TooLarge

_MOST_PARTS = 1000
Headers = dict[str, bytes]


class _PartEnd:
    """The part at hand is over."""


class _FormEnd:
    """There are no more parts."""


_Event = Headers | bytes | _PartEnd | _FormEnd


@dataclass(slots=True)
class Part:
    """One field or file of a form. Its bytes have to be taken before the next part is asked for."""

    name: str
    filename: str | None
    content_type: str | None
    _events: _Events
    _over: bool = field(default=False)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive."""
        while not self._over:
            event = await self._events.next()
            if isinstance(event, bytes):
                yield event
            else:
                self._over = True

    async def text(self, limit: int) -> str:
        """All of it as UTF-8. Raises TooLarge past limit bytes, InvalidRequest for another encoding."""
        raw = bytearray()
        async for chunk in self.chunks():
            raw += chunk
            if len(raw) > limit:
                raise TooLarge(f"The field {self.name} must be at most {limit} bytes")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"The field {self.name} is not valid UTF-8") from error


async def read_parts(request: Request) -> AsyncIterator[Part]:
    """The parts of the request's form. Raises InvalidRequest for what is no form or ends early."""
    events = _Events(request)
    for _ in range(_MOST_PARTS):
        event = await events.next()
        if isinstance(event, _FormEnd):
            return
        assert isinstance(event, dict)
        part = _part(event, events)
        yield part
        async for _rest in part.chunks():
            pass
    raise InvalidRequest(f"A form may have at most {_MOST_PARTS} parts")


class _Events:
    """What the parser finds, in order."""

    def __init__(self, request: Request) -> None:
        from python_multipart.multipart import MultipartParser, parse_options_header

        kind, options = parse_options_header(request.headers.get("content-type"))
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise InvalidRequest("Files are uploaded as multipart/form-data")
        self._found: deque[_Event] = deque()
        self._stream = request.stream()
        self._headers: Headers = {}
        self._name, self._value = b"", b""
        self._parser = MultipartParser(
            boundary[:256],
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": lambda: self._found.append(self._headers),
                "on_part_data": lambda data, start, end: self._found.append(bytes(data[start:end])),
                "on_part_end": lambda: self._found.append(_PartEnd()),
                "on_end": lambda: self._found.append(_FormEnd()),
            },
        )

    async def next(self) -> _Event:
        """The next event. Raises InvalidRequest when the body is broken or ends early."""
        from python_multipart.exceptions import FormParserError

        while not self._found:
            chunk = await anext(self._stream, None)
            if chunk is None:
                raise InvalidRequest("The form ends early")
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise InvalidRequest(f"The form can't be read: {error}") from error
        return self._found.popleft()

    def _begin(self) -> None:
        self._headers = {}

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value
        self._name, self._value = b"", b""


def _part(headers: Headers, events: _Events) -> Part:
    from python_multipart.multipart import parse_options_header

    _, options = parse_options_header(headers.get("content-disposition", b""))
    filename, kind = options.get(b"filename"), headers.get("content-type")
    return Part(
        name=options.get(b"name", b"").decode(errors="replace"),
        filename=filename.decode(errors="replace") if filename is not None else None,
        content_type=kind.decode("latin-1") if kind else None,
        _events=events,
    )
