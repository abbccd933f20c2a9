"""Names of payees that are held are written down for a person to review, and nowhere else."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from dwpld import app
from loader.build import Plan, build
from loader.errors import MisuseError
from loader.held import review
from loader.mapping import packaged_mappings
from loader.progress import LogWatcher

if TYPE_CHECKING:
    from pathlib import Path

CARD = "procurement-card"
HEADER = "Line Number,Posting Date,Merchant Category Code (MCC),Merchant Name,Transaction Amount"
ROWS = (
    "1,18/08/2025,5111,PAPERCLIP PALACE LTD,10.00",
    "2,18/08/2025,5111,Zanzibar Quux,20.50",
    "3,19/08/2025,5111,ZANZIBAR QUUX,1.25",
    "4,19/08/2025,5111,WIDGET#WONDERS,3.00",
    "5,19/08/2025,5111,Plugh Xyzzy,4.00",
    "6,20/08/2025,5111,MR FROBOZZ MAGIC,5.00",
    "7,20/08/2025,5111,FROBOZZ T/A GRUE LAMPS,6.00",
)


@pytest.fixture
def mappings(tmp_path: Path) -> Path:
    """The folder of the card payments, without any name reviewed."""
    folder = tmp_path / "mappings" / CARD
    shutil.copytree(packaged_mappings() / CARD, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "organisations.txt").write_text("# none yet\n", "utf-8")
    return folder.parent


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A published file with invented merchants."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "dwp_epcs_august_2025.csv").write_text("\n".join([HEADER, *ROWS]) + "\n", "utf-8")
    return folder


def merchants(mappings: Path, sources: Path, out: Path) -> set[str]:
    """Build a release; give the merchants it names."""
    release = build(Plan((CARD,), mappings, sources), out, LogWatcher())
    lines = (release / "tables" / CARD / "suppliers.csv").read_text("utf-8").splitlines()[1:]
    return {line.partition(",")[2] for line in lines}


def test_each_name_is_a_line_with_reason_rows_sum_and_places(mappings: Path, sources: Path, tmp_path: Path) -> None:
    said = list(review((CARD,), sources, mappings, tmp_path / "review"))
    text = (tmp_path / "review" / f"{CARD}.txt").read_text("utf-8")
    why = "nothing shows that it is an organisation"
    assert text.split("\n\n")[-1].splitlines() == [
        f"# Plugh Xyzzy  # {why}; 1 row, 4; dwp_epcs_august_2025.csv:6",
        f"# WIDGET WONDERS  # {why}; 1 row, 3; dwp_epcs_august_2025.csv:5",
        f"# Zanzibar Quux  # {why}; 2 rows, 21.75; dwp_epcs_august_2025.csv:3,4",
    ]
    assert said == [
        f"{CARD}: 5 of 6 names held, in 6 rows",
        f"{CARD}: not to be reviewed: 1 row: payee held: title of a person",
        f"{CARD}: not to be reviewed: 1 row: payee held: trading name of somebody else",
        f"{CARD}: to be reviewed: 3 names, in {tmp_path / 'review' / f'{CARD}.txt'}",
    ]


def test_lines_uncommented_and_added_publish_their_names_and_no_others(
    mappings: Path, sources: Path, tmp_path: Path
) -> None:
    assert merchants(mappings, sources, tmp_path / "out") == {"PAPERCLIP PALACE LTD"}
    list(review((CARD,), sources, mappings, tmp_path / "review"))
    path = tmp_path / "review" / f"{CARD}.txt"
    path.write_text(path.read_text("utf-8").replace("# Zan", "Zan").replace("# WID", "WID"), "utf-8")
    (command,) = [line.lstrip("# ") for line in path.read_text("utf-8").splitlines() if "grep" in line]
    subprocess.run(command, shell=True, check=True)
    published = merchants(mappings, sources, tmp_path / "out")
    assert {name.casefold() for name in published} == {"paperclip palace ltd", "zanzibar quux", "widget#wonders"}
    assert "Plugh" not in (mappings / CARD / "organisations.txt").read_text("utf-8")
    assert list(review((CARD,), sources, mappings, None))[-1] == f"{CARD}: to be reviewed: 1 name"


def test_names_are_only_where_they_were_asked_for(mappings: Path, sources: Path, tmp_path: Path) -> None:
    arguments = ["held", CARD, "--mappings", str(mappings), "--sources", str(sources)]
    counted = CliRunner().invoke(app, arguments)
    written = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "review")])
    assert counted.exit_code == written.exit_code == 0
    build(Plan((CARD,), mappings, sources), tmp_path / "out", LogWatcher())
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != sources]
    found = [path for path in kept if b"plugh" in path.read_bytes().lower()]
    assert found == [tmp_path / "review" / f"{CARD}.txt"]
    assert found[0].stat().st_mode & 0o777 == 0o600
    assert "plugh" not in (counted.output + written.output).lower()


def test_no_name_goes_into_a_mapping_folder_or_a_release(mappings: Path, sources: Path, tmp_path: Path) -> None:
    build(Plan((CARD,), mappings, sources), tmp_path / "out", LogWatcher())
    for out in (mappings, mappings / CARD, packaged_mappings() / "x", tmp_path / "out", tmp_path / "out/current/x"):
        with pytest.raises(MisuseError, match="must not lie there"):
            list(review((CARD,), sources, mappings, out))


def test_a_review_under_way_is_not_overwritten(mappings: Path, sources: Path, tmp_path: Path) -> None:
    list(review((CARD,), sources, mappings, tmp_path / "review"))
    with pytest.raises(MisuseError, match="is there already"):
        list(review((CARD,), sources, mappings, tmp_path / "review"))


def test_without_published_files_there_is_nothing_to_review(mappings: Path, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="no published file"):
        list(review((), tmp_path, mappings, None))


def test_the_published_files_hold_few_names(shared: Path) -> None:
    """Few enough for a person to read."""
    said = list(review((), shared / "data", None, None))
    assert "payments-over-25k: 43 of 1,223 names held, in 80 rows" in said
    assert "procurement-card: 2 of 26 names held, in 2 rows" in said
