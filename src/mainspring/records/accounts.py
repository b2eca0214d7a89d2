"""Accounts and their tokens. A token itself is never stored, only its SHA-256."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from mainspring.core.errors import Conflict, InvalidRequest
from mainspring.core.ids import new_id, rfc3339
from mainspring.core.people import EVERY_SCOPE, Scope, scopes_of, spelled
from mainspring.database import Database, Row, Statement
from mainspring.records.callers import ACCOUNT, BY_HASH, BY_ID, Account, Caller, account_of, caller_of, digest
from mainspring.records.recent import Recent

__all__ = ["Account", "Accounts", "Caller", "Token"]

_ALPHABET = string.ascii_letters + string.digits
_TOKEN = re.compile(r"ms_[A-Za-z0-9]{16,125}")


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token: prefix and last_four help its owner to recognise it. Times are RFC 3339.

    secrets: how often its secret was replaced, rotated_at: when last; former_until: until when the one before it
    works as well.
    """

    id: str
    account: str
    name: str
    prefix: str
    last_four: str
    created_at: str
    last_used_at: str | None = None
    disabled_at: str | None = None
    scopes: frozenset[Scope] = EVERY_SCOPE
    expires_at: str | None = None
    secrets: int = 0
    rotated_at: str | None = None
    former_until: str | None = None


_ACCOUNT = ", ".join(ACCOUNT)
_TOKEN_NAMES = tuple(f.name for f in fields(Token))
_TOKEN_COLUMNS = ", ".join(_TOKEN_NAMES)
_LIVE = "disabled_at IS NULL AND (expires_at IS NULL OR expires_at > :now)"

CREATE_ACCOUNT = f"""
    INSERT INTO accounts (username, type, name, created_at) VALUES (:username, :type, :name, :created_at)
    ON CONFLICT (username) DO NOTHING RETURNING {_ACCOUNT}"""
# Names that differ in case only would be taken for each other.
NAMESAKE = (
    "SELECT 1 AS free WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE lower(username) = lower(:username))"
)
GET_ACCOUNT = f"SELECT {_ACCOUNT} FROM accounts WHERE username = :username"
LIST_ACCOUNTS = f"SELECT {_ACCOUNT} FROM accounts WHERE type = 'user' ORDER BY username"
SET_RETENTION = f"""
    UPDATE accounts SET retention_s = :retention_s WHERE username = :username RETURNING {_ACCOUNT}"""
RENAME_ACCOUNT = f"UPDATE accounts SET name = :name WHERE username = :username RETURNING {_ACCOUNT}"
DISABLE_ACCOUNT = f"""
    UPDATE accounts SET disabled_at = coalesce(disabled_at, :now) WHERE username = :username RETURNING {_ACCOUNT}"""
ENABLE_ACCOUNT = f"UPDATE accounts SET disabled_at = NULL WHERE username = :username RETURNING {_ACCOUNT}"
CREATE_TOKEN = f"""
    INSERT INTO tokens (id, account, name, hash, prefix, last_four, created_at, scopes, expires_at)
    SELECT :id, :account, :name, :hash, :prefix, :last_four, :created_at, :scopes, :expires_at
    WHERE NOT EXISTS (SELECT 1 FROM tokens WHERE former_hash = :hash)
    ON CONFLICT (hash) DO NOTHING RETURNING {_TOKEN_COLUMNS}"""
SAME_TOKEN = f"""
    SELECT {_TOKEN_COLUMNS} FROM tokens WHERE hash = :hash AND account = :account AND {_LIVE}"""
LIST_TOKENS = f"SELECT {_TOKEN_COLUMNS} FROM tokens WHERE account = :account ORDER BY id DESC"
GET_TOKEN = f"SELECT {_TOKEN_COLUMNS} FROM tokens WHERE id = :id AND account = :account"
RENAME_TOKEN = f"""
    UPDATE tokens SET name = :name WHERE id = :id AND account = :account RETURNING {_TOKEN_COLUMNS}"""
