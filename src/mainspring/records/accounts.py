"""Accounts and their tokens. A token itself is never stored, only its SHA-256."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from mainspring.core.errors import Conflict, InvalidRequest
from mainspring.core.ids import new_id, rfc3339
from mainspring.database import Database, Row, Statement
from mainspring.records.recent import Recent

_ALPHABET = string.ascii_letters + string.digits
_TOKEN = re.compile(r"ms_[A-Za-z0-9]{16,125}")


@dataclass(frozen=True, slots=True)
class Account:
    """Who owns models and makes predictions. type: user or organization; created_at: RFC 3339.

    retention_s: seconds that the data of its predictions is kept, 0 for ever, None as the settings say.
    """

    username: str
    type: str
    name: str
    created_at: str
    retention_s: int | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token: prefix and last_four help its owner to recognise it. Times are RFC 3339."""

    id: str
    account: str
    name: str
    prefix: str
    last_four: str
    created_at: str
    last_used_at: str | None
    disabled_at: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """Whose token it is, and its id."""

    account: Account
    token_id: str


_ACCOUNT = ", ".join(f.name for f in fields(Account))
_TOKEN_COLUMNS = ", ".join(f.name for f in fields(Token))

CREATE_ACCOUNT = f"""
    INSERT INTO accounts (username, type, name, created_at) VALUES (:username, :type, :name, :created_at)
    ON CONFLICT (username) DO NOTHING RETURNING {_ACCOUNT}"""
GET_ACCOUNT = f"SELECT {_ACCOUNT} FROM accounts WHERE username = :username"
SET_RETENTION = f"""
    UPDATE accounts SET retention_s = :retention_s WHERE username = :username RETURNING {_ACCOUNT}"""
WHOSE = """
    SELECT a.username, a.type, a.name, a.created_at, a.retention_s, t.id AS token_id
    FROM tokens t JOIN accounts a ON a.username = t.account
    WHERE t.hash = :hash AND t.disabled_at IS NULL"""
WHOSE_ID = """
    SELECT a.username, a.type, a.name, a.created_at, a.retention_s, t.id AS token_id
    FROM tokens t JOIN accounts a ON a.username = t.account
    WHERE t.id = :id AND t.disabled_at IS NULL"""
CREATE_TOKEN = f"""
    INSERT INTO tokens (id, account, name, hash, prefix, last_four, created_at)
    VALUES (:id, :account, :name, :hash, :prefix, :last_four, :created_at)
    ON CONFLICT (hash) DO NOTHING RETURNING {_TOKEN_COLUMNS}"""
SAME_TOKEN = f"""
    SELECT {_TOKEN_COLUMNS} FROM tokens WHERE hash = :hash AND account = :account AND disabled_at IS NULL"""
LIST_TOKENS = f"SELECT {_TOKEN_COLUMNS} FROM tokens WHERE account = :account ORDER BY id DESC"
DISABLE = """
    UPDATE tokens SET disabled_at = :now
    WHERE id = :id AND account = :account AND disabled_at IS NULL RETURNING id"""
TOUCH = "UPDATE tokens SET last_used_at = :now WHERE id = :id"


