"""A benchmark by its small way: one command, from the push to the table."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


async def measured(module: str, file: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    """The figures by name. file: where the command writes them."""
    kept = os.environ.get("MAINSPRING_TEST_ENVIRONMENTS")
    environ = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}"} | ({"UV_CACHE_DIR": f"{kept}/cache"} if kept else {})
    command = (sys.executable, "-m", module, "--cpu", "--tiny", "--rounds", "1", "--json", str(file))
    run = await asyncio.create_subprocess_exec(*command, *arguments, cwd=ROOT, env=environ)
    assert await run.wait() == 0
    return {each["name"]: each for each in json.loads(file.read_text())["figures"]}
