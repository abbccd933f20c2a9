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
Graphs = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="RDF file, or folder of them, to add as it stands; as often as there are."),
]
OnlyGraphs = Annotated[bool, typer.Option("--only-graphs", help="Take no dataset and no code list, only --graphs.")]
BaseUri = Annotated[str, typer.Option(metavar="URI", help="Address the data is published under.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where releases are kept.")]
DEFAULT_BASE = "http://127.0.0.1:8000"
DEFAULT_OUT = Path("build")
DEFAULT_RELEASE = Path("build/current")


class QueryFormat(StrEnum):
    """Forms `dwpld query` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    TTL = "ttl"


class Engine(StrEnum):
    """What runs the SQL about cubes."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class ListFormat(StrEnum):
    """Forms `dwpld releases` prints."""

    TABLE = "table"
    JSON = "json"


class DiffFormat(StrEnum):
    """Forms `dwpld diff` prints."""

    TEXT = "text"
    JSON = "json"
    TTL = "ttl"
    NT = "nt"


class DumpFormat(StrEnum):
    """Forms `dwpld dump` writes."""

    NQ = "nq"
    NT = "nt"
    CSV = "csv"
    PARQUET = "parquet"


class Mode(StrEnum):
    """Modes of conversion (csv2rdf §2)."""

    STANDARD = "standard"
    MINIMAL = "minimal"


CubeEngine = Annotated[Engine, typer.Option(envvar="DWPLD_ENGINE", help="What runs the SQL about cubes.")]
SparkMaster = Annotated[
    str | None,
    typer.Option(envvar="DWPLD_SPARK_MASTER", metavar="URL", help="The Spark cluster; Spark's own setting if none."),
]


@app.command()
def check(
    datasets: Datasets = None,
    mappings: Mappings = None,
    sources: Sources = None,
    base_uri: BaseUri = DEFAULT_BASE,
    graphs: Graphs = None,
    only_graphs: OnlyGraphs = False,
    release: Annotated[
        Path | None, typer.Option(metavar="DIR", help=f"Release to compare with; {DEFAULT_RELEASE} if it is there.")
    ] = None,
) -> None:
    """Do everything a build does, write nothing, and print every problem found."""
    from loader.build import Plan, current_release
    from loader.build import check as run
    from loader.release import open_release

    _log()
    added = _added(graphs, datasets, sources, is_only=only_graphs)
    plan = Plan(tuple(datasets or ()), mappings, sources, base_uri, graphs=added, is_only_graphs=only_graphs)
    with _watcher() as watcher:
        earlier = current_release(DEFAULT_RELEASE.parent, watcher) if release is None else open_release(release)
        problems = run(plan, watcher, earlier)
    if problems:
        raise ProblemsError(problems)
    _say("no problem found")


@app.command()
def build(
    datasets: Datasets = None,
    mappings: Mappings = None,
    sources: Sources = None,
    out: Out = DEFAULT_OUT,
    base_uri: BaseUri = DEFAULT_BASE,
    graphs: Graphs = None,
    only_graphs: OnlyGraphs = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Convert unchanged datasets again, too.")] = False,
    keep: Annotated[int, typer.Option(min=2, help="How many releases stay: the new one and those before.")] = 2,
    wait: Annotated[bool, typer.Option("--wait", help="If another build is at work there, wait for it.")] = False,
) -> None:
    """Make a release; its path is the last line on stdout."""
    from loader.build import Plan
    from loader.build import build as run

    _log()
    added = _added(graphs, datasets, sources, is_only=only_graphs)
    chosen = tuple(datasets or ())
    with _watcher() as watcher:
        plan = Plan(chosen, mappings, sources, base_uri, is_fresh=fresh, graphs=added, is_only_graphs=only_graphs)
        release = run(plan, out, watcher, keep=keep, is_waiting=wait)
    _say_left_out(release)
    print(release)  # noqa: T201 - the result


