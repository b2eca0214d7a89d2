"""What `/metrics` tells: every family, its labels, and what it means. The reference is made from this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Family:
    """A metric. A counter is exposed with `_total` behind its name, a histogram with `_bucket`, `_count` and `_sum`.

    kept: it goes on counting after a restart, because it is read off the ledger.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    kept: bool = False

    @property
    def exposed(self) -> tuple[str, ...]:
        """The names that its samples have."""
        if self.kind == "histogram":
            return tuple(self.name + suffix for suffix in ("_bucket", "_count", "_sum"))
        return (self.name + "_total",) if self.kind == "counter" else (self.name,)


_LINE = ("model", "deployment", "kind")
_PLACE = ("model", "deployment")

FAMILIES = (
    Family(
        "mainspring_predictions",
        "counter",
        ("model", "kind", "status"),
        "Predictions and trainings that ended.",
        kept=True,
    ),
    Family(
        "mainspring_queue_wait_seconds",
        "histogram",
        ("model", "kind"),
        "From creation to the beginning of the last attempt, of those that began and have ended.",
        kept=True,
    ),
    Family(
        "mainspring_run_seconds",
        "histogram",
        ("model", "kind"),
        "From the beginning to the end, of those that succeeded.",
        kept=True,
    ),
    Family("mainspring_queue_depth", "gauge", _LINE, "Predictions and trainings that wait."),
    Family("mainspring_queue_oldest_seconds", "gauge", _LINE, "How long the first of those has waited."),
    Family("mainspring_running", "gauge", _PLACE, "Predictions and trainings that run."),
    Family(
        "mainspring_instances", "gauge", (*_PLACE, "state"), "Instances that are booting, ready or stopping."
    ),
    Family("mainspring_slots", "gauge", _PLACE, "Predictions that ready instances can run at once."),
    Family(
        "mainspring_boot_seconds", "histogram", _PLACE, "From the decision to boot until ready, with setup."
    ),
    Family(
        "mainspring_boots_failed", "counter", _PLACE, "Instances that never got ready by the model's doing."
    ),
    Family(
        "mainspring_instance_seconds",
        "counter",
        ("model", "hardware", "part"),
        "Time of instances that was metered: setup, idle, active, or lost.",
        kept=True,
    ),
    Family(
        "mainspring_spend_dollars", "counter", ("model", "hardware"), "What was charged, in USD.", kept=True
    ),
    Family(
        "mainspring_account_spend_dollars", "counter", ("account",), "What was charged, in USD.", kept=True
    ),
    Family(
        "mainspring_webhook_lag_seconds",
        "histogram",
        ("event",),
        "From what a webhook tells of to the answer that took it, tries in vain included.",
    ),
    Family(
        "mainspring_webhook_tries",
        "counter",
        ("event", "outcome"),
        "Webhooks sent: delivered, pending (to be tried again), failed (not again) or dead (given up).",
    ),
    Family("mainspring_webhooks_pending", "gauge", (), "Webhooks that are to be sent, now or later."),
    Family("mainspring_webhooks_dead", "gauge", (), "Webhooks that were given up and are still remembered."),
    Family(
        "mainspring_webhook_overdue_seconds",
        "gauge",
        (),
        "How long the webhook that is due longest has been due.",
    ),
    Family(
        "mainspring_ledger_commit_seconds",
        "histogram",
        (),
        "From begin to commit of a group of transactions.",
    ),
    Family("mainspring_ledger_transactions", "counter", (), "Transactions committed."),
    Family(
        "mainspring_ledger_commits_failed",
        "counter",
        (),
        "Groups of transactions that could not be committed.",
    ),
    Family("mainspring_ledger_bytes", "gauge", (), "Size of the ledger on the disk, with its log."),
    Family("mainspring_gpu_memory_bytes", "gauge", ("gpu", "name"), "Memory of a GPU."),
    Family("mainspring_gpu_memory_used_bytes", "gauge", ("gpu", "name"), "What is used of it, by whomever."),
    Family(
        "mainspring_gpu_busy_ratio", "gauge", ("gpu", "name"), "Share of time that a GPU computes, 0 to 1."
    ),
    Family("mainspring_ready", "gauge", ("part",), "1 for each part of GET /ready that is well, else 0."),
    Family("mainspring_loop_failures", "counter", ("loop",), "Rounds of a loop that failed."),
    Family("mainspring_http_replies", "counter", ("method", "status"), "Replies sent."),
    Family("mainspring_build_info", "gauge", ("version",), "1; the label says which release runs."),
)
