"""Signing secrets of webhooks: one for each account, for a while two when it is replaced."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from mainspring.core.ids import new_id, rfc3339
from mainspring.core.webhooks import SECRET_BYTES
from mainspring.database import Database, Statement
from mainspring.records.recent import Recent
from mainspring.records.vault import Vault

OVERLAP = timedelta(hours=24)

FIRST = """
    INSERT INTO webhook_secrets (id, account, sealed, created_at)
    SELECT :id, :account, :sealed, :now
    WHERE NOT EXISTS (SELECT 1 FROM webhook_secrets WHERE account = :account AND expires_at IS NULL)"""
DROP = "DELETE FROM webhook_secrets WHERE account = :account AND expires_at IS NOT NULL"
RETIRE = "UPDATE webhook_secrets SET expires_at = :until WHERE account = :account AND expires_at IS NULL"
VALID = """
    SELECT id, sealed, created_at, expires_at FROM webhook_secrets
    WHERE account = :account AND (expires_at IS NULL OR expires_at > :now) ORDER BY id DESC"""


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that signs. expires_at: RFC 3339, None for the one that is not replaced."""

    key: bytes
    created_at: str
    expires_at: str | None


class Signing:
    """The signing secrets of the ledger."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._recent = Recent(ttl_s=1.0)

    async def secrets(self, account: str, now: datetime) -> tuple[Secret, ...]:
        """Those that sign now, the newest first; the first one is made when it is asked for."""
        found: tuple[Secret, ...] | None = self._recent.get(account)
        return found or await self._recent.ask(account, lambda: self._read(account, now)) or ()

    async def rotate(self, account: str, now: datetime) -> tuple[Secret, ...]:
        """Replace the secret. The one so far signs beside the new one for OVERLAP, an older one no more."""
        until = {"account": account, "until": rfc3339(now + OVERLAP)}
        await self._database.write(
            Statement(DROP, until), Statement(RETIRE, until), Statement(FIRST, self._new(account, now))
        )
        self._recent.forget()
        return await self.secrets(account, now)

    async def _read(self, account: str, now: datetime) -> tuple[Secret, ...]:
        given = {"account": account, "now": rfc3339(now)}
        rows = await self._database.fetch(VALID, given)
        if not any(row["expires_at"] is None for row in rows):
            await self._database.write(Statement(FIRST, self._new(account, now)))
            rows = await self._database.fetch(VALID, given)
        return tuple(
            Secret(self._vault.open(row["sealed"], _about(row["id"])), row["created_at"], row["expires_at"])
            for row in rows
        )

    def _new(self, account: str, now: datetime) -> dict[str, str]:
        secret_id = new_id(now)
        sealed = self._vault.seal(secrets.token_bytes(SECRET_BYTES), _about(secret_id))
        return {"id": secret_id, "account": account, "sealed": sealed, "now": rfc3339(now)}


def _about(secret_id: str) -> str:
    return f"webhook secret {secret_id}"