def _added(
    graphs: list[Path] | None, datasets: list[str] | None, sources: Path | None, *, is_only: bool
) -> tuple[Path, ...]:
    """Give the RDF files to add. Raises MisuseError if they are to be all there is, and are not."""
    if is_only and (not graphs or datasets or sources is not None):
        message = "--only-graphs goes with --graphs, and with no DATASET and no --sources"
        raise MisuseError(message)
    return tuple(graphs or ())


@app.command()
def releases(
    out: Out = DEFAULT_OUT,
    verify: Annotated[bool, typer.Option("--verify", help="Compare every file with its manifest.")] = False,
    output: Annotated[ListFormat, typer.Option("--format", help="What to print.")] = ListFormat.TABLE,
) -> None:
    """List the releases kept, newest first; exit 1 if one is damaged."""
    import json

    from loader.releases import list_releases, table

    kept = list_releases(out, is_verifying=verify)
    lines = table(kept) if output is ListFormat.TABLE else [json.dumps([each.described() for each in kept], indent=2)]
    for line in lines:
        print(line)  # noqa: T201 - the result
    for release in kept:
        for damage in release.damage:
            _say(f"{release.id}: {damage}")
    if any(release.damage for release in kept):
        raise typer.Exit(PROBLEMS)


@app.command()
def rollback(
    release: Annotated[str | None, typer.Argument(metavar="[ID]", help="Which; the previous one if none.")] = None,
    out: Out = DEFAULT_OUT,
    show: Annotated[bool, typer.Option("--show", help="Say which release it would be, and change nothing.")] = False,
) -> None:
    """Make a release kept from before current again; its path is printed. A running server moves to it at once."""
    from loader.releases import rollback as run

    print(run(out, release, show=show))  # noqa: T201 - the result


@app.command()
def versions(
    dataset: Annotated[str | None, typer.Argument(metavar="[DATASET]", help="Which; all datasets if none.")] = None,
    out: Out = DEFAULT_OUT,
) -> None:
    """List the versions of datasets that were published, newest first, and what became of them."""
    from loader.withdrawing import list_versions

    for line in list_versions(out, dataset):
        print(line)  # noqa: T201 - the result


@app.command()
def withdraw(
    dataset: Annotated[str, typer.Argument(help="The dataset.")],
    edition: Annotated[str, typer.Argument(help="The edition, as in the version's address.")],
    number: Annotated[int, typer.Argument(metavar="VERSION", help="The number of the version.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why: it is published. Repeat no figure in it.")],
    out: Out = DEFAULT_OUT,
    show: Annotated[bool, typer.Option("--show", help="Say what would be removed, and change nothing.")] = False,
) -> None:
    """Remove a version that should not have been published; its address answers 410 Gone."""
    from loader.withdrawing import withdraw as run

    for line in run(out, dataset, edition, number, reason, show=show):
        print(line)  # noqa: T201 - the result


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
def held(
    sources: Annotated[Path, typer.Option(metavar="DIR", help="Folder of published files.")],
    datasets: Datasets = None,
    mappings: Mappings = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to write the names to review.")] = None,
) -> None:
    """Count the payees that are held because they may be persons; with --out, write their names down for review."""
    from loader.held import review

    _log()
    for line in review(datasets or (), sources, mappings, out):
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
    engine: CubeEngine = Engine.DUCKDB,
    spark_master: SparkMaster = None,
) -> None:
    """Answer a SPARQL query from a release, without a server."""
    from endpoint.commands import query as run

    form = output.value
    raise typer.Exit(
        run(source, release=release, format=form, is_explained=explain, engine=engine.value, master=spark_master)
    )


