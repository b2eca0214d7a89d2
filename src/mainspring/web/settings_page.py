"""What the settings page shows: facts of the account and of the server that its users live by."""

from __future__ import annotations

from mainspring import __version__
from mainspring.api.context import Context
from mainspring.core.durations import tell_duration
from mainspring.records.accounts import Account
from mainspring.settings import plain_settings
from mainspring.web.addresses import Addresses

Fact = tuple[str, str, str]
Section = tuple[str, str, list[Fact]]

# Neither paths nor what guards the machine: everybody who has a token may read these.
_SHOWN = (
    (
        "Data",
        (
            "retention_s",
            "web_retention_s",
            "file_ttl_s",
            "max_upload",
            "max_download",
            "max_body",
            "max_source",
        ),
    ),
    (
        "Limits",
        ("create_limit", "call_limit", "max_queue", "run_timeout_s", "train_timeout_s", "max_attempts"),
    ),
    (
        "Instances",
        (
            *("idle_timeout_s", "scale_down_s", "setup_timeout_s", "health_timeout_s"),
            *("max_instances", "max_trainings"),
            *("instance_memory", "instance_cpus", "deployment_min_instances", "deployment_max_instances"),
        ),
    ),
)
_SIZES = ("max_upload", "max_download", "max_body", "max_source", "instance_memory")
_NOTE = "Set in the file of settings or in the environment, and read when the server starts."


def sections(ctx: Context, account: Account, at: Addresses) -> list[Section]:
    """(title, note, facts) of each part; a fact is its name, its value, and what it means."""
    docs = {field.name: str(field.metadata["doc"]) for field in plain_settings()}
    server = [
        ("mainspring", __version__, "The release that runs."),
        ("HTTPS", at.https or "", "Base URL for clients that check certificates."),
        ("HTTP", at.http or "", "Base URL on this machine and behind a proxy."),
    ]
    chosen = [
        (title, _NOTE, [(name, _value(ctx, name), docs[name]) for name in names]) for title, names in _SHOWN
    ]
    return [
        ("Account", "", _account(account)),
        ("Server", "", [fact for fact in server if fact[1]]),
        ("Hardware", "What models and deployments can choose on this machine.", _hardware(ctx)),
        *chosen,
    ]


def duration(seconds: float) -> str:
    """A length of time as people say it: 1 h 30 min."""
    words = {"d": " d ", "h": " h ", "m": " min ", "s": " s "}
    return "".join(words.get(letter, letter) for letter in tell_duration(int(seconds))).strip()


def size(count: int) -> str:
    """Bytes as people say them, exactly where that is short."""
    for unit, word in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= unit:
            return f"{count / unit:.4g} {word}"
    return f"{count} B"


def _account(account: Account) -> list[Fact]:
    own = account.retention_s
    kept = "as the server" if own is None else duration(own) if own else "for ever"
    return [
        ("username", account.username, "Owner of your models, deployments, predictions, files and tokens."),
        ("type", account.type, ""),
        (
            "retention",
            kept,
            "How long data of your predictions is kept: mainspring account set.",
        ),
    ]


def _hardware(ctx: Context) -> list[Fact]:
    return [
        (one.sku, f"${one.price_per_second:f} / s" if one.price_per_second else "free", one.name)
        for one in ctx.hardware
    ]


def _value(ctx: Context, name: str) -> str:
    value = getattr(ctx.settings, name)
    if name.endswith("_s"):
        return "for ever" if not value and "retention" in name else duration(value)
    if name in _SIZES:
        return size(value)
    return f"{value:,}" if value or not name.endswith("_limit") else "no limit"
