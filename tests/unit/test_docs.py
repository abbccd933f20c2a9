"""The documentation names everything there is to know: commands, codes, settings, modules, addresses."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import typer.main

from dwpld import app
from endpoint.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = re.compile(r'"((?:FILE|TIDY|MAP|ONT|CUBE|CODE|CSVW|NEW|QUERY|GATE|MARK|SCREEN|GRAPH)(?:-[0-9A-Z]+)+)"')


def python_files() -> list[Path]:
    return [
        path
        for folder in ("loader", "endpoint", "ontology", "mappings")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "node_modules" not in path.parts
    ]


def used_codes() -> set[str]:
    return {code for path in python_files() for code in CODE.findall(path.read_text("utf-8"))}


def documented_codes() -> set[str]:
    texts = [path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")]
    return {code for text in texts for code in re.findall(r"^### ([A-Z]+(?:-[0-9A-Z]+)+)$", text, re.MULTILINE)}


def test_every_code_in_use_is_explained() -> None:
    assert used_codes() - documented_codes() == set()


def test_no_code_is_explained_that_nothing_uses() -> None:
    assert documented_codes() - used_codes() == set()


@pytest.mark.parametrize("name", sorted(typer.main.get_group(app).commands))
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"dwpld {name}" in (ROOT / "README.md").read_text("utf-8")


def test_every_module_of_the_loader_is_in_the_architecture() -> None:
    text = (ROOT / "docs/architecture.md").read_text("utf-8")
    for path in sorted((ROOT / "loader").glob("*.py")):
        if path.stem not in {"__init__", "errors", "progress"}:
            assert f"`{path.stem}`" in text, path.stem


def test_the_project_names_no_machine_and_no_registry() -> None:
    hosts = (("pypi", "org/simple"), ("files", "pythonhosted"), ("registry", "npmjs"), ("deb", "debian.org"))
    forbidden = [str(ROOT), *(".".join(host) for host in hosts)]
    names = [*python_files(), *ROOT.glob("*.lock"), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    names += [
        *(ROOT / "scripts/deploy").iterdir(),
        ROOT / "endpoint/assets/package-lock.json",
        ROOT / "Makefile",
        ROOT / ".ci/run",
    ]
    for path in names:
        text = path.read_text("utf-8")
        assert not [word for word in forbidden if word in text], path


LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s]+)\)")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def fragment(heading: str) -> str:
    """Give the fragment by which a heading is linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def fragments(page: Path) -> set[str]:
    return {fragment(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    for text, target in LINK.findall(page.read_text("utf-8")):
        path, _, name = target.partition("#")
        if ":" in path:
            continue
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{text}: {target}"
        assert not name or name in fragments(there), f"{text}: {target}"
        number = re.fullmatch(r"(?:decision )?(\d+)", text)
        assert not number or there.name.startswith(f"{int(number[1]):04}-"), f"{text}: {target}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs/decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_has_the_number_of_its_file(page: Path) -> None:
    assert page.read_text("utf-8").startswith(f"# {int(page.stem[:4])}. ")


def test_every_module_of_the_endpoint_is_in_its_page() -> None:
    text = (ROOT / "docs/endpoint.md").read_text("utf-8").partition("## The code")[2]
    for path in sorted((ROOT / "endpoint").glob("*.py")):
        assert path.stem.startswith("__") or f"`{path.stem}`" in text, path.stem


@pytest.mark.parametrize("setting", [field.name for field in dataclasses.fields(Settings)])
def test_every_setting_is_in_the_table(setting: str) -> None:
    table = (ROOT / "docs/endpoint.md").read_text("utf-8").partition("## Settings")[2].partition("\n## ")[0]
    assert f"`{setting}`" in table