class Accounts:
    """The accounts of the ledger."""

    def __init__(self, database: Database, recent: Recent | None = None) -> None:
        self._database = database
        self._recent = recent or Recent()
        self._used: set[str] = set()

    async def create_account(self, username: str, type: str, name: str, now: datetime) -> Account:
        """A new account. Raises Conflict when the username is taken."""
        given = {"username": username, "type": type, "name": name, "created_at": rfc3339(now)}
        (rows,) = await self._database.write(Statement(CREATE_ACCOUNT, given, guard=True))
        if not rows:
            raise Conflict(f"The account {username} exists")
        return _account(rows[0])

    async def get(self, username: str) -> Account | None:
        """The account, if there is one."""
        rows = await self._database.fetch(GET_ACCOUNT, {"username": username})
        return _account(rows[0]) if rows else None

    async def set_retention(self, username: str, retention_s: int | None) -> Account | None:
        """Choose how long data of predictions that are made from now on is kept; None without such an account."""
        given = {"username": username, "retention_s": retention_s}
        (rows,) = await self._database.write(Statement(SET_RETENTION, given))
        self._recent.forget()
        return _account(rows[0]) if rows else None

    async def by_token(self, token: str) -> Account | None:
        """Whose token this is; None for one that is unknown or disabled."""
        known = await self.known(token)
        return known.account if known else None

    async def known(self, token: str) -> Known | None:
        """Whose token this is, and which; None for one that is unknown or disabled."""
        digest = _digest(token)
        known: Known | None = self._recent.get(digest)
        if known is None:
            known = await self._recent.ask(digest, lambda: self._read(WHOSE, {"hash": digest}))
        return self._seen(known)

    async def by_token_id(self, token_id: str) -> Account | None:
        """Whose token has this id; None for one that is unknown or disabled."""
        known = await self._recent.ask(("id", token_id), lambda: self._read(WHOSE_ID, {"id": token_id}))
        self._seen(known)
        return known.account if known else None

    async def token_id(self, token: str) -> str | None:
        """The id of this token; None for one that is unknown or disabled."""
        known = await self._read(WHOSE, {"hash": _digest(token)})
        return known.token_id if known else None

    async def create_token(
        self,
        account: str,
        name: str,
        token: str | None = None,
        *,
        now: datetime,
        also: Callable[[Token, str], Sequence[Statement]] = lambda token, secret: (),
    ) -> tuple[Token, str]:
        """A new token and its secret, which is not kept; `token` chooses the secret.

        also: guarded statements of the same transaction, for the token and its secret. The same chosen
        secret again gives the token that it made. Raises InvalidRequest for a secret that does not look like a token,
        Conflict for one that another account has or that was disabled, or when `also` did not allow it.
        """
        secret = token or "ms_" + "".join(secrets.choice(_ALPHABET) for _ in range(37))
        if not _TOKEN.fullmatch(secret):
            raise InvalidRequest("A token is ms_ and then 16 to 125 letters and digits")
        given = {
            "id": new_id(now),
            "account": account,
            "name": name,
            "hash": _digest(secret),
            "prefix": secret[:5],
            "last_four": secret[-4:],
            "created_at": rfc3339(now),
        }
        made = Token(**{k: v for k, v in given.items() if k != "hash"}, last_used_at=None, disabled_at=None)
        *_, rows = await self._database.write(*also(made, secret), Statement(CREATE_TOKEN, given, guard=True))
        rows = rows or await self._database.fetch(SAME_TOKEN, {"hash": given["hash"], "account": account})
        if not rows:
            raise Conflict("This token was taken before")
        return _token(rows[0]), secret

    async def list_tokens(self, account: str) -> list[Token]:
        """The account's tokens, newest first, the disabled ones too."""
        return [_token(row) for row in await self._database.fetch(LIST_TOKENS, {"account": account})]

    async def disable_token(self, account: str, token_id: str, now: datetime) -> bool:
        """End a token; False when the account has no such live token."""
        given = {"id": token_id, "account": account, "now": rfc3339(now)}
        (rows,) = await self._database.write(Statement(DISABLE, given, guard=True))
        self._recent.forget()
        return bool(rows)

    async def touch(self, now: datetime) -> None:
        """Note that the tokens seen since the last call are in use; to be called about once a minute."""
        used, self._used = self._used, set()
        if used:
            at = rfc3339(now)
            await self._database.write(*(Statement(TOUCH, {"id": i, "now": at}) for i in sorted(used)))

    def _seen(self, known: Known | None) -> Known | None:
        if known is not None:
            self._used.add(known.token_id)
        return known

    async def _read(self, sql: str, given: dict[str, str]) -> Known | None:
        rows = await self._database.fetch(sql, given)
        return Known(_account(rows[0]), rows[0]["token_id"]) if rows else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _account(row: Row) -> Account:
    return Account(**{f.name: row[f.name] for f in fields(Account)})


def _token(row: Row) -> Token:
    return Token(**{f.name: row[f.name] for f in fields(Token)})
