"""What all tests share: where the published files are, and a release built once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from loader.build import Plan, build
from loader.progress import LogWatcher
from loader.release import Release, open_release

ROOT = Path(__file__).resolve().parent.parent
BASE = "http://127.0.0.1:8000"

# How long an example takes is the machine's affair; in CI the examples are the same every time, so that a failure is
# of the change under test. Elsewhere every run tries new ones.
settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published files, official test suites and shapes beside the repository."""
    path = Path(os.environ.get("DWPLD_SHARED") or ROOT.parent / "shared").resolve()
    if not path.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is missing, and must not be in CI")
        pytest.skip(f"no published files at {path}; set DWPLD_SHARED")
    return path


@pytest.fixture(scope="session")
def shipped_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of the tables that the mapping folders ship."""
    out = tmp_path_factory.mktemp("shipped")
    return open_release(build(Plan(base=BASE), out, LogWatcher()))


@pytest.fixture(scope="session")
def published_release(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release read from the published files themselves."""
    out = tmp_path_factory.mktemp("published")
    return open_release(build(Plan(sources=shared / "data", base=BASE), out, LogWatcher()))
