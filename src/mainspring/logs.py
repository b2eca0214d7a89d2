"""One shape for every line of the log, whoever wrote it: people's or JSON, with what it is about and no secret."""

from __future__ import annotations

import logging
import re
import sys
from typing import IO, Any

import structlog
from structlog.typing import EventDict, Processor

from mainspring.core.errors import MainspringError

_CHATTY = (
    "uvicorn",
    "uvicorn.error",
    "asyncio",
    "aiohttp",
    "httpx",
    "httpcore",
    "urllib3",
    "opentelemetry",
    "markdown_it",
)
# Tokens, signing secrets, codes and capabilities in URLs, passwords in URLs, and headers that carry any of them.
_SECRETS = re.compile(
    r"\bms_[A-Za-z0-9]{8,}|\bwhsec_[A-Za-z0-9+/=]{8,}|\bhf_[A-Za-z0-9]{8,}|\br8_[A-Za-z0-9]{8,}"
    r"|(?<=[?&]code=)[\w.~-]+|(?<=[?&]capability=)[\w.~-]+|(?<=://)[^\s/@\"']+(?=@)"
    r"|(?<=[Bb]earer )\S{8,}|\b[a-z2-7]{52}\b"
)
_NAMES = re.compile(r"token|secret|password|authorization|cookie|api_?key|capability", re.IGNORECASE)
_GONE = "[redacted]"


def configure(level: str, shape: str, stream: IO[str] | None = None) -> None:
    """Write everything from `level` on to a stream, stderr if none is given.

    shape: console, json, or auto: for people on a terminal, else JSON. Raises MainspringError for other words.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None or shape not in ("auto", "console", "json"):
        raise MainspringError(
            f"log_level can be debug, info, warning or error, log_format auto, console or json: not {level}, {shape}"
        )
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(shape == "json" or (shape == "auto" and not stream.isatty()), stream))
    logging.basicConfig(level=number, handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


def redact(text: str) -> str:
    """The text without what looks like a secret."""
    return _SECRETS.sub(_GONE, text)


def _steps() -> list[Processor]:
    """What happens to each record: what was said `extra` and what its task is about become keys."""
    return [
        structlog.stdlib.ExtraAdder(),
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _without_secrets,
    ]


def _formatter(as_json: bool, stream: IO[str]) -> logging.Formatter:
    last: Processor = structlog.processors.JSONRenderer(sort_keys=False, default=str)
    if not as_json:
        # Its own tracebacks would show the values of variables.
        plain = structlog.dev.plain_traceback
        last = structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_steps(), processors=[remove, last])


def _without_secrets(_logger: Any, _method: str, line: EventDict) -> EventDict:
    return {key: _GONE if _NAMES.search(key) and value else _clean(value) for key, value in line.items()}


def _clean(value: Any) -> Any:
    """Whatever is not a number or a record of logging's own is text in the end."""
    if value is None or isinstance(value, bool | int | float | logging.LogRecord):
        return value
    return redact(value if isinstance(value, str) else str(value))
