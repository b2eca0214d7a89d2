"""The settings of a model as options of a command: `push` and `model set` take the same."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.terminal import CliError
from mainspring.core.sizes import parse_size


def _size(text: str) -> int:
    try:
        return parse_size(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Description = Annotated[str | None, typer.Option(help="One sentence on what it does.")]
MinInstances = Annotated[int | None, typer.Option(min=0, help="Instances that are always kept warm.")]
MaxInstances = Annotated[int | None, typer.Option(min=0, help="Most instances at a time.")]
IdleTimeout = Annotated[
    float | None, typer.Option(min=0, metavar="SECONDS", help="How long an instance without work is kept.")
]
Memory = Annotated[
    int | None,
    typer.Option(parser=_size, metavar="SIZE", help="Memory of an instance, like 4GB; 0: as measured."),
]
GpuMemory = Annotated[
    int | None,
    typer.Option(
        parser=_size, metavar="SIZE", help="Memory that an instance takes on each of its GPUs, like 12GB."
    ),
]
Gpus = Annotated[int | None, typer.Option(min=0, help="GPUs of an instance.")]
Retention = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="How long inputs, outputs and logs are kept, like 24h; off for ever; default for what else is set.",
    ),
]
Hardware = Annotated[
    str | None, typer.Option(metavar="SKU", help="What its instances run on, like cpu or gpu-t4.")
]
Official = Annotated[
    bool | None, typer.Option("--official/--not-official", help="Whether the operator stands for it.")
]
Deterministic = Annotated[
    bool | None,
    typer.Option(
        "--deterministic/--not-deterministic",
        help="The same input always gives the same output, so that a stored one can answer.",
    ),
]
SeedInput = Annotated[
    str | None,
    typer.Option(
        metavar="INPUT", help="The input that makes it deterministic when it is given; none for none."
    ),
]
Cache = Annotated[
    str | None,
    typer.Option(
        metavar="AGE",
        help="Answer from the store with results no older than this, like 24h; off: only requests that ask for it.",
    ),
]
Visibility = Annotated[str | None, typer.Option(help="public or private.")]


def caching(deterministic: bool | None, seed_input: str | None, cache: str | None) -> dict[str, Any]:
    """What the API is asked for."""
    asked: dict[str, Any] = said(deterministic=deterministic)
    if seed_input is not None:
        asked["seed_input"] = None if seed_input == "none" else seed_input
    if cache is not None:
        asked["max_age"] = None if cache == "off" else cache
    return asked


def asked_retention(text: str) -> str | None:
    """What the API is asked for: default is its null. Raises CliError."""
    from mainspring.core.durations import parse_retention

    if text == "default":
        return None
    try:
        parse_retention(text)
    except ValueError as error:
        raise CliError(f"--retention: {error}.", "Say a time like 24h or 90d, off, or default.") from None
    return text


def said(**options: Any) -> dict[str, Any]:
    """Those of the options that were given."""
    return {name: value for name, value in options.items() if value is not None}
