"""The smallest model: greets, so that a new installation can be seen to work."""

from cog import BaseRunner, Input


class Runner(BaseRunner):
    def run(self, text: str = Input(description="Whom or what to greet")) -> str:
        return "hello " + text
