"""A place to break things, made once for each module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loader.mapping import find_folders
from tests.hostile.places import Place, make_place
from tests.integration import tiny

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The folder and its release, with the code lists that it uses and no others: it is built hundreds of times."""
    needed = {"codes/area", "codes/period", "tiny"}

    def few_folders(root: Path | None) -> dict[str, Path]:
        return {name: path for name, path in find_folders(root).items() if name in needed}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loader.build.find_folders", few_folders)
        yield make_place(tmp_path_factory.mktemp("place"))


@pytest.fixture
def place(made: Place) -> Iterator[Place]:
    """The folder, as it was before the last case broke it."""
    yield made
    clear(made.folder)
    (made.folder / "source.toml").write_text(tiny.SOURCE, "utf-8")
    (made.folder / "tiny.csv-metadata.json").write_text(tiny.metadata(), "utf-8")
    (made.folder / "tiny.csv").write_text("\n".join([tiny.HEADER, *tiny.ROWS]) + "\n", "utf-8")


def clear(folder: Path) -> None:
    """Remove the files of a folder."""
    for path in folder.iterdir():
        path.unlink()
