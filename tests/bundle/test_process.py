"""What programs of ours get to see, and what of them we get to see."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mainspring.bundle.process import author_variables, finish, installer_variables
from mainspring.core.errors import BundleError

OURS = {
    "PATH": "/bin",
    "LC_ALL": "C",
    "MAINSPRING_TOKEN": "ms_secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "HTTPS_PROXY": "http://proxy",
    "UV_OFFLINE": "1",
    "PIP_INDEX_URL": "https://one",
    "PIP_EXTRA_INDEX_URL": "https://two https://three",
    "PIP_FIND_LINKS": "/a /b",
    "PIP_CERT": "/ca.pem",
}


def test_an_author_sees_little() -> None:
    assert author_variables(OURS) == {"PATH": "/bin", "LC_ALL": "C"}


def test_uv_sees_the_indexes() -> None:
    assert installer_variables(OURS) == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "HTTPS_PROXY": "http://proxy",
        "UV_OFFLINE": "1",
        "UV_DEFAULT_INDEX": "https://one",
        "UV_EXTRA_INDEX_URL": "https://two https://three",
        "UV_FIND_LINKS": "/a,/b",
        "SSL_CERT_FILE": "/ca.pem",
    }
    assert installer_variables({**OURS, "UV_FIND_LINKS": "/c"})["UV_FIND_LINKS"] == "/c"


async def test_credentials_are_masked(tmp_path: Path) -> None:
    lines: list[str] = []
    script = (
        "echo https://user:pass@index/simple >&2; echo git+ssh://tok@host; printf 'no newline' >&2; exit 3"
    )
    done = await finish(["sh", "-c", script], cwd=tmp_path, environ={}, timeout_s=10, on_line=lines.append)
    assert lines == ["https://***@index/simple", "no newline"]
    assert done.status == 3
    assert done.errors == "https://***@index/simple\nno newline"
    assert done.output == "git+ssh://***@host\n"


async def test_a_flood_stays_small(tmp_path: Path) -> None:
    script = "head -c 5000000 /dev/zero | tr '\\0' x; echo; echo end"
    done = await finish(["sh", "-c", script], cwd=tmp_path, environ={"PATH": os.defpath}, timeout_s=20)
    assert len(done.output) == 256 << 10
    assert done.output.endswith("\nend\n")


async def test_what_it_leaves_behind_ends_too(tmp_path: Path) -> None:
    script = "sleep 60 >/dev/null 2>&1 & echo $!"
    done = await finish(["sh", "-c", script], cwd=tmp_path, environ={"PATH": os.defpath}, timeout_s=10)
    async with asyncio.timeout(30):
        while _alive(int(done.output)):
            await asyncio.sleep(0.01)


async def test_a_program_that_keeps_its_output_open(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"sh took longer than 0\.3 s"):
        await finish(
            ["sh", "-c", "sleep 60 & exit 0"], cwd=tmp_path, environ={"PATH": os.defpath}, timeout_s=0.3
        )


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
