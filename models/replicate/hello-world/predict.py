"""Replicate's first model: greets, so that an installation can be seen to work."""

from cog import BaseRunner, Input


class Runner(BaseRunner):
    def run(self, text: str = Input(description="Text to prefix with 'hello '")) -> str:
        return "hello " + text
