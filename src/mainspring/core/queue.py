"""The lines that predictions wait in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits together for the same instances: those of a version, of a deployment's release, or one training's.

    As text: `owner/name:version`, and then `@owner/name#release` for a deployment or `!id` for a training.
    """

    model: str
    version: str
    deployment: str | None = None
    release: int = 0
    training: str | None = None

    def __str__(self) -> str:
        line = f"{self.model}:{self.version}"
        if self.deployment is not None:
            return f"{line}@{self.deployment}#{self.release}"
        return f"{line}!{self.training}" if self.training is not None else line

    @classmethod
    def parse(cls, text: str) -> Queue:
        """What `str` made."""
        line, _, training = text.partition("!")
        line, _, deployment = line.partition("@")
        model, _, version = line.partition(":")
        if deployment:
            path, _, release = deployment.rpartition("#")
            return cls(model, version, deployment=path, release=int(release))
        return cls(model, version, training=training or None)
