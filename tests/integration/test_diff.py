"""What changed from one release to another is found, and told to people, as JSON and as RDF."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Store

from loader.build import Plan, build
from loader.changes import text_lines, write
from loader.comparing import Change, Comparison, FolderChanges, compare, find_release
from loader.errors import MisuseError
from loader.mapping import packaged_mappings
from loader.progress import LogWatcher
from loader.release import Release, open_release
from loader.rows import ObservationTable, compare_rows, open_table
from tests.integration import tiny

BASE = "http://127.0.0.1:8000"
OBS = f"{BASE}/data/tiny/obs"
FAMILY = f"{BASE}/def/concept/family-type"
LATER = (
    "E06000001,2025-05,25",
    "E06000001,2025-04,10",
    "E06000002,2025-05,50",
    "W06000015,2025-04,30",
)
"""Of the earlier rows one is revised, one removed; one is new, and the order is another."""
PREFIXES = f"""
PREFIX as: <https://www.w3.org/ns/activitystreams#>
PREFIX dct: <http://purl.org/dc/terms/>
PREFIX property: <{BASE}/def/property/>
PREFIX prov: <http://www.w3.org/ns/prov#>
"""


@dataclass(frozen=True)
class Releases:
    """Four releases, in order, and the directory they are below."""

    out: Path
    first: Release
    same: Release
    later: Release
    without: Release


def build_release(root: Path, mappings: Path) -> Release:
    """Build below a directory of its own, so that none is removed as an old one."""
    path = build(Plan(mappings=mappings), root, LogWatcher())
    return open_release(path)


def revise(mappings: Path) -> None:
    """Publish other figures, one code fewer, one more, and one with another name."""
    (mappings / "tiny" / "tiny.csv").write_text("\n".join([tiny.HEADER, *LATER]) + "\n", "utf-8")
    codes = mappings / "codes" / "family-type"
    text = (codes / "family-type.csv").read_text("utf-8")
    text = text.replace("99,Unknown or missing family type", "98,Not asked")
    text = text.replace('"Couple, no child dependant"', '"Couple without child dependant"')
    (codes / "family-type.csv").write_text(text, "utf-8")
    source = (mappings / "tiny" / "source.toml").read_text("utf-8")
    (mappings / "tiny" / "source.toml").write_text(source.replace('"2025-05"', '"2025-06"'), "utf-8")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    root = tmp_path_factory.mktemp("diff")
    mappings = tiny.write_mapping(root)
    shutil.copytree(packaged_mappings() / "codes" / "family-type", mappings / "codes" / "family-type")
    first = build_release(root / "a", mappings)
    same = build_release(root / "b", mappings)
    revise(mappings)
    later = build_release(root / "c", mappings)
    shutil.rmtree(mappings / "tiny")
    return Releases(root / "c", first, same, later, build_release(root / "d", mappings))


@pytest.fixture(scope="module")
def comparison(releases: Releases) -> Comparison:
    return compare(releases.first, releases.later)


def folder(comparison: Comparison, name: str) -> FolderChanges:
    [found] = [found for found in comparison.folders if found.name == name]
    return found


def written(comparison: Comparison, form: str) -> str:
    stream = io.BytesIO()
    write(comparison, stream, form, is_full=True)
    return stream.getvalue().decode()


def test_equal_releases_do_not_differ(releases: Releases) -> None:
    comparison = compare(releases.first, releases.same)
    assert comparison.folders == ()
    assert list(text_lines(comparison))[1:] == ["no difference"]
    assert written(comparison, "nt") == ""
    assert json.loads(written(comparison, "json"))["folders"] == []


def test_only_what_changed_is_named(comparison: Comparison) -> None:
    assert [found.name for found in comparison.folders] == ["family-type", "tiny", "catalogue"]


def test_observations_added_removed_and_revised(comparison: Comparison) -> None:
    found = folder(comparison, "tiny")
    counts = {kind: count for (sort, kind), count in found.counts().items() if sort == "observation"}
    assert counts == {"added": 1, "removed": 1, "revised": 1}
    added, removed, revised = [change for change in found.changes() if change.sort == "observation"]
    assert added == Change("added", "observation", NamedNode(f"{OBS}/E06000002/2025-05@households"))
    assert removed == Change("removed", "observation", NamedNode(f"{OBS}/W06000015/2025-05@households"))
    assert (revised.kind, revised.thing.value) == ("revised", f"{OBS}/E06000001/2025-05@households")
    [difference] = revised.differences
    assert difference.property == NamedNode(f"{BASE}/def/measure/households")
    assert (difference.before, difference.after) == (Literal(20), Literal(25))


def test_codes_added_removed_and_relabelled(comparison: Comparison) -> None:
    found = folder(comparison, "family-type")
    by_kind = {change.kind: change for change in found.changes()}
    assert by_kind["added"].thing == NamedNode(f"{FAMILY}/98")
    assert by_kind["removed"].thing == NamedNode(f"{FAMILY}/99")
    assert by_kind["revised"].thing == NamedNode(f"{FAMILY}/3")
    assert by_kind["revised"].is_relabelled
    assert not by_kind["added"].is_relabelled
    assert {change.sort for change in found.changes()} == {"code"}


def test_text_shows_old_and_new(comparison: Comparison) -> None:
    lines = list(text_lines(comparison))
    [head] = [line for line in lines if line.startswith("tiny: ")]
    assert head.startswith("tiny: edition 2025-06 instead of 2025-05; 1 observation added; 1 observation removed; ")
    assert "      households: 20 -> 25" in lines
    assert '      prefLabel: "Couple, no child dependant"@en -> "Couple without child dependant"@en' in lines


def test_text_is_cut_unless_all_is_asked_for(comparison: Comparison) -> None:
    count = sum(folder(comparison, "tiny").counts().values())
    short = list(text_lines(comparison, 0))
    assert f"  and {count} more changes; --all shows them" in short
    assert not [line for line in short if line.startswith(("  +", "  -", "  ~"))]
    assert not [line for line in text_lines(comparison, None) if "--all" in line]


def test_json_has_every_change(comparison: Comparison) -> None:
    document = json.loads(written(comparison, "json"))
    [found] = [found for found in document["folders"] if found["name"] == "tiny"]
    assert found["counts"]["observation"] == {"added": 1, "removed": 1, "revised": 1}
    integer = "^^<http://www.w3.org/2001/XMLSchema#integer>"
    assert found["changes"][2]["differences"] == [
        {"property": f"{BASE}/def/measure/households", "before": f'"20"{integer}', "after": f'"25"{integer}'}
    ]


@pytest.mark.parametrize(("form", "syntax"), [("ttl", RdfFormat.TURTLE), ("nt", RdfFormat.N_TRIPLES)])
def test_rdf_describes_every_change(comparison: Comparison, form: str, syntax: RdfFormat) -> None:
    store = Store()
    store.load(written(comparison, form).encode(), format=syntax)
    assert not [quad for quad in store if BlankNode in {type(quad.subject), type(quad.object)}]
    rows = store.query(
        PREFIXES
        + f"""SELECT ?old ?new ?count ?time WHERE {{
            ?set dct:subject <{BASE}/data/tiny> ; property:observations-revised ?count ; prov:generatedAtTime ?time .
            ?change a as:Update ; dct:isPartOf ?set ; dct:isVersionOf <{OBS}/E06000001/2025-05@households> ;
              property:difference ?difference .
            ?difference property:changed-property <{BASE}/def/measure/households> ;
              property:old-value ?old ; property:new-value ?new .
            <{BASE}/data/tiny/editions/2025-06/versions/1> prov:wasRevisionOf
              <{BASE}/data/tiny/editions/2025-05/versions/1> .
        }}"""
    )
    [[old, new, count, time]] = [[term.value for term in row] for row in rows]  # type: ignore[union-attr]
    assert (old, new, count, time) == ("20", "25", "1", comparison.after.manifest.created.replace("+00:00", "Z"))


def test_every_own_term_of_the_rdf_is_declared(comparison: Comparison, releases: Releases) -> None:
    store = Store()
    store.load(written(comparison, "nt").encode(), format=RdfFormat.N_TRIPLES)
    own = {
        term.value
        for quad in store
        for term in (quad.predicate, quad.object)
        if isinstance(term, NamedNode) and term.value.startswith((f"{BASE}/def/property/", f"{BASE}/def/class/"))
    }
    assert own
    declared = {quad.subject for quad in releases.later.store().quads_for_pattern(None, None, None, None)}
    assert {NamedNode(term) for term in own} <= declared


def test_a_dataset_that_comes_or_goes_is_one_change(releases: Releases) -> None:
    gone = folder(compare(releases.later, releases.without), "tiny")
    assert gone.is_whole
    assert "tiny: dataset removed, 4 rows" in list(text_lines(compare(releases.later, releases.without)))
    assert "tiny: dataset added, 4 rows" in list(text_lines(compare(releases.without, releases.later)))
    assert list(gone.changes()) == []


EXTRA = """@prefix qb: <http://purl.org/linked-data/cube#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
<def/dimension/extra> a qb:DimensionProperty ; rdfs:label "Extra"@en ; rdfs:range xsd:string .
"""


def test_a_triple_that_another_folder_states_now_is_no_change(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path)
    (mappings / "tiny" / "components.ttl").write_text(EXTRA, "utf-8")
    first = build_release(tmp_path / "a", mappings)
    other = mappings / "another"
    shutil.copytree(mappings / "tiny", other)
    for path in other.iterdir():
        path.with_name(path.name.replace("tiny", "another")).write_text(
            path.read_text("utf-8").replace("tiny", "another"), "utf-8"
        )
    for path in other.glob("tiny*"):
        path.unlink()
    later = build_release(tmp_path / "b", mappings)
    dump = gzip.decompress((later.path / "dumps" / "another.nq.gz").read_bytes())
    assert b"dimension/extra" in dump, "the first folder by name has it now"
    assert [found.name for found in compare(first, later).folders] == ["another", "catalogue"]


def test_releases_of_two_addresses_are_not_compared(releases: Releases, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(releases.later.path, moved)
    manifest = moved / "manifest.json"
    text = manifest.read_text("utf-8").replace(f'"base_uri": "{BASE}"', '"base_uri": "https://data.example.org"')
    manifest.write_text(text, "utf-8")
    with pytest.raises(MisuseError, match="no address is in both"):
        compare(releases.later, open_release(moved))


def test_a_release_is_found_by_id_and_as_current(releases: Releases) -> None:
    assert find_release(Path("current"), releases.out).id == releases.later.id
    assert find_release(Path(releases.later.id), releases.out).path == releases.later.path
    assert find_release(releases.first.path, releases.out).path == releases.first.path
    with pytest.raises(MisuseError):
        find_release(Path("no-such-release"), releases.out)


def test_the_command(releases: Releases) -> None:
    command = [sys.executable, "-m", "dwpld", "diff", str(releases.first.path), "current", "--out", str(releases.out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "      households: 20 -> 25" in done.stdout.splitlines()
    done = subprocess.run([*command[:-2], "--out", "nowhere"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")


def table(root: Path, name: str, rows: tuple[str, ...], document: str | None = None) -> ObservationTable:
    path = root / name / "tiny.csv"
    path.parent.mkdir()
    path.write_text("\n".join([tiny.HEADER, *rows]) + "\n", "utf-8")
    path.with_name("tiny.csv-metadata.json").write_text(document or tiny.metadata(), "utf-8")
    found = open_table(path, f"{BASE}/data/tiny/tiny.csv-metadata.json")
    assert found is not None
    return found


def test_a_column_declared_otherwise_is_said_once(tmp_path: Path) -> None:
    columns = [*tiny.COLUMNS[:-1], {**tiny.COLUMNS[-1], "valueUrl": "../../def/unit/person"}]
    old, new = table(tmp_path, "a", tiny.ROWS), table(tmp_path, "b", tiny.ROWS, tiny.metadata(columns))
    found = compare_rows(old, new)
    assert found.notes == ("column 'u' is declared otherwise",)
    assert found.is_anything
    assert not found.before.height


def test_another_address_is_another_observation(tmp_path: Path) -> None:
    document = tiny.metadata().replace("@households", "@people")
    old, new = table(tmp_path, "a", tiny.ROWS), table(tmp_path, "b", tiny.ROWS, document)
    found = compare_rows(old, new)
    assert (found.added.height, found.removed.height, found.before.height) == (4, 4, 0)
    assert {node.value.rpartition("@")[2] for node in found.added_subjects()} == {"people"}
    assert {node.value.rpartition("@")[2] for node in found.removed_subjects()} == {"households"}


def test_cells_that_say_nothing_are_not_compared(tmp_path: Path) -> None:
    columns = [*tiny.COLUMNS[:2], {**tiny.COLUMNS[2], "suppressOutput": True}, *tiny.COLUMNS[3:]]
    document = tiny.metadata(columns)
    old, new = table(tmp_path, "a", tiny.ROWS, document), table(tmp_path, "b", ("E06000001,2025-04,11",), document)
    found = compare_rows(old, new)
    assert (found.added.height, found.removed.height, found.before.height) == (0, 3, 0)


def test_a_table_whose_rows_have_no_address_of_columns_is_not_compared_by_row(tmp_path: Path) -> None:
    path = tmp_path / "tiny.csv"
    pl.DataFrame({"Area": ["x"], "Month": ["2025-04"], "Households": ["1"]}).write_csv(path)
    document = tiny.metadata().replace("obs/{area}/{period}@households", "obs/{_row}")
    path.with_name("tiny.csv-metadata.json").write_text(document, "utf-8")
    assert open_table(path, f"{BASE}/data/tiny/tiny.csv-metadata.json") is None
