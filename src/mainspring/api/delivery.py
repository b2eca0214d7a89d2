"""Bytes out: an object with its type, ETag and ranges, such that it can't act as a page of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

_SAFE_TYPE = re.compile(
    r"[A-Za-z0-9][\w.+-]{0,126}/[A-Za-z0-9][\w.+-]{0,126}(?:;[\x20-\x7e]{0,200})?", re.ASCII
)
_PDF = "application/pdf"


def media_type(text: str) -> str:
    """The content type as far as it can be one."""
    return text if _SAFE_TYPE.fullmatch(text) else "application/octet-stream"


def deliver(
    request: Request,
    path: Path,
    content_type: str,
    md5: str,
    headers: Mapping[str, str],
    filename: str | None = None,
) -> Response:
    """The file at path; 304 when the client has it, 206 and 416 for ranges. filename: offered for saving."""
    etag = f'"{md5}"'
    kind = media_type(content_type)
    # Browsers can't show a sandboxed PDF; a PDF can't script the page's origin.
    guard = (
        {}
        if kind == _PDF
        else {"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"}
    )
    sent = {"ETag": etag, "X-Content-Type-Options": "nosniff", **guard, **headers}
    if _has(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=sent)
    return FileResponse(path, headers=sent, media_type=kind, filename=filename)


def _has(if_none_match: str, etag: str) -> bool:
    known = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in known or known == ["*"]
