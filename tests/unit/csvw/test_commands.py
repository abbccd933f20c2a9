"""`dwpld convert` and `dwpld validate`: exit codes, messages, formats; and CSVW made by others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyoxigraph as ox
import pytest

from loader.csvw import commands, convert
from loader.csvw.__main__ import main
from loader.errors import MisuseError

if TYPE_CHECKING:
    from pathlib import Path

TABLE = {
    "@context": "http://www.w3.org/ns/csvw",
    "url": "t.csv",
    "tableSchema": {"columns": [{"titles": "a", "name": "a"}, {"titles": "n", "name": "n", "datatype": "integer"}]},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,n\nx,1\ny,2\n", "utf-8")
    (tmp_path / "t.csv-metadata.json").write_text(json.dumps(TABLE), "utf-8")
    return tmp_path


@pytest.mark.parametrize("name", ["o.nt", "o.nq", "o.ttl"])
def test_formats(folder: Path, name: str) -> None:
    assert commands.convert("t.csv", mode="minimal", metadata=None, output=name) == 0
    quads = list(ox.parse(path=folder / name))
    assert len(quads) == 4
    assert not list(folder.glob("*.part"))


def test_stdout_is_n_triples(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert commands.convert(str(folder / "t.csv"), mode="minimal", metadata=None, output=None) == 0
    assert capfdbinary.readouterr().out.count(b" .\n") == 4


@pytest.mark.parametrize("output", ["o.txt", "o", "none/o.nt"])
def test_misuse(folder: Path, output: str) -> None:
    with pytest.raises(MisuseError):
        commands.convert("t.csv", mode="minimal", metadata=None, output=output)
    assert main(["convert", str(folder / "t.csv"), "-o", output]) == 2


def test_a_wrong_cell_is_a_warning_to_convert_and_an_error_to_validate(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "t.csv").write_text("a,n\nx,one\n", "utf-8")
    assert commands.convert("t.csv", mode="minimal", metadata=None, output="o.nt") == 0
    said = capsys.readouterr().err
    assert said.startswith(
        "warning: t.csv:2, column 'n': 'one' is not an xsd:integer (Tabular Data Model §6.4)  [CSVW-CELL]"
    )
    assert '"one"' in (folder / "o.nt").read_text("utf-8")
    assert commands.validate("t.csv", metadata=None) == 1
    assert capsys.readouterr().err.startswith("error: t.csv:2, column 'n': 'one' is not an xsd:integer")


def test_nothing_is_written_when_there_are_errors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "t.csv").write_bytes(b"a,n\nx,\0\n")
    (folder / "o.nt").write_text("before", "utf-8")
    assert commands.convert("t.csv", mode="standard", metadata=None, output="o.nt") == 1
    assert (folder / "o.nt").read_text("utf-8") == "before"
    assert "CSVW-BINARY" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["none.csv", ".", "ftp://h/x.csv", "http://[", "none.json"])
def test_what_is_not_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.validate(name, metadata=None) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "CSVW-INTERNAL" not in said


def test_an_unforeseen_fault_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        message = "boom"
        raise RuntimeError(message)

    monkeypatch.setattr(commands, "check_group", fail)
    assert commands.validate(str(folder / "t.csv"), metadata=None) == 1
    assert capsys.readouterr().err.startswith("error: dwpld: RuntimeError: boom  [CSVW-INTERNAL]")


def test_minimal_mode_takes_the_fast_path_and_says_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "t.csv").write_text("a,n\n" + "x,1\ny,two\n" * 50, "utf-8")
    found = []
    for size in (0, 1 << 60):
        monkeypatch.setattr(convert, "FAST_FILE_BYTES", size)
        assert commands.convert("t.csv", mode="minimal", metadata=None, output="o.nt") == 0
        dataset = ox.Dataset(ox.parse(path=folder / "o.nt"))
        dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
        found.append(set(dataset))
    assert found[0] == found[1]
    assert len(found[0]) == 200


def test_comments_of_the_file_are_kept(folder: Path) -> None:
    document = {**TABLE, "dialect": {"skipRows": 1, "commentPrefix": "#"}}
    (folder / "t.csv-metadata.json").write_text(json.dumps(document), "utf-8")
    (folder / "t.csv").write_text("Table 1\na,n\n# provisional\nx,1\n", "utf-8")
    assert commands.convert("t.csv", mode="standard", metadata=None, output="o.nt") == 0
    written = (folder / "o.nt").read_text("utf-8")
    assert '<http://www.w3.org/2000/01/rdf-schema#comment> "Table 1"' in written
    assert '<http://www.w3.org/2000/01/rdf-schema#comment> "provisional"' in written


@pytest.mark.parametrize(("name", "triples"), [("age", 5 * 6 - 1), ("family-size", 4 * 6 - 1)])
def test_code_lists_made_by_csvcubed_convert_unchanged(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, triples: int
) -> None:
    metadata = shared / f"data/linked-data/gss-cogs/hmrc-child-benefit/codelists/{name}.csv-metadata.json"
    assert commands.validate(str(metadata), metadata=None) == 0
    out = tmp_path / "o.ttl"
    assert commands.convert(str(metadata), mode="minimal", metadata=None, output=str(out)) == 0
    assert capsys.readouterr().err == ""
    assert len(list(ox.parse(path=out))) == triples
    broader = ox.NamedNode("http://www.w3.org/2004/02/skos/core#broader")
    assert any(quad.predicate == broader for quad in ox.parse(path=out))
