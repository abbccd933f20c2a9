"""What `scripts/deploy/` has: read by the programs it is for where they are there, and true to the project."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "scripts" / "deploy"


def test_the_service_is_one_that_systemd_takes(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not there")
    text = (DEPLOY / "dwpld.service").read_text("utf-8")
    there = re.sub(r"(?m)^(ExecStart=)\S+", rf"\1{shutil.which('true')}", text)  # it must be there
    unit = tmp_path / "dwpld-deploy-test.service"
    unit.write_text(there, "utf-8")
    done = subprocess.run([program, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if unit.stem in line] == []


def test_the_service_leaves_address_space_to_the_workers() -> None:
    settings = dict(
        line.split("=", 1)
        for line in (DEPLOY / "dwpld.service").read_text("utf-8").splitlines()
        if "=" in line and not line.startswith("#")
    )
    assert "LimitAS" not in settings
    assert settings["KillMode"] == "mixed"  # else workers would be told to end before they have answered
    assert settings["NoNewPrivileges"] == settings["DynamicUser"] == "yes"


def test_the_image_is_made_of_what_is_there_and_what_is_locked() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    copied = [name for line in re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", text) for name in line.split()]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    installs = re.findall(r"pip install[^&\n]*", text)
    assert all("--require-hashes -r requirements.lock" in one or "--no-deps" in one for one in installs)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]) <= set(copied)
    assert re.search(r"(?m)^USER [1-9]", text)
    assert "https://" not in text


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_every_file_is_in_the_documentation(path: Path) -> None:
    name = path.name.removesuffix(".dockerignore")
    assert f"scripts/deploy/{name}" in (ROOT / "docs/operations.md").read_text("utf-8")
