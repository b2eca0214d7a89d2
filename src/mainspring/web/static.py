"""The files that pages load, cached for as long as their content stands.

Modules import each other by relative paths, so the directory in the URL changes when any file does.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainspring.core.errors import NotFound

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    packed: bytes
    media_type: str
    digest: str


def asset_url(name: str) -> str:
    """The path of a file in static/; it changes whenever one of them does."""
    assert name in _assets()
    return f"/static/{_release()}/{name}"


async def get(request: Request) -> Response:
    """GET /static/{release}/{name}: for good by a URL of asset_url, else to be asked for again."""
    asset = _assets().get(request.path_params["name"])
    if asset is None:
        raise NotFound
    pinned = request.path_params["release"] == _release()
    headers = {
        "ETag": f'"{asset.digest}"',
        "Cache-Control": "public, max-age=31536000, immutable" if pinned else "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        packed = headers | {"Content-Encoding": "gzip"}
        return Response(asset.packed, headers=packed, media_type=asset.media_type)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


@cache
def _assets() -> dict[str, _Asset]:
    found = {}
    for path in sorted((Path(__file__).parent / "static").iterdir()):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:12]
            packed = gzip.compress(content, 9, mtime=0)
            found[path.name] = _Asset(content, packed, _TYPES[path.suffix], digest)
    return found


@cache
def _release() -> str:
    digests = "".join(asset.digest for asset in _assets().values())
    return hashlib.sha256(digests.encode()).hexdigest()[:12]


routes = [Route("/static/{release}/{name}", get, methods=["GET"])]
