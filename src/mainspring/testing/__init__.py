"""For tests: a server that speaks Cog and misbehaves on command, and a launcher that starts such servers.

    async def model(run: Run) -> object:      # what a prediction does
        await run.log("thinking\\n")
        await run.output("a", "b")
        return run.input["text"]

    async with FakeCog(model) as cog:
        client = CogClient(cog.address)

Nothing here sleeps: a model waits on events that the test sets, and a test waits with `until`.
"""

from mainspring.testing.cog import ConnectionDrop, FakeCog, Model, Run, WorkerCrash, echo
from mainspring.testing.launcher import FakeLauncher

__all__ = ["ConnectionDrop", "FakeCog", "FakeLauncher", "Model", "Run", "WorkerCrash", "echo"]
