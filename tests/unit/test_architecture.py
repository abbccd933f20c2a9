"""The cut between the parts holds: arrows point one way, and addresses are minted in one place."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ENDPOINT_MAY_IMPORT = {
    "loader.release",
    "loader.errors",
    "loader.uris",
    "loader.dumps",
    "loader.kept",
    "loader.credentials",
}


def python_files(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts)


def imported_modules(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module}
            if node.module in {"loader", "endpoint", "ontology"}:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imports_from(path: Path, package: str) -> set[str]:
    return {name for name in imported_modules(path) if name == package or name.startswith(f"{package}.")}


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", python_files("endpoint"), ids=shown)
def test_endpoint_never_imports_the_conversion_pipeline(path: Path) -> None:
    assert imports_from(path, "loader") <= ENDPOINT_MAY_IMPORT


@pytest.mark.parametrize("path", python_files("loader"), ids=shown)
def test_loader_never_imports_the_endpoint(path: Path) -> None:
    assert not imports_from(path, "endpoint")


@pytest.mark.parametrize("path", python_files("ontology"), ids=shown)
def test_ontology_imports_neither(path: Path) -> None:
    assert not imports_from(path, "loader")
    assert not imports_from(path, "endpoint")


@pytest.mark.parametrize("path", python_files("loader") + python_files("endpoint"), ids=shown)
def test_no_module_outgrows_reading(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 600


@pytest.mark.parametrize("path", python_files("loader"), ids=shown)
def test_addresses_are_minted_in_one_module(path: Path) -> None:
    if path.name in {"uris.py", "components.py"}:  # components writes relative addresses into mapping folders
        return
    code = re.sub(r'"""(?:[^"]|"(?!""))*"""', "", path.read_text("utf-8"))
    assert not re.findall(r"""f?["']/?(?:data|def|id)/[^"']*\{""", code)


def test_data_files_are_found_as_package_resources() -> None:
    for path in python_files("loader") + python_files("endpoint") + python_files("ontology"):
        assert "__file__" not in path.read_text("utf-8"), shown(path)
