"""The shared checks of the SPARQL Protocol, Graph Store Protocol and service description, on a real server.

They are run as they are, in a process of their own, on the fixture they write: added to a release as it stands, once
alone and once beside a cube, whose observations are columns.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from loader.build import Plan, build
from loader.progress import LogWatcher
from tests.integration import tiny
from tests.integration.test_endpoint_server import server

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = {"w3c-protocol", "w3c-sd", "own-protocol", "own-formats", "own-ops", "read-only"}
LEAST = 180
"""Checks that run, recommended ones included; the others write, and are left out for a service that is read-only."""


@pytest.fixture
def check(shared: Path, tmp_path: Path) -> Path:
    """The program, put where it finds the official tests: it looks for them in `shared/` beside `checks/`."""
    folder = tmp_path / "suite/checks/sparql_suite"
    folder.mkdir(parents=True)
    (tmp_path / "suite/shared").symlink_to(shared)
    for path in (shared / "checks/sparql_suite").glob("*.py"):
        (folder / path.name).symlink_to(path)
    return folder / "run_protocol.py"


def run(check: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-B", str(check), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "beside a cube"])
def test_every_check_of_a_read_only_service_is_passed(check: Path, tmp_path: Path, *, is_alone: bool) -> None:
    fixture, results = tmp_path / "fixture.nq", tmp_path / "results.json"
    assert run(check, "--emit-fixture", str(fixture)).returncode == 0
    datasets = () if is_alone else ("tiny",)
    mappings = tiny.write_mapping(tmp_path)
    release = build(
        Plan(datasets, mappings, graphs=(fixture,), is_only_graphs=is_alone), tmp_path / "out", LogWatcher()
    )
    with server(release) as (_, address):
        doors = ["--query", f"{address}sparql", "--update", f"{address}sparql", "--gsp", f"{address}graphs"]
        done = run(check, *doors, "--read-only", "--json", str(results))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(results.read_text())
    assert [one for one in found if one["ok"] is False] == []
    ran = Counter(one["group"] for one in found if one["ok"])
    assert set(ran) == GROUPS
    assert ran.total() >= LEAST
