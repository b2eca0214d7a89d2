"""Writes down what the audit log has gathered, several times a second."""

from __future__ import annotations

from mainspring.records.audit import Audit


class Clerk:
    """One batch after the other: many creates share a transaction."""

    topic = "audit"
    interval_s = 0.2

    def __init__(self, audit: Audit) -> None:
        self._audit = audit

    async def run_once(self) -> int:
        """Write what is there. Returns how many entries."""
        return await self._audit.flush()
