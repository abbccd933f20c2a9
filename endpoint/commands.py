"""The commands `serve` and `query`, without their command line."""

from __future__ import annotations

import io
import os
import signal
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loader.errors import MisuseError, Problem, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyoxigraph import QuerySolutions

    from endpoint.serving import Serving
    from endpoint.source import Answer

FORMATS: Final = ("table", "csv", "json", "ttl")
CELL_WIDTH: Final = 60


def serve(release: Path, host: str, port: int, chosen: Mapping[str, str]) -> int:
    """Serve a release until SIGTERM or SIGINT; `chosen` are settings. Raises MisuseError if it cannot start."""
    from endpoint.app import create_app
    from endpoint.backend import Own
    from endpoint.server import Server, listen
    from endpoint.servers import server_count
    from endpoint.settings import from_environment

    settings = from_environment(release, os.environ)
    settings = replace(settings, **{name: value for name, value in chosen.items() if value})  # type: ignore[arg-type]
    is_shared = server_count(settings) > 1
    if is_shared:
        listen(host, port, is_shared=False).close()  # else a server that is there already would share its port
    with listen(host, port, is_shared=is_shared) as listening:
        port = listening.getsockname()[1]
        app = create_app(settings, partial(Own, settings, address=(host, port)))
        shown = f"[{host}]" if ":" in host else host
        at = f"http://{shown}:{port}/"
        print(f"serving {release} at {at}", file=sys.stderr, flush=True)  # noqa: T201
        server = Server(app, settings)

        def stop(*_: object) -> None:
            server.should_exit = True  # also for a signal that comes before the server looks for signals itself

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        server.run(sockets=[listening])
    return 0


def query(
    source: str,
    *,
    release: Path,
    format: str,  # noqa: A002 - the name of the option
    is_explained: bool = False,
    engine: str = "duckdb",
    master: str | None = None,
) -> int:
    """Answer the query in a file, or on standard input for `-`, from a release; the answer goes to stdout.

    Raises MisuseError for a file that cannot be read or a form that does not fit, ProblemsError for what is no query.
    """
    from endpoint.cubes.engine import engine_named
    from endpoint.guard import analyse
    from endpoint.problems import RequestError
    from endpoint.serving import contained, open_serving, query_threads
    from endpoint.source import Scope

    text = _read(source)
    serving = open_serving(release, engine_named(engine, master))

    def run() -> None:
        from endpoint.evaluation import explained

        analysis = analyse(text)
        scope = Scope.STATED if analysis.has_dataset else Scope.UNION
        if is_explained:
            sys.stdout.write(explained(serving.source.explain(text, scope)))
            return
        found = serving.source.answer(text, scope)
        sys.stdout.write(_write(found, serving, format, analysis.variables))

    try:
        with query_threads(1) as threads:
            threads.submit(contained, run).result()
    except (RequestError, SyntaxError) as error:
        from endpoint.mistakes import advised, syntax_error

        base = f"{serving.site.base}/"
        found = error if isinstance(error, RequestError) else syntax_error(str(error), text, base)
        raise _problem(source, advised(found, text, serving.prefixes).detail) from error
    sys.stdout.flush()
    return 0


def _read(source: str) -> str:
    try:
        return sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        message = f"cannot read {source}: {reason}"
        raise MisuseError(message) from error


def _problem(source: str, text: str) -> ProblemsError:
    return ProblemsError([Problem("QUERY-01", source, text)])


def _write(found: Answer, serving: Serving, format: str, names: tuple[str, ...]) -> str:  # noqa: A002
    """Write an answer. Raises MisuseError if it cannot take the form."""
    from pyoxigraph import QuerySolutions, QueryTriples

    from endpoint.media import CSV, JSON, TURTLE
    from endpoint.results import write_answer

    forms = {"csv": CSV, "json": JSON, "ttl": TURTLE}
    if isinstance(found, QueryTriples):
        if format not in {"ttl", "table"}:
            message = f"the answer is a graph, which cannot be written as {format}; use --format ttl"
            raise MisuseError(message)
        return write_answer(found, TURTLE, names, serving.prefixes).decode()
    if format == "ttl":
        message = "the answer is a table, which cannot be written as ttl; use --format table, csv or json"
        raise MisuseError(message)
    if format == "table":
        return _table(found, names) if isinstance(found, QuerySolutions) else f"{'yes' if found else 'no'}\n"
    written = write_answer(found, forms[format], names, serving.prefixes).decode()
    return written if written.endswith("\n") else f"{written}\n"


def _table(solutions: QuerySolutions, names: tuple[str, ...]) -> str:
    """Draw a table for the terminal, long cells cut."""
    from endpoint.results import ordered

    columns = ordered(solutions, names)
    rows = [[_cell(row[column]) for column in columns] for row in solutions]
    widths = [max(len(text) for text in (name.value, *cells)) for name, *cells in zip(columns, *rows, strict=True)]
    out = io.StringIO()
    for line in ([column.value for column in columns], ["-" * width for width in widths], *rows):
        out.write("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() + "\n")
    return out.getvalue()


def _cell(term: object) -> str:
    text = "" if term is None else str(getattr(term, "value", term))
    text = " ".join(text.split())
    return text if len(text) <= CELL_WIDTH else f"{text[: CELL_WIDTH - 1]}…"
