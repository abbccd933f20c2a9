"""The SQL about cubes means the same on Spark, on a master with two workers, as on DuckDB."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from endpoint.commands import query as run_query
from endpoint.cubes.columns import Value, open_columns, quoted
from endpoint.cubes.engine import SPARK, DuckEngine, SparkEngine, engine_named, spark_sql
from endpoint.cubes.refusal import RefusalError
from endpoint.guard import analyse
from endpoint.serving import open_serving
from endpoint.source import Scope
from loader.errors import MisuseError
from loader.release import DECIMAL
from tests.integration.test_cubes import ASKED, PREFIXES, QUERIES
from tests.properties import cube_cases

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from endpoint.cubes.columns import Columns
    from loader.release import Release

MASTER = "local-cluster[2,1,1024]"
CONFIGURATION = """
spark.driver.bindAddress 127.0.0.1
spark.driver.host 127.0.0.1
spark.ui.enabled false
spark.scheduler.minRegisteredResourcesRatio 1.0
spark.scheduler.maxRegisteredResourcesWaitingTime 120s
# for tables as small as these, planning and compiling would take longer than everything else
spark.sql.adaptive.enabled false
spark.sql.shuffle.partitions 2
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1
spark.executor.extraJavaOptions -XX:TieredStopAtLevel=1
"""
LONGEST = 4_000
"""SQL longer than this is not compared: Spark takes many seconds to plan it."""
LIMIT = re.compile(r"LIMIT ([0-9]+)\)?$")


def missing() -> str:
    """Say what Spark lacks here; nothing if it can be had."""
    packages = [name for name in ("pyspark", "sqlglot") if importlib.util.find_spec(name) is None]
    if packages:
        return f"{' and '.join(packages)} not installed: make spark"
    java = Path(os.environ["JAVA_HOME"], "bin/java") if "JAVA_HOME" in os.environ else shutil.which("java")
    return "" if java else "no Java"


needs_spark = pytest.mark.skipif(bool(missing()), reason=missing() or "Spark is here")


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Spark master with two workers, each a process of its own, set up as docs/operations.md says."""
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    (folder / "spark-defaults.conf").write_text(CONFIGURATION)
    (folder / "log4j2.properties").write_text("rootLogger.level = error\nrootLogger.appenderRef.x.ref = none\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(folder))
        patch.setenv("SPARK_LOCAL_DIRS", str(folder))
        patch.setenv("SPARK_WORKER_DIR", str(folder))
        yield MASTER
        running = SparkSession.getActiveSession()
        if running is not None:
            running.stop()


class Both:
    """Answers with DuckDB, and holds Spark to it."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.duckdb = DuckEngine(files)
        self.spark = SparkEngine(files, MASTER)
        self.compared: set[str] = set()

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Answer SQL; what was compared before under other names of its tables is not compared again."""
        found = self.duckdb.rows(sql)
        names: dict[str, str] = {}
        form = re.sub(r"\bt[0-9]+\b", lambda name: names.setdefault(name[0], f"t{len(names)}"), sql)
        if form not in self.compared and len(sql) <= LONGEST:
            self.compared.add(form)
            limit = LIMIT.search(sql)
            assert shown(self.spark.rows(sql), limit) == shown(found, limit), sql
        return found


def shown(rows: list[tuple[object, ...]], limit: re.Match[str] | None) -> Counter[tuple[object, ...]] | int:
    """Give rows without their order; only their number if a limit has chosen among them."""
    number = rows[0][0] if rows and len(rows[0]) == 2 and isinstance(rows[0][0], int) else len(rows)
    if limit and number == int(limit[1]):
        return number
    return Counter(tuple(part for value in row for part in parts(value)) for row in rows)


def parts(value: object) -> list[object]:
    """Give the rows of VALUES in one text in order, since they come in any."""
    is_list = isinstance(value, str) and value.startswith("(")
    return [type(value), *(sorted(str(value)[1:-1].split(") (")) if is_list else [value])]


@pytest.fixture(scope="module")
def both(shipped_release: Release, master: str) -> Columns:
    """The cubes of the shipped tables on both engines."""
    assert master == MASTER
    columns = open_columns(shipped_release, Both)
    assert columns is not None
    return columns


@needs_spark
def test_there_are_two_workers(both: Columns) -> None:
    engine = both.engine
    assert isinstance(engine, Both)
    assert engine.spark.rows("SELECT count(*) FROM cube0")
    context = engine.spark._session.sparkContext
    assert context.master == MASTER
    assert context._jsc.sc().getExecutorMemoryStatus().size() == 3  # this process is counted too


@needs_spark
def test_the_sql_of_real_queries_means_the_same(shipped_release: Release, both: Columns) -> None:
    source = open_serving(shipped_release.path, lambda _: both.engine).source
    for text in [*(path.read_text("utf-8") for path in QUERIES), *(PREFIXES + query for query in ASKED)]:
        try:
            source.answer(text, Scope.UNION)
        except RefusalError:
            continue
    assert isinstance(both.engine, Both)
    assert len(both.engine.compared) > 60


@needs_spark
def test_generated_queries_mean_the_same(master: str) -> None:
    assert master == MASTER
    compared: set[str] = set()

    def opened(files: Mapping[str, Path]) -> Both:
        engine = Both(files)
        engine.compared = compared  # the cubes differ, their columns hardly do
        return engine

    @settings(max_examples=6, phases=[Phase.generate], derandomize=True, database=None)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        tables = {name: data.draw(cube_cases.rows(name)) for name in ("one", "two")}
        with tempfile.TemporaryDirectory() as directory:
            case = cube_cases.make(Path(directory) / "release", tables)
            for _ in range(5):
                query = data.draw(cube_cases.queries())
                scope = Scope.STATED if analyse(query).has_dataset else Scope.UNION
                try:
                    case.columns.answer(query, scope)
                except (RefusalError, SyntaxError):
                    continue

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cube_cases, "open_columns", lambda release: open_columns(release, opened))
        run()
    assert compared


