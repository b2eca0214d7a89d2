"""The ledger: every kind of record over one database."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from mainspring.database import Database
from mainspring.records.accounts import Accounts
from mainspring.records.aliases import Aliases
from mainspring.records.answers import Answers
from mainspring.records.audit import Audit
from mainspring.records.cached import Cache
from mainspring.records.catalog import Catalog
from mainspring.records.counted import Counted
from mainspring.records.deliveries import Deliveries
from mainspring.records.deployments import Deployments
from mainspring.records.discovery import Discovery
from mainspring.records.files import Files
from mainspring.records.following import Following
from mainspring.records.footprints import Footprints
from mainspring.records.installed import Installations
from mainspring.records.instances import Instances
from mainspring.records.members import Members
from mainspring.records.metering import Metering
from mainspring.records.metrics import Metrics
from mainspring.records.predictions import Predictions
from mainspring.records.progress import Progress
from mainspring.records.recent import Recent
from mainspring.records.retention import Retention
from mainspring.records.sharing import Shares
from mainspring.records.signing import Signing
from mainspring.records.spending import Spending
from mainspring.records.usage import UsageBook
from mainspring.records.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Who reads and writes what is in the database."""

    accounts: Accounts
    aliases: Aliases
    answers: Answers
    audit: Audit
    cache: Cache
    catalog: Catalog
    counted: Counted
    deliveries: Deliveries
    deployments: Deployments
    discovery: Discovery
    files: Files
    following: Following
    footprints: Footprints
    installed: Installations
    instances: Instances
    members: Members
    metering: Metering
    metrics: Metrics
    predictions: Predictions
    progress: Progress
    retention: Retention
    shares: Shares
    signing: Signing
    spending: Spending
    usage: UsageBook

    @classmethod
    def over(cls, database: Database, vault: Vault) -> Ledger:
        """The ledger in a database; the vault seals what nobody may read there."""
        callers = Recent()
        return cls(
            accounts=Accounts(database, callers),
            aliases=Aliases(database),
            answers=Answers(database),
            audit=Audit(database),
            cache=Cache(database),
            catalog=Catalog(database),
            counted=Counted(database),
            deliveries=Deliveries(database),
            deployments=Deployments(database),
            discovery=Discovery(database),
            files=Files(database),
            following=Following(database),
            footprints=Footprints(database),
            installed=Installations(database),
            instances=Instances(database),
            members=Members(database, callers),
            metering=Metering(database),
            metrics=Metrics(database),
            predictions=Predictions(database),
            progress=Progress(database),
            retention=Retention(database),
            shares=Shares(database),
            signing=Signing(database, vault),
            spending=Spending(database),
            usage=UsageBook(database),
        )

    def records(self) -> dict[str, Any]:
        """Each of them by its name."""
        return {field.name: getattr(self, field.name) for field in fields(Ledger)}
