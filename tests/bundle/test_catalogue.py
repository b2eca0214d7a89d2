"""What a model of the catalogue says of its weights."""

from __future__ import annotations

import pytest

from mainspring.bundle.catalogue import Description, Weights

FILES = ["config.json", "model.bin"]
PINNED = Weights(FILES, hub="acme/a", revision="a" * 40)


def about(weights: Weights | None, packaged: str | None = None) -> Description:
    return Description("Paints", "cpu", "MIT", "MIT", weights=weights, packaged_weights=packaged)


@pytest.mark.parametrize(
    ("description", "source"),
    [
        (about(None), "package"),
        (about(PINNED, "Small"), "package"),
        (about(PINNED), "hub"),
        (about(Weights(FILES)), "directory"),
        (about(Weights(FILES, hub="acme/a")), "directory"),
        (about(Weights(["*.bin"], hub="acme/a", revision="a" * 40)), "directory"),
        (about(Weights(["*.bin"], hub="acme/a", revision="a" * 40, fetch=FILES)), "hub"),
    ],
)
def test_where_weights_come_from(description: Description, source: str) -> None:
    assert description.source == source


def test_its_sizes_are_those_of_its_packages_else_those_of_its_own_weights() -> None:
    with_others, without = about(PINNED, "Small"), about(PINNED)
    assert with_others.fits(given=False, own=False)
    assert not with_others.fits(given=True, own=True), "the large ones take more"
    assert without.fits(given=True, own=True)
    assert not without.fits(given=True, own=False)
