"""Who calls: the account behind a token's secret, what the token may do, and for whom its account may act."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

import msgspec

from mainspring.core.ids import rfc3339
from mainspring.core.people import ALLOWS, EVERY_SCOPE, Role, Scope, scopes_of
from mainspring.database import Row


@dataclass(frozen=True, slots=True)
class Account:
    """Who owns models and makes predictions. type: user or organization; created_at: RFC 3339.

    retention_s: seconds that the data of its predictions is kept, 0 for ever, None as the settings say.
    disabled_at: since when none of its tokens opens it.
    """

    username: str
    type: str
    name: str
    created_at: str
    retention_s: int | None = None
    disabled_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An account by one of its tokens. roles: by organization. Times are RFC 3339.

    expires_at: when the token ends; until: when what was shown of it ends, which is before that for a secret that was
    replaced. secrets: how often the secret had been replaced when this one was made.
    """

    account: Account
    token_id: str
    token_name: str
    scopes: frozenset[Scope]
    roles: Mapping[str, Role]
    expires_at: str | None
    until: str | None
    secrets: int

    @property
    def username(self) -> str:
        """The account's name."""
        return self.account.username

    def role_in(self, owner: str) -> Role | None:
        """What the account is to an owner: an owner of itself; None for a stranger."""
        return Role.OWNER if owner == self.account.username else self.roles.get(owner)

    def may(self, scope: Scope, owner: str) -> bool:
        """Whether it may do this with what the owner has."""
        role = self.role_in(owner)
        return role is not None and scope in self.scopes and scope in ALLOWS[role]

    def pushes_to(self) -> list[str]:
        """Whose models they may make and change; their own account first."""
        return [owner for owner in (self.username, *sorted(self.roles)) if self.may(Scope.PUSH, owner)]

    def within(self, owner: str) -> Caller:
        """As somebody who sees what the owner has, and nothing else that is not public."""
        return replace(self, account=replace(self.account, username=owner), roles={})

    def ended(self, now: datetime) -> bool:
        """Whether what was shown of the token opens the account no more."""
        return self.until is not None and self.until <= rfc3339(now)


ACCOUNT = tuple(f.name for f in fields(Account))
_ROLES = """
    (SELECT json_group_object(m.organization, m.role) FROM members m JOIN accounts o ON o.username = m.organization
     WHERE m.account = a.username AND o.disabled_at IS NULL) AS roles"""
_CALLER = f"""
    SELECT {", ".join("a." + c for c in ACCOUNT)}, t.id AS token_id, t.name AS token_name, t.scopes, t.expires_at,
        t.hash, t.secrets, t.former_until, {_ROLES}
    FROM tokens t JOIN accounts a ON a.username = t.account
    WHERE t.disabled_at IS NULL AND a.disabled_at IS NULL AND"""
BY_HASH = f"{_CALLER} (t.hash = :hash OR t.former_hash = :hash)"
BY_ID = f"{_CALLER} t.id = :id"
_roles = msgspec.json.Decoder(dict[str, Role]).decode


def digest(secret: str) -> str:
    """What is kept of a secret: SHA-256, which says nothing about 128 random bits and more."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def every_right(account: Account) -> Caller:
    """The account by no token of it, as the platform acts for it."""
    return Caller(
        account=account,
        token_id="",
        token_name="",
        scopes=EVERY_SCOPE,
        roles={},
        expires_at=None,
        until=None,
        secrets=0,
    )


def account_of(row: Row) -> Account:
    """The account that a row with these columns is."""
    return Account(**{name: row[name] for name in ACCOUNT})


def caller_of(row: Row, shown: str | None = None, secrets: int | None = None) -> Caller | None:
    """Who calls with a secret of this digest, or with a session that was begun when it had been replaced so often.

    None for what was shown of a token before its secret was replaced twice, and before it was replaced at once.
    """
    if shown is not None:
        current = hmac.compare_digest(row["hash"], shown)
    else:
        current = secrets is None or row["secrets"] == secrets
        if not current and row["secrets"] - 1 != secrets:
            return None
    ends = (row["expires_at"], None if current else row["former_until"])
    return Caller(
        account=account_of(row),
        token_id=row["token_id"],
        token_name=row["token_name"],
        scopes=scopes_of(row["scopes"]),
        roles=_roles(row["roles"]),
        expires_at=row["expires_at"],
        until=min((end for end in ends if end is not None), default=None),
        secrets=row["secrets"] if current else row["secrets"] - 1,
    )
