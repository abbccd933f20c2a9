"""The cube engine seam: who runs the SQL about the Parquet files of a release.

The SQL is DuckDB's. DuckDB runs it in this process unless a server is told otherwise; Spark runs the same on a cluster,
after sqlglot has translated it (docs/operations.md).
"""

from __future__ import annotations

import atexit
import os
import warnings
import weakref
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import duckdb

from endpoint.cubes.refusal import RefusalError
from loader.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pyspark.sql import SparkSession
    from sqlglot import Expr

DUCKDB: Final = "duckdb"
SPARK: Final = "spark"
MEMORY: Final = "768MB"
"""What DuckDB may use: most of what a query may, since the answer needs memory too."""
MAX_THREADS: Final = 4
"""Processors that one query uses: each thread takes address space, of which a worker has only so much."""
SMALL_BYTES: Final = 256 * 1024
"""Files up to this size are read when they are opened: one observation is then found in a third of the time."""
SPARK_SETTINGS: Final = {
    "spark.sql.variable.substitute": "false",  # or `${x}` in a term would be a variable
    "spark.sql.ansi.enabled": "true",  # overflows are errors, and decimals are written without exponents
    "spark.sql.legacy.decimal.retainFractionDigitsOnTruncate": "true",  # or numbers are rounded to be compared
    "spark.ui.showConsoleProgress": "false",
}
"""Everything else is for `spark-defaults.conf`."""


class CubeEngine(Protocol):
    """The Parquet files of a release, opened as relations."""

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Answer SQL as DuckDB reads it; from several threads at once."""
        ...


if TYPE_CHECKING:
    OpenEngine = Callable[[Mapping[str, Path]], CubeEngine]
    """Opens Parquet files as the relations that they are to be called."""


def engine_named(name: str, master: str | None = None) -> OpenEngine:
    """Give what opens the engine of a name; `master` is the address of a Spark cluster."""
    return partial(SparkEngine, master=master) if name == SPARK else DuckEngine


class DuckEngine:
    """DuckDB in this process. It holds the files open, so that a release may be removed under it."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        threads = min(MAX_THREADS, os.cpu_count() or 1)
        self._connection = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": "", "threads": threads})
        held = [os.open(path, os.O_RDONLY) for path in files.values()]
        weakref.finalize(self, _close, held)
        for relation, number in zip(files, held, strict=True):
            content = self._connection.read_parquet(f"/dev/fd/{number}")
            is_small = os.fstat(number).st_size <= SMALL_BYTES
            (content.create if is_small else content.create_view)(relation)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Answer SQL, in a cursor of its own. Raises RefusalError if it takes too much memory; nothing goes to disk."""
        try:
            return self._connection.cursor().execute(sql).fetchall()
        except duckdb.OutOfMemoryException as error:
            reason = f"it takes more than the {MEMORY} of memory there is for working on columns"
            raise RefusalError(reason, "say which period, area or other code is meant") from error


def _close(files: Sequence[int]) -> None:
    for number in files:
        os.close(number)


class SparkEngine:
    """A Spark cluster, whose workers find the release at the same path as this process.

    There is one application in a process. Each release has a session of its own in it, so that the relations of two
    releases do not meet.
    """

    def __init__(self, files: Mapping[str, Path], master: str | None = None) -> None:
        """Open the files. Raises MisuseError if Spark is not installed, does not start, or cannot read them."""
        session = _application(master)
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            self._session = session.newSession()
            for relation, path in files.items():
                self._session.read.parquet(f"file://{path}").createOrReplaceTempView(relation)
        except (PySparkException, Py4JError) as error:
            raise _not_started(error) from error

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Translate SQL and answer it."""
        return [tuple(row) for row in self._session.sql(spark_sql(sql)).collect()]


def spark_sql(sql: str) -> str:
    """Translate SQL from DuckDB's to Spark's."""
    import sqlglot

    translated: str = sqlglot.parse_one(sql, read=DUCKDB).transform(_limit_last).sql(dialect=SPARK)
    return translated


def _limit_last(node: Expr) -> Expr:
    """Put what QUALIFY is about into a subquery, since sqlglot would apply the limit before it."""
    from sqlglot import exp

    if not isinstance(node, exp.Select) or not node.args.get("qualify") or not node.args.get("limit"):
        return node
    limit = node.args["limit"].pop()
    outer = exp.select("*").from_(exp.Subquery(this=node.copy()))
    outer.set("limit", limit)
    return outer


def _application(master: str | None) -> SparkSession:
    """Start Spark, or give what has been started. Raises MisuseError if it cannot be."""
    try:
        import sqlglot  # noqa: F401 - to fail now rather than at the first query

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # about pandas, which is not used
            return _started(master)
    except ImportError as error:
        message = f"the engine spark needs the extra 'spark', and {error.name} is not installed; see docs/operations.md"
        raise MisuseError(message) from error


def _started(master: str | None) -> SparkSession:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("dwpld").config(map=dict(SPARK_SETTINGS))
    try:
        session = (builder.master(master) if master else builder).getOrCreate()
    except (PySparkException, Py4JError, OSError) as error:
        raise _not_started(error) from error
    atexit.unregister(session.stop)
    atexit.register(session.stop)
    return session


def _not_started(error: Exception) -> MisuseError:
    """Say that Spark is of no use, in the first line of its own words."""
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), error.__class__.__name__)
    return MisuseError(f"Spark cannot be used: {reason}; it needs Java 17 or newer, and a master that answers")
