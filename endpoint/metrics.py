"""The metrics of the servers of a release, in the text format of Prometheus.

Labels have few values, fixed here or in `endpoint.accounts`: nothing that a client chooses is ever one.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample as Counted

from endpoint.accounts import Source
from endpoint.workers import KILLED_FOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prometheus_client import Metric

    from endpoint.accounts import Course
    from endpoint.answering import Answering
    from endpoint.query_log import QueryLog
    from endpoint.serving import Shelf
    from endpoint.workers import Workers

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_CREATED: Final = "_created"
"""Ends the name of the time since when is counted, which cannot be added up."""
_GROWING: Final = ("_total", "_bucket", "_count", "_sum")
DURATIONS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


Sample = tuple[str, dict[str, str], float]
"""Name, labels and value."""
Samples = dict[str, list[Sample]]
"""What a process has counted, by the name of the metric."""


class Metrics:
    """Counts requests and queries."""

    def __init__(self, *others: Collector) -> None:
        """Have metrics of others beside."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "dwpld_requests", "Requests by class of address and status", ("route", "status"), registry=self._registry
        )
        self._queries = Counter(
            "dwpld_queries", "Queries by what became of them", ("outcome",), registry=self._registry
        )
        self._sources = Counter(
            "dwpld_answers", "Answers to queries by where they came from", ("source",), registry=self._registry
        )
        self._durations = Histogram(
            "dwpld_query_duration_seconds", "Time from request to answer", buckets=DURATIONS_S, registry=self._registry
        )
        self._waits = Histogram(
            "dwpld_query_wait_seconds", "Time waited for a worker", buckets=DURATIONS_S, registry=self._registry
        )
        self._request = cache(self._requests.labels)  # finding the one with these labels takes longer than counting
        self._query = cache(self._queries.labels)
        self._source = cache(self._sources.labels)
        for other in others:
            self._registry.register(other)

    def note(self, course: Course, took_s: float) -> None:
        """Count a request that has come to an end."""
        self._request(course.route, course.status).inc()
        if course.text is None:
            return
        self._query(course.outcome()).inc()
        self._durations.observe(took_s)
        if course.source is not Source.NONE:
            self._source(course.source).inc()
        if course.source is Source.WORKER:
            self._waits.observe(course.waited_s)

    def samples(self) -> Samples:
        """Give all as it can be sent to another process."""
        return {
            family.name: [
                (sample.name, sample.labels, sample.value)
                for sample in family.samples
                if not sample.name.endswith(_CREATED)
            ]
            for family in self._registry.collect()
        }

    def write(self, others: Sequence[Samples] = ()) -> bytes:
        """Write all, with what other processes have counted added."""
        return generate_latest(Sum(self._registry, others))


class Sum(Collector):
    """The metrics of a process, and those of others that it has too, added up."""

    def __init__(self, own: Collector, others: Sequence[Samples]) -> None:
        self._own = own
        self._others = others

    def collect(self) -> Iterator[Metric]:
        """Add them up."""
        for family in self._own.collect():
            for other in self._others:
                for sample in other.get(family.name, ()):
                    add(family.samples, *sample)
            yield family


def add(samples: list[Counted], name: str, labels: dict[str, str], value: float) -> None:
    """Add a sample to those of its name and labels."""
    for number, sample in enumerate(samples):
        if (sample.name, sample.labels) == (name, labels):
            samples[number] = sample._replace(value=sample.value + value)
            return
    samples.append(Counted(name, labels, value))


def counters(samples: Samples) -> Samples:
    """Give what only ever grows."""
    found = {name: [one for one in many if one[0].endswith(_GROWING)] for name, many in samples.items()}
    return {name: many for name, many in found.items() if many}


def total(several: Sequence[Samples]) -> Samples:
    """Add up what several processes have counted."""
    found: dict[str, list[Counted]] = {}
    for samples in several:
        for family, many in samples.items():
            for sample in many:
                add(found.setdefault(family, []), *sample)
    return {name: [(one.name, one.labels, one.value) for one in many] for name, many in found.items()}


class Answered(Collector):
    """The answers that a process makes and keeps."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    def collect(self) -> Iterator[Metric]:
        """Look it up."""
        answering = self._answering
        joined = "Queries that wait for the answer to an equal one"
        yield GaugeMetricFamily("dwpld_queries_joined", joined, answering.joined)
        yield GaugeMetricFamily("dwpld_cache_bytes", "Memory taken by kept answers", answering.kept.taken_bytes)
        yield GaugeMetricFamily("dwpld_cache_answers", "Answers that are kept", len(answering.kept))


class State(Collector):
    """Servers, workers, the log and the release, looked up when they are asked for."""

    def __init__(self, shelf: Shelf, workers: Workers, log: QueryLog, servers: Callable[[], int]) -> None:
        self._shelf = shelf
        self._servers = servers
        self._workers = workers
        self._log = log

    def collect(self) -> Iterator[Metric]:
        """Look it up."""
        workers, admission = self._workers, self._workers.admission
        yield GaugeMetricFamily("dwpld_servers", "Processes that answer requests", self._servers())
        killed = CounterMetricFamily("dwpld_workers_killed", "Workers that ended in a query", labels=("reason",))
        for reason in KILLED_FOR:
            killed.add_metric((reason,), workers.killed[reason])
        yield killed
        states = GaugeMetricFamily("dwpld_workers", "Worker processes by state", labels=("state",))
        for state, number in (("wanted", workers.count), ("alive", len(workers.pids)), ("busy", workers.busy)):
            states.add_metric((state,), number)
        yield states
        memory = resident_bytes(workers.pids)
        yield GaugeMetricFamily("dwpld_workers_resident_memory_bytes", "Memory of all workers", memory)
        yield GaugeMetricFamily("dwpld_queries_waiting", "Queries that wait for a worker", admission.waiting)
        yield GaugeMetricFamily("dwpld_queries_running", "Queries that have a place", admission.running)
        yield CounterMetricFamily("dwpld_query_log_left_out", "Log lines left out", self._log.left_out)
        release = self._shelf.current().release
        labels = {"id": release.id, "created": release.manifest.created}
        yield InfoMetricFamily("dwpld_release", "The release that is served", labels)
        yield GaugeMetricFamily("dwpld_release_refused", "1 if the newest cannot be opened", bool(self._shelf.refused))


def resident_bytes(pids: Sequence[int]) -> int:
    """Add up the memory of processes, where the system says; what they share is counted in each."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue  # it has just ended
    return total
