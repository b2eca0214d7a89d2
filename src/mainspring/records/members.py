"""Organizations: accounts that several people act for, each in a role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mainspring.core.errors import Conflict
from mainspring.core.ids import rfc3339
from mainspring.core.people import Role
from mainspring.database import Database, Row, Statement
from mainspring.records.accounts import creation
from mainspring.records.callers import ACCOUNT, Account, account_of
from mainspring.records.recent import Recent


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of an organization. name: for people; added_at: RFC 3339."""

    account: str
    name: str
    role: Role
    added_at: str


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization, and what the one who asks is in it; None for a stranger."""

    account: Account
    role: Role | None


_ACCOUNT = ", ".join("o." + c for c in ACCOUNT)
_THIS = "organization = :organization AND account = :account"
# Somebody has to be left who can change it.
_ANOTHER = """EXISTS (SELECT 1 FROM members o WHERE o.organization = :organization AND o.role = 'owner'
    AND o.account <> :account)"""
PUT = f"""
    INSERT INTO members (organization, account, role, added_at)
    SELECT :organization, :account, :role, :now
    WHERE EXISTS (SELECT 1 FROM accounts WHERE username = :organization AND type = 'organization')
        AND EXISTS (SELECT 1 FROM accounts WHERE username = :account AND type = 'user')
        AND (:role = 'owner' OR {_ANOTHER})
    ON CONFLICT (organization, account) DO UPDATE SET role = excluded.role RETURNING account"""
REMOVE = f"DELETE FROM members WHERE {_THIS} AND (role <> 'owner' OR {_ANOTHER}) RETURNING account"
LIST = """
    SELECT m.account, a.name, m.role, m.added_at FROM members m JOIN accounts a ON a.username = m.account
    WHERE m.organization = :organization ORDER BY m.account"""
GET = f"""
    SELECT {_ACCOUNT}, m.role FROM accounts o
    LEFT JOIN members m ON m.organization = o.username AND m.account = :account
    WHERE o.type = 'organization' AND o.username = :organization"""
EVERY = f"""
    SELECT {_ACCOUNT}, m.role FROM accounts o
    LEFT JOIN members m ON m.organization = o.username AND m.account = :account
    WHERE o.type = 'organization' AND (:every OR m.role IS NOT NULL) ORDER BY o.username"""


class Members:
    """The organizations of the ledger and their people. recent: what accounts remember of callers."""

    def __init__(self, database: Database, recent: Recent | None = None) -> None:
        self._database = database
        self._recent = recent or Recent()

    async def create(self, username: str, name: str, owner: str, now: datetime) -> Organization:
        """A new organization with its first owner. Raises Conflict when the name is taken or the owner is no user."""
        at = rfc3339(now)
        given = {"username": username, "type": "organization", "name": name, "created_at": at}
        member = {"organization": username, "account": owner, "role": Role.OWNER, "now": at}
        _, made, put = await self._database.write(*creation(given), Statement(PUT, member, guard=True))
        self._recent.forget()
        if not put:
            raise Conflict(f"The account {username} exists, or {owner} is no user")
        return Organization(account_of(made[0]), Role.OWNER)

    async def get(self, organization: str, account: str) -> Organization | None:
        """The organization, and what the account is in it."""
        rows = await self._database.fetch(GET, {"organization": organization, "account": account})
        return _organization(rows[0]) if rows else None

    async def organizations(self, account: str, *, every: bool = False) -> list[Organization]:
        """Those that the account is in, or all, by name."""
        given = {"account": account, "every": every}
        return [_organization(row) for row in await self._database.fetch(EVERY, given)]

    async def list(self, organization: str) -> list[Member]:
        """The people of an organization, by username."""
        rows = await self._database.fetch(LIST, {"organization": organization})
        return [Member(row["account"], row["name"], Role(row["role"]), row["added_at"]) for row in rows]

    async def put(self, organization: str, account: str, role: Role, now: datetime) -> bool:
        """Add somebody, or change their role; False when that would leave no owner, or there is no such user."""
        given = {"organization": organization, "account": account, "role": role, "now": rfc3339(now)}
        (rows,) = await self._database.write(Statement(PUT, given, guard=True))
        self._recent.forget()
        return bool(rows)

    async def remove(self, organization: str, account: str) -> bool:
        """Let somebody act for it no more; False when that would leave no owner, or they did not."""
        given = {"organization": organization, "account": account}
        (rows,) = await self._database.write(Statement(REMOVE, given, guard=True))
        self._recent.forget()
        return bool(rows)


def _organization(row: Row) -> Organization:
    return Organization(account_of(row), Role(row["role"]) if row["role"] else None)
