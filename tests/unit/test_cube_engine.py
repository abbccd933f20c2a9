"""DuckDB over the files of a release: what it may use, and what it does beyond that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from endpoint.cubes import engine
from endpoint.cubes.engine import DuckEngine
from endpoint.cubes.refusal import RefusalError

if TYPE_CHECKING:
    from pathlib import Path


def test_what_takes_too_much_memory_is_refused_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MEMORY", "40MB")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "texts.parquet"
    pl.DataFrame({"text": [f"text number {number}" for number in range(1_000_000)]}).write_parquet(file)
    opened = DuckEngine({"texts": file})
    with pytest.raises(RefusalError, match="more than the 40MB of memory"):
        opened.rows("SELECT text, count(*) FROM texts GROUP BY text")
    assert opened.rows("SELECT count(*) FROM texts") == [(1_000_000,)]
    assert list(tmp_path.iterdir()) == [file]
