"""The command line, `dwpld`: one place that knows both the loader's commands and the endpoint's.

Results go to stdout, everything else to stderr. Exit 0: done; 1: problems found in the input; 2: misuse.
Modules that are slow to import are imported by the command that needs them, so that `dwpld --help` answers at once.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loader.errors import MisuseError, ProblemsError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from loader.progress import Watcher

app = typer.Typer(
    name="dwpld",
    help="Publish DWP statistics, procurement and complaint data as linked open data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DONE, PROBLEMS, MISUSE = 0, 1, 2

Datasets = Annotated[list[str] | None, typer.Argument(metavar="[DATASET]...", help="Folders to take; all if none.")]
Mappings = Annotated[Path | None, typer.Option(metavar="DIR", help="Mapping folders; the project's own unless given.")]
Sources = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder of published files; the mapping folders' own tables unless given."),
]
BaseUri = Annotated[str, typer.Option(metavar="URI", help="Address the data is published under.")]
DEFAULT_BASE = "http://127.0.0.1:8000"
DEFAULT_RELEASE = Path("build/current")


class QueryFormat(StrEnum):
    """Forms `dwpld query` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    TTL = "ttl"


class Mode(StrEnum):
    """Modes of conversion (csv2rdf §2)."""

    STANDARD = "standard"
    MINIMAL = "minimal"


@app.command()
def check(
    datasets: Datasets = None,
    mappings: Mappings = None,
    sources: Sources = None,
    base_uri: BaseUri = DEFAULT_BASE,
) -> None:
    """Do everything a build does, write nothing, and print every problem found."""
    from loader.build import Plan
    from loader.build import check as run

    _log()
    plan = Plan(tuple(datasets or ()), mappings, sources, base_uri)
    with _watcher() as watcher:
        problems = run(plan, watcher)
    if problems:
        raise ProblemsError(problems)
    _say("no problem found")


@app.command()
def build(
    datasets: Datasets = None,
    mappings: Mappings = None,
    sources: Sources = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where releases are kept.")] = Path("build"),
    base_uri: BaseUri = DEFAULT_BASE,
    fresh: Annotated[bool, typer.Option("--fresh", help="Convert unchanged datasets again, too.")] = False,
) -> None:
    """Make a release; its path is the last line on stdout."""
    from loader.build import Plan
    from loader.build import build as run

    _log()
    with _watcher() as watcher:
        plan = Plan(tuple(datasets or ()), mappings, sources, base_uri, is_fresh=fresh)
        release = run(plan, out, watcher)
    _say_left_out(release)
    print(release)  # noqa: T201 - the result


@app.command()
def tidy(
    dataset: Annotated[str, typer.Argument(help="The mapping folder whose tables to write.")],
    sources: Annotated[Path, typer.Option(metavar="DIR", help="Folder of published files.")],
    mappings: Mappings = None,
    show: Annotated[bool, typer.Option("--show", help="Say what would be written, and write nothing.")] = False,
) -> None:
    """Rewrite the tables of a mapping folder from published files."""
    from loader.shipping import ship

    _log()
    for line in ship(dataset, sources, mappings, show=show):
        print(line)  # noqa: T201 - the result


@app.command()
def new(
    dataset: Annotated[str, typer.Argument(help="Name of the new folder: lower case, hyphens.")],
    table: Annotated[Path, typer.Argument(metavar="TABLE.csv", help="A tidy table: one row per observation.")],
    mappings: Annotated[Path, typer.Option(metavar="DIR", help="Where the folder is made.")] = Path("mappings"),
    show: Annotated[bool, typer.Option("--show", help="Print what would be written, and write nothing.")] = False,
) -> None:
    """Scaffold a mapping folder from a table, and say what a person has to decide."""
    from loader.scaffold import scaffold

    for line in scaffold(dataset, table, mappings, show=show):
        print(line)  # noqa: T201 - the result


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A CSV file or metadata document: path or URL.")],
    mode: Annotated[Mode, typer.Option(help="standard also describes tables and rows.")] = Mode.STANDARD,
    metadata: Annotated[str | None, typer.Option(metavar="FILE", help="Metadata document to use: path or URL.")] = None,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="OUT", help="File: .nt, .nq or .ttl; stdout if not given.")
    ] = None,
) -> None:
    """Turn any CSV on the Web into RDF (W3C csv2rdf)."""
    from loader.csvw.commands import convert as run

    raise typer.Exit(run(source, mode=mode.value, metadata=metadata, output=output))


@app.command()
def validate(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A CSV file or metadata document: path or URL.")],
    metadata: Annotated[str | None, typer.Option(metavar="FILE", help="Metadata document to use: path or URL.")] = None,
) -> None:
    """Check any CSV on the Web against its metadata (W3C tabular metadata)."""
    from loader.csvw.commands import validate as run

    raise typer.Exit(run(source, metadata=metadata))


@app.command()
def query(
    source: Annotated[str, typer.Argument(metavar="FILE.rq|-", help="A file with a SPARQL query; - reads stdin.")],
    release: Annotated[Path, typer.Option(metavar="DIR", help="The release to ask.")] = DEFAULT_RELEASE,
    output: Annotated[QueryFormat, typer.Option("--format", help="What to print.")] = QueryFormat.TABLE,
    explain: Annotated[bool, typer.Option("--explain", help="Print how the query is answered instead.")] = False,
) -> None:
    """Answer a SPARQL query from a release, without a server."""
    from endpoint.commands import query as run

    raise typer.Exit(run(source, release=release, format=output.value, is_explained=explain))


@app.command()
def serve(
    release: Annotated[Path, typer.Option(metavar="DIR", help="The release to serve.")] = DEFAULT_RELEASE,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Serve a release: pages, linked data and SPARQL, read-only."""
    from endpoint.commands import serve as run

    raise typer.Exit(run(release, host, port))


def _log() -> None:
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)


def _watcher() -> AbstractContextManager[Watcher]:
    from contextlib import nullcontext

    from rich.console import Console

    from loader.progress import BarWatcher, LogWatcher

    console = Console(stderr=True)
    return BarWatcher(console) if console.is_terminal else nullcontext(LogWatcher())


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the command line's own voice


def _say_left_out(release: Path) -> None:
    """Print what was left out of each dataset, and why."""
    from loader.release import open_release

    for folder in open_release(release).manifest.folders:
        for reason, rows in folder.left_out.items():
            _say(f"{folder.name}: {rows:,} of {folder.rows_read:,} rows left out: {reason}")


def main() -> None:
    """Run the command line; every mistake of the user's ends in words, never in a traceback."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that a build clears up behind itself
    try:
        app(standalone_mode=True)
    except ProblemsError as error:
        count = len(error.problems)
        _say(f"{error}\n\n{count:,} problem{'s' if count != 1 else ''} found; nothing was changed")
        sys.exit(PROBLEMS)
    except MisuseError as error:
        _say(f"dwpld: {error}")
        sys.exit(MISUSE)
    except KeyboardInterrupt:
        _say("interrupted; nothing was changed")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)


if __name__ == "__main__":
    main()