ROTATE = f"""
    UPDATE tokens SET former_hash = hash, former_until = :until, hash = :hash, prefix = :prefix,
        last_four = :last_four, secrets = secrets + 1, rotated_at = :now
    WHERE id = :id AND account = :account AND {_LIVE} RETURNING {_TOKEN_COLUMNS}"""
DISABLE = """
    UPDATE tokens SET disabled_at = :now
    WHERE id = :id AND account = :account AND disabled_at IS NULL RETURNING id"""
TOUCH = "UPDATE tokens SET last_used_at = :now WHERE id = :id"
Also = Callable[[Token, str], Sequence[Statement]]


class Accounts:
    """The accounts of the ledger."""

    def __init__(self, database: Database, recent: Recent | None = None) -> None:
        self._database = database
        self._recent = recent or Recent()
        self._used: set[str] = set()

    async def create_account(self, username: str, type: str, name: str, now: datetime) -> Account:
        """A new account. Raises Conflict when the username is taken."""
        given = {"username": username, "type": type, "name": name, "created_at": rfc3339(now)}
        *_, rows = await self._database.write(*creation(given))
        if not rows:
            raise Conflict(f"The account {username} exists")
        return account_of(rows[0])

    async def begin(self, username: str, chosen: str | None, now: datetime) -> str | None:
        """Make the account that runs the platform, when it is not there; the token that was made with it.

        chosen: a secret that opens the account in any case.
        """
        if await self.get(username) is None:
            await self.create_account(username, "user", username, now)
            _, token = await self.create_token(username, "first", chosen, now=now)
            return token
        if chosen:
            await self.create_token(username, "given at start", chosen, now=now)
        return None

    async def get(self, username: str) -> Account | None:
        """The account, if there is one."""
        rows = await self._database.fetch(GET_ACCOUNT, {"username": username})
        return account_of(rows[0]) if rows else None

    async def users(self) -> list[Account]:
        """Everybody, by username; not the organizations."""
        return [account_of(row) for row in await self._database.fetch(LIST_ACCOUNTS)]

    async def set_retention(self, username: str, retention_s: int | None) -> Account | None:
        """Choose how long data of predictions that are made from now on is kept; None without such an account."""
        return await self._change(SET_RETENTION, {"username": username, "retention_s": retention_s})

    async def rename(self, username: str, name: str) -> Account | None:
        """Give it another name for people; None without such an account. A username is for ever."""
        return await self._change(RENAME_ACCOUNT, {"username": username, "name": name})

    async def disable(self, username: str, now: datetime) -> Account | None:
        """Let none of its tokens open it any more; None without such an account."""
        return await self._change(DISABLE_ACCOUNT, {"username": username, "now": rfc3339(now)})

    async def enable(self, username: str) -> Account | None:
        """Let its tokens open it again; None without such an account."""
        return await self._change(ENABLE_ACCOUNT, {"username": username})

    async def caller(self, secret: str, now: datetime) -> Caller | None:
        """Who calls with this secret; None for one that is unknown, disabled or over."""
        shown = digest(secret)
        found: Caller | None = self._recent.get(shown)
        if found is None:

            async def read() -> Caller | None:
                rows = await self._database.fetch(BY_HASH, {"hash": shown})
                return caller_of(rows[0], shown) if rows else None

            found = await self._recent.ask(shown, read)
        return self._seen(found, now)

    async def session_caller(self, token_id: str, secrets: int | None, now: datetime) -> Caller | None:
        """Who calls with a session of this token, begun when its secret had been replaced `secrets` times."""

        async def read() -> Caller | None:
            rows = await self._database.fetch(BY_ID, {"id": token_id})
            return caller_of(rows[0], secrets=secrets) if rows else None

        return self._seen(await self._recent.ask(("id", token_id, secrets), read), now)

    async def create_token(
        self,
        account: str,
        name: str,
        token: str | None = None,
        *,
        now: datetime,
        scopes: frozenset[Scope] = EVERY_SCOPE,
        expires_at: str | None = None,
        also: Also = lambda token, secret: (),
    ) -> tuple[Token, str]:
        """A new token and its secret, which is not kept; `token` chooses the secret.

        also: statements of the same transaction, for the token and its secret. The same chosen
        secret again gives the token that it made. Raises InvalidRequest for a secret that does not look like a token,
        Conflict for one that another account has or that is over, or when `also` did not allow it.
        """
        secret = token or _new_secret()
        if not _TOKEN.fullmatch(secret):
            raise InvalidRequest("A token is ms_ and then 16 to 125 letters and digits")
        made = Token(
            id=new_id(now),
            account=account,
            name=name,
            prefix=secret[:5],
            last_four=secret[-4:],
            created_at=rfc3339(now),
            scopes=scopes,
            expires_at=expires_at,
        )
        given = {c: getattr(made, c) for c in _TOKEN_NAMES} | {
            "hash": digest(secret),
            "scopes": spelled(scopes),
        }
        *_, rows = await self._database.write(*also(made, secret), Statement(CREATE_TOKEN, given, guard=True))
        same = {"hash": given["hash"], "account": account, "now": rfc3339(now)}
        rows = rows or await self._database.fetch(SAME_TOKEN, same)
        if not rows:
            raise Conflict("This token was taken before")
        return _token(rows[0]), secret

    async def list_tokens(self, account: str) -> list[Token]:
        """The account's tokens, newest first, the disabled ones too."""
        return [_token(row) for row in await self._database.fetch(LIST_TOKENS, {"account": account})]

    async def get_token(self, account: str, token_id: str) -> Token | None:
        """The account's token of this id, disabled or not."""
        rows = await self._database.fetch(GET_TOKEN, {"id": token_id, "account": account})
        return _token(rows[0]) if rows else None

    async def rename_token(self, account: str, token_id: str, name: str) -> Token | None:
        """Call a token otherwise; None when the account has none of this id."""
        given = {"id": token_id, "account": account, "name": name}
        (rows,) = await self._database.write(Statement(RENAME_TOKEN, given, guard=True))
        self._recent.forget()
        return _token(rows[0]) if rows else None

    async def rotate_token(
        self, token: Token, now: datetime, grace: timedelta, also: Also = lambda token, secret: ()
    ) -> tuple[Token, str] | None:
        """A new secret for the token; the one that it had works on for `grace`, the one before that no more.

        None when it is disabled or over. also: statements of the same transaction.
        """
        secret, at = _new_secret(), rfc3339(now)
        given = {
            "id": token.id,
            "account": token.account,
            "hash": digest(secret),
            "prefix": secret[:5],
            "last_four": secret[-4:],
            "until": rfc3339(now + grace),
            "now": at,
        }
        changed = replace(
            token,
            prefix=secret[:5],
            last_four=secret[-4:],
            secrets=token.secrets + 1,
            rotated_at=at,
            former_until=given["until"],
        )
        *_, rows = await self._database.write(*also(changed, secret), Statement(ROTATE, given, guard=True))
        self._recent.forget()
        return (_token(rows[0]), secret) if rows else None

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

    def in_use(self, token_id: str) -> bool:
        """Whether a token was seen since `touch` was called last."""
        return token_id in self._used

    def _seen(self, caller: Caller | None, now: datetime) -> Caller | None:
        if caller is None or (caller.until is not None and caller.ended(now)):
            return None
        self._used.add(caller.token_id)
        return caller

    async def _change(self, sql: str, given: dict[str, str | int | None]) -> Account | None:
        (rows,) = await self._database.write(Statement(sql, given))
        self._recent.forget()
        return account_of(rows[0]) if rows else None


def creation(given: dict[str, str]) -> tuple[Statement, Statement]:
    """The statements that make an account, unless one has its name, be it in other case."""
    return Statement(NAMESAKE, given, guard=True), Statement(CREATE_ACCOUNT, given, guard=True)


def _new_secret() -> str:
    return "ms_" + "".join(secrets.choice(_ALPHABET) for _ in range(37))


def _token(row: Row) -> Token:
    return Token(**{c: row[c] for c in _TOKEN_NAMES} | {"scopes": scopes_of(row["scopes"])})
