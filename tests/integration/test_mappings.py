"""Every mapping folder, whatever its name: its expected observations, its queries, its honesty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyoxigraph import NamedNode, QuerySolutions, QueryTriples, RdfFormat, Triple, parse

from endpoint.serving import open_serving
from loader.mapping import find_folders, read_mapping
from loader.uris import Uris
from tests.integration.holding import ask

if TYPE_CHECKING:
    from pathlib import Path

    from loader.release import Release

BASE = "http://127.0.0.1:8000"
FOLDERS = find_folders(None)
MAX_ROWS = 5000


def queries() -> list[Path]:
    return [query for folder in FOLDERS.values() for query in sorted((folder / "queries").glob("*.rq"))]


@pytest.mark.parametrize("name", FOLDERS)
def test_expected_triples_are_there(shipped_release: Release, name: str) -> None:
    path = FOLDERS[name] / "expected.ttl"
    expected = {
        Triple(quad.subject, quad.predicate, quad.object)
        for quad in parse(path=str(path), format=RdfFormat.TURTLE, base_iri=f"{BASE}/")
    }
    assert expected, f"{path} is empty"
    subjects = {triple.subject for triple in expected if isinstance(triple.subject, NamedNode)}
    made = set(open_serving(shipped_release.path).source.about(subjects))
    missing, extra = expected - made, made - expected
    assert not missing, "missing:\n" + "\n".join(map(str, sorted(missing, key=str)))
    assert not extra, "not expected:\n" + "\n".join(map(str, sorted(extra, key=str)))


@pytest.mark.parametrize("query", queries(), ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_example_queries_find_something(shipped_release: Release, query: Path) -> None:
    text = query.read_text("utf-8")
    assert text.startswith("# title: ")
    assert "\n# description: " in text
    found = ask(shipped_release, text)
    if isinstance(found, QuerySolutions | QueryTriples):
        assert next(iter(found), None) is not None
    else:
        assert bool(found)


@pytest.mark.parametrize("name", FOLDERS)
def test_shipped_tables_are_small_and_say_whose_they_are(name: str) -> None:
    mapping = read_mapping(name, FOLDERS[name], Uris(BASE))
    for table in mapping.tables:
        assert table.csv.read_bytes().count(b"\n") <= MAX_ROWS + 1
    assert mapping.description.publisher.startswith("https://")
    assert "open-government-licence" in mapping.description.licence or "creativecommons" in mapping.description.licence
    assert len(mapping.description.description) >= 50


@pytest.mark.parametrize("name", [name for name in FOLDERS if not name.startswith("codes/")])
def test_each_dataset_has_an_example_query(name: str) -> None:
    assert list((FOLDERS[name] / "queries").glob("*.rq"))


def test_shipped_tables_are_what_the_tidy_steps_make(shared: Path, tmp_path: Path) -> None:
    """A table in a folder is never edited by hand: it is what `dwpld tidy` writes."""
    import shutil

    from loader.shipping import ship

    mappings = tmp_path / "mappings"
    for name, folder in FOLDERS.items():
        mapping = read_mapping(name, folder, Uris(BASE))
        if not mapping.files:
            continue
        copy = mappings / name
        shutil.copytree(folder, copy)
        list(ship(name.removeprefix("codes/"), shared / "data", mappings, show=False))
        for table in mapping.tables:
            assert (copy / table.csv.name).read_bytes() == table.csv.read_bytes(), table.csv