@needs_spark
def test_values_are_the_same_to_the_last_character(master: str, tmp_path: Path) -> None:
    terms = ['"a\\\\b"', '"it\'s \\"so\\" ${x} $(y) %d"', '"\\n\\t"', '""', '"£ ünï 𝄞"@en', None, "<http://x/a_b%20c>"]
    numbers = [0, -1, 2**62, None, 10**17, 7, -(2**62)]
    decimals = [Decimal(text) for text in ("0", "0.0000000001", "-0.5", "100", "12345678.0123456789", "0.7", "-0.05")]
    table = pl.DataFrame(
        {
            "subject": [f"{number}\\{number}'" for number in range(7)],
            "c1": pl.Series(terms, dtype=pl.String),
            "c2": pl.Series(numbers, dtype=pl.Int64),
            "c3": pl.Series(decimals, dtype=pl.Decimal(18, 10)),
        }
    )
    path = tmp_path / "it's.parquet"
    table.write_parquet(path)
    value = Value(DECIMAL, "t.c3", None, 10)
    wide = "(SELECT CAST(c3 AS DECIMAL(38, 10)) AS c3 FROM cube0)"
    asked = [
        f"SELECT c3 = 0.70000000000000001, c3 > 0.69999999999999999 FROM {wide} t WHERE c3 < 1",
        f"SELECT count(*) FROM {wide} t, cube0 u WHERE t.c3 = u.c3",
        "SELECT * FROM cube0",
        f"SELECT t.subject, {value.text} FROM cube0 t",
        f"SELECT {Value(DECIMAL, 'sum(t.c3)', None, 10).text}, CAST(sum(t.c2) AS VARCHAR) FROM cube0 t",
        "SELECT coalesce(CAST(c2 AS VARCHAR), 'UNDEF') FROM cube0",
        "SELECT count(*), string_agg('(' || subject || ' ' || c1 || ')', ' ') FROM cube0",
        "SELECT subject FROM cube0 WHERE c3 > 0.69999999999999999 AND c3 <= 100.00000000000000001",
        "SELECT subject FROM cube0 WHERE c2 IN (7, 123456789012345678901234567890) OR c3 = 12345678.0123456789",
        "SELECT subject FROM cube0 QUALIFY rank() OVER (ORDER BY c2 DESC) <= 3 LIMIT 100",
        *(f"SELECT c2 FROM cube0 WHERE c1 = {quoted(term)}" for term in terms if term is not None),
        *(f"SELECT c2 FROM cube0 WHERE subject = {quoted(name)}" for name in table["subject"]),
    ]
    duckdb, spark = DuckEngine({"cube0": path}), SparkEngine({"cube0": path}, master)
    for sql in asked:
        found = duckdb.rows(sql)
        assert found
        assert shown(spark.rows(sql), None) == shown(found, None), sql


@needs_spark
def test_a_query_is_answered_on_spark_as_on_duckdb(
    shipped_release: Release, master: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "query.rq"
    path.write_text(f"{PREFIXES} SELECT ?a (SUM(?v) AS ?s) {{ ?o d:area ?a ; m:children ?v }} GROUP BY ?a ORDER BY ?a")
    run_query(str(path), release=shipped_release.path, format="csv")
    wanted = capsys.readouterr().out
    run_query(str(path), release=shipped_release.path, format="csv", engine=SPARK, master=master)
    assert capsys.readouterr().out == wanted
    assert len(wanted.splitlines()) > 100


@needs_spark
def test_releases_do_not_mix(master: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(2)]
    for number, path in enumerate(paths):
        pl.DataFrame({"c1": [number]}).write_parquet(path)
    first, second = (SparkEngine({"cube0": path}, master) for path in paths)
    assert (first.rows("SELECT c1 FROM cube0"), second.rows("SELECT c1 FROM cube0")) == ([(0,)], [(1,)])


@needs_spark
def test_a_file_that_is_not_there_is_said(master: str, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match=r"Spark cannot be used: .*PATH_NOT_FOUND"):
        SparkEngine({"cube0": tmp_path / "none.parquet"}, master)


@needs_spark
def test_the_limit_comes_after_the_ranks() -> None:
    sql = spark_sql("SELECT c1 FROM cube0 QUALIFY rank() OVER (ORDER BY c1) <= 3 LIMIT 2")
    assert sql.rindex("LIMIT 2") > sql.rindex("<= 3")


def test_what_spark_needs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(MisuseError, match=r"needs the extra 'spark', and .* is not installed"):
        engine_named(SPARK)({})
