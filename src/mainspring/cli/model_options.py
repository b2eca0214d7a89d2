"""The settings of a model as options of a command: `push` and `model set` take the same."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainspring.cli.terminal import size

Description = Annotated[str | None, typer.Option(help="One sentence on what it does.")]
MinInstances = Annotated[int | None, typer.Option(min=0, help="Instances that are always kept warm.")]
MaxInstances = Annotated[int | None, typer.Option(min=0, help="Most instances at a time.")]
IdleTimeout = Annotated[
    float | None, typer.Option(min=0, metavar="SECONDS", help="How long an instance without work is kept.")
]
Memory = Annotated[
    int | None,
    typer.Option(parser=size, metavar="SIZE", help="Memory of an instance, like 4GB; 0: as measured."),
]
GpuMemory = Annotated[
    int | None,
    typer.Option(
        parser=size, metavar="SIZE", help="Memory that an instance takes on each of its GPUs, like 12GB."
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
Visibility = Annotated[str | None, typer.Option(help="public or private.")]


def said(**options: Any) -> dict[str, Any]:
    """Those of the options that were given."""
    return {name: value for name, value in options.items() if value is not None}