@app.command()
def dump(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Datasets, codes-LIST, ontology, catalogue; everything if none."),
    ] = None,
    release: Annotated[Path, typer.Option(metavar="DIR", help="The release to take it from.")] = DEFAULT_RELEASE,
    output: Annotated[DumpFormat | None, typer.Option("--format", help="As the file name says, else nq.")] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="File, compressed if it ends in .gz; - is stdout.")] = Path(
        "-"
    ),
) -> None:
    """Write what a release holds: all triples as N-Quads or N-Triples, or one table as CSV or Parquet."""
    from loader.dumping import dump as run
    from loader.release import open_release

    run(open_release(release), names or (), out, output.value if output else None)


@app.command()
def publish(
    to: Annotated[
        str | None, typer.Option("--to", metavar="URL", help="Where a store speaks the Graph Store Protocol.")
    ] = None,
    bulk: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write files for a store's bulk loader there instead.")
    ] = None,
    release: Annotated[Path, typer.Option(metavar="DIR", help="The release to publish.")] = DEFAULT_RELEASE,
    fresh: Annotated[bool, typer.Option("--fresh", help="Send unchanged graphs again, too.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Say what would be done, and change nothing.")] = False,
) -> None:
    """Load a release into another graph store; DWPLD_STORE_USER and DWPLD_STORE_PASSWORD say who we are to it."""
    from loader.release import open_release

    if (to is None) == (bulk is None) or (bulk is not None and fresh):
        message = "say either --to URL, perhaps with --fresh, or --bulk DIR"
        raise MisuseError(message)
    _log()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    opened = open_release(release)
    with _watcher() as watcher:
        if to is not None:
            from loader.publishing import publish as run

            lines = run(opened, to, watcher, is_fresh=fresh, show=show)
        else:
            from loader.bulk import write_bulk

            assert bulk is not None, "one of the two is given"
            lines = write_bulk(opened, bulk, watcher, show=show)
    for line in lines:
        print(line)  # noqa: T201 - the result


@app.command()
def verify(
    release: Annotated[Path, typer.Option(metavar="DIR", help="The release to verify.")] = DEFAULT_RELEASE,
) -> None:
    """Run the integrity queries and the shapes on a release, and print every problem found."""
    from loader.release import open_release
    from loader.verify import verify as run

    _log()
    with _watcher() as watcher:
        problems = run(open_release(release), watcher)
    if problems:
        raise ProblemsError(problems)
    _say("no problem found")


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="The earlier release: directory, id, or current.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The later release.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where releases are kept.")] = Path("build"),
    output: Annotated[DiffFormat, typer.Option("--format", help="What to print.")] = DiffFormat.TEXT,
    show_all: Annotated[bool, typer.Option("--all", help="Name every change; RDF and JSON always do.")] = False,
) -> None:
    """Say what changed from one release to another: observations, structures, codes, everything else."""
    from loader.changes import write
    from loader.comparing import compare, find_release

    comparison = compare(find_release(before, out), find_release(after, out))
    write(comparison, sys.stdout.buffer, output.value, is_full=show_all)


@app.command()
def serve(
    release: Annotated[Path, typer.Option(metavar="DIR", help="The release to serve.")] = DEFAULT_RELEASE,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    engine: CubeEngine = Engine.DUCKDB,
    spark_master: SparkMaster = None,
    contact: Annotated[
        str, typer.Option(metavar="EMAIL", help="Whom catalogues name for datasets that name nobody.")
    ] = "",
    store: Annotated[
        str, typer.Option(envvar="DWPLD_STORE", metavar="URL", help="A SPARQL store that holds the release's triples.")
    ] = "",
) -> None:
    """Serve a release: pages, linked data and SPARQL, read-only."""
    from endpoint.commands import serve as run

    chosen = {"engine": engine.value, "spark_master": spark_master or "", "contact": contact, "store": store}
    raise typer.Exit(run(release, host, port, chosen))


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
        from loader.gate.discretion import discreet

        count = len(error.problems)
        told = "\n".join(str(discreet(problem)) for problem in error.problems)
        _say(f"{told}\n\n{count:,} problem{'s' if count != 1 else ''} found; nothing was changed")
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
