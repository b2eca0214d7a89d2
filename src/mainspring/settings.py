"""One frozen Settings from defaults, a TOML file and the environment (in that order of strength).

Each plain field can be set as `name = value` in the file given by `--config`, or as `MAINSPRING_NAME` in the
environment; the command line wins over both. Hardware is described by tables `[hardware.SKU]` of the file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from mainspring.core.errors import MainspringError
from mainspring.core.hardware import Hardware, HardwareError, default_hardware, described


class SettingsError(MainspringError):
    """A setting has a value that can't be used."""


def _doc(default: Any, text: str) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can choose. Times are seconds, sizes bytes."""

    host: str = _doc("127.0.0.1", "Address that both listeners bind.")
    port: int = _doc(8585, "Port of the HTTP listener.")
    tls_port: int = _doc(8586, "Port of the HTTPS listener.")
    data: Path = _doc(Path("data"), "Directory of the ledger, files, environments, certificates and logs.")
    account: str = _doc("mainspring", "Name of the account that the first start makes.")
    durable: bool = _doc(False, "Survive power loss, not only a crash: flush each commit to the disk.")
    grace_s: float = _doc(30.0, "How long running predictions may go on after SIGTERM.")
    idle_timeout_s: float = _doc(
        60.0, "How long the last instances are kept without any work, unless their model says otherwise."
    )
    scale_down_s: float = _doc(
        120.0, "How long an instance beyond the first is kept without work while others have some."
    )
    setup_timeout_s: float = _doc(600.0, "How long a model may take to become ready.")
    health_timeout_s: float = _doc(
        5.0,
        "How long Cog's server in an instance may take to answer, and how often it is asked. Three misses in a row end"
        " the instance; what it ran is queued again. 0 asks nobody.",
    )
    run_timeout_s: float = _doc(1800.0, "How long one prediction may run.")
    train_timeout_s: float = _doc(86_400.0, "How long one training may run.")
    max_trainings: int = _doc(2, "Most trainings that have an instance at the same time; the others wait.")
    build_timeout_s: float = _doc(1800.0, "How long the environment of a version may take to build.")
    schema_timeout_s: float = _doc(120.0, "How long reading a model's signature may take.")
    max_attempts: int = _doc(3, "How often a prediction is started in all when its instance is lost.")
    max_instances: int = _doc(8, "Most instances of one version, unless its model says otherwise.")
    max_queue: int = _doc(10_000, "Most predictions that may wait for one version.")
    create_limit: int = _doc(600, "Predictions that an account may create in a minute; 0 is no limit.")
    call_limit: int = _doc(3_000, "Other calls that an account may make in a minute; 0 is no limit.")
    instance_cpus: float = _doc(0.5, "Cores that one instance is taken to need.")
    instance_threads: int = _doc(
        0, "Threads that one instance computes with; 0 is its share of the cores, at most half of them."
    )
    share_gpus: bool = _doc(
        True, "Put several instances on one GPU, as far as the memory that they are known to take fits."
    )
    gpus: str = _doc(
        "auto",
        "GPUs for models: auto (what NVML finds), off, or like 2x24: simulated ones of 24 GiB, for trials.",
    )
    cancel_grace_s: float = _doc(
        10.0, "How long a canceled prediction may go on before its instance is ended."
    )
    instance_memory: int = _doc(
        1 << 30,
        "Memory that one instance is taken to need, until its version was measured or its model says so.",
    )
    max_upload: int = _doc(100 << 20, "Largest file that the files API takes.")
    max_download: int = _doc(1 << 30, "Largest file that an input may name by URL.")
    max_body: int = _doc(100 << 20, "Largest JSON body.")
    max_source: int = _doc(4 << 30, "Largest packed model source that a push may upload.")
    file_ttl_s: float = _doc(86_400.0, "How long an uploaded file is kept.")
    retention_s: float = _doc(
        3_600.0,
        "How long inputs, outputs and logs of predictions are kept after their end; 0 is for ever."
        " Accounts and models can choose.",
    )
    web_retention_s: float = _doc(
        7_776_000.0, "The same for predictions that were made on this platform's pages."
    )
    cache_bytes: int = _doc(
        1 << 30,
        "Most bytes of results that requests are answered from without a run, least recently used ones go first;"
        " 0 turns that off.",
    )
    cache_age_s: float = _doc(604_800.0, "How old a result may be that a request is answered from.")
    isolate: str = _doc("auto", "Confine model processes: auto (where the kernel can), require, or off.")
    private_urls: bool = _doc(False, "Let inputs name URLs on private addresses and on this machine.")
    public_pages: bool = _doc(True, "Show public models on the pages to whoever is not signed in.")
    webhook_hosts: str = _doc(
        "",
        "Hosts that webhooks may be sent to by plain HTTP and on private addresses, separated by commas:"
        " `host`, `host:port` or `*.domain`; `localhost` is this machine.",
    )
    bundled: str = _doc("", "Directories of models to push at start, separated by colons.")
    deployment_min_instances: int = _doc(5, "Most min_instances that a deployment may have.")
    deployment_max_instances: int = _doc(20, "Most max_instances that a deployment may have.")
    deployment_rest_s: float = _doc(
        900.0, "How long a deployment must have been unused before it can be deleted."
    )
    collections: str = _doc("", "A TOML file of collections to put at start, each a table by its slug.")
    catalogue: str = _doc("", "Directory of models to install from; empty for those that come along.")
    hub: str = _doc("https://huggingface.co", "Model hub that weights are downloaded from.")
    hub_token: str = field(
        default="",
        repr=False,
        metadata={"doc": "Token for weights that the hub gives only to who accepted a licence."},
    )
    estimate_s: float = _doc(
        60.0, "How long a run is taken to last, for spending limits, as long as its model has not run."
    )
    audit_retention_s: float = _doc(7_776_000.0, "How long the audit log is kept; 0 is for ever.")
    trusted_proxies: str = _doc(
        "",
        "Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or networks, separated by"
        " commas, or *; else a request comes from whoever is connected.",
    )
    limit_stops: bool = _doc(
        False, "Cancel what runs and waits when a hard spending limit is reached, not only refuse what comes."
    )
    compare_prices: bool = _doc(
        False, "Tell with each prediction what it would have cost at Replicate's list prices."
    )
    log_level: str = _doc("info", "debug, info, warning or error.")
    log_format: str = _doc(
        "auto",
        "console (for people), json (an object on each line), or auto: console on a terminal, else json.",
    )
    metrics_token: str = field(
        default="",
        repr=False,
        metadata={
            "doc": "Token that may read `/metrics` and the details of `/ready`, like the operator's, and nothing else."
        },
    )
    min_free: int = _doc(
        512 << 20, "Free bytes on the disk of `data` below which `/ready` says that the server is not."
    )
    hardware: Mapping[str, Hardware] = field(default_factory=default_hardware)


def plain_settings() -> tuple[Field[Any], ...]:
    """The fields that are one value each; metadata["doc"] says what it is."""
    return tuple(f for f in fields(Settings) if "doc" in f.metadata)


def note_ports(data: Path, port: int, tls_port: int) -> None:
    """Leave in the data directory where the server listens, for commands on the same machine."""
    (data / "ports.toml").write_text(f"port = {port}\ntls_port = {tls_port}\n")


def with_noted_ports(settings: Settings) -> Settings:
    """The settings with the ports that `note_ports` left last in their data directory, if it did."""
    file = settings.data / "ports.toml"
    if not file.is_file():
        return settings
    noted = _read(file)
    return replace(settings, port=int(noted["port"]), tls_port=int(noted["tls_port"]))


def load_settings(
    file: Path | None = None, environ: Mapping[str, str] = os.environ, **given: Any
) -> Settings:
    """Settings from `file`, then `MAINSPRING_*` of `environ`, then `given` (None is not given).

    Raises SettingsError, which names the setting and where it came from.
    """
    settings = Settings()
    known = {f.name for f in plain_settings()}
    written = _read(file) if file else {}
    if "hardware" in written:
        settings = replace(settings, hardware=_hardware(settings, written.pop("hardware"), str(file)))
    for source, values in (
        (str(file), written),
        (
            "environment",
            {k: environ[f"MAINSPRING_{k.upper()}"] for k in known if f"MAINSPRING_{k.upper()}" in environ},
        ),
        ("command line", {k: v for k, v in given.items() if v is not None}),
    ):
        for name, value in values.items():
            if name not in known:
                raise SettingsError(f"{source}: no such setting: {name}")
            settings = replace(settings, **{name: _convert(name, value, getattr(settings, name), source)})
    return settings


def _hardware(settings: Settings, tables: Any, source: str) -> dict[str, Hardware]:
    if not isinstance(tables, Mapping):
        raise SettingsError(f"{source}: hardware is described by tables, like [hardware.gpu-t4]")
    try:
        return described(settings.hardware, tables)
    except HardwareError as error:
        raise SettingsError(f"{source}: {error}") from error


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(), parse_float=Decimal)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file}: {error}") from error


def _convert(name: str, value: Any, default: Any, source: str) -> Any:
    if isinstance(default, bool):
        words = {
            "true": True,
            "1": True,
            "yes": True,
            "on": True,
            "false": False,
            "0": False,
            "no": False,
            "off": False,
        }
        if str(value).lower() in words:
            return words[str(value).lower()]
        raise SettingsError(f"{source}: {name} must be true or false, not {value!r}")
    try:
        return type(default)(value) if not isinstance(default, Path) else Path(value).expanduser()
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{source}: {name} can't be {value!r}") from error
