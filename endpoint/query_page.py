"""The page of the query service: a form, and the result of a query as a table."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyoxigraph import QueryBoolean, QuerySolutions

from endpoint.bounded import Written
from endpoint.catalogue import examples
from endpoint.editor import LONGEST_ADDRESS, assets, example_groups, limits, shared_link
from endpoint.near_names import hint
from endpoint.pages import Reader, Shown, alternates, render
from endpoint.results import forms_of_query, ordered
from endpoint.snippets import snippets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyoxigraph import QueryTriples

    from endpoint.jobs import Job
    from endpoint.serving import Serving
    from endpoint.settings import Settings
    from endpoint.source import Answer, Term

PATH: Final = "/sparql"


@dataclass(frozen=True, slots=True)
class Result:
    """A result as its page shows it."""

    columns: list[str]
    rows: list[list[Shown | None]]
    total: int
    truth: bool | None = None
    form: str = "SELECT"
    """Form of the query."""
    is_endless: bool = False
    """True if there are more rows than any form gives; `total` is how many those give."""

    @property
    def is_cut(self) -> bool:
        """True if the page does not show every row."""
        return len(self.rows) < self.total


def result_page(found: Answer, serving: Serving, settings: Settings, job: Job) -> Written:
    """Make the page of a result: a table with links and labels, and the way to the other forms."""
    form = job.analysis.form
    if isinstance(found, QueryBoolean):
        result = Result([], [], 0, bool(found), form)
    else:
        names, rows = table(found, job.analysis.variables)
        first = list(islice(rows, min(settings.html_rows, settings.max_rows)))
        total = len(first) + sum(1 for _ in islice(rows, settings.max_rows + 1 - len(first)))
        reader = Reader(serving, {term for row in first for term in row if term is not None})
        shown = [[reader.show(term) if term is not None else None for term in row] for row in first]
        is_endless = total > settings.max_rows
        result = Result(names, shown, min(total, settings.max_rows), form=form, is_endless=is_endless)
    is_empty = not result.total and result.truth is None
    said = hint(job.text, serving) if is_empty else ""
    body = form_page(job.address, serving, settings, query=job.text, result=result, said=said)
    return Written(body, result.is_endless, is_empty)


def table(found: QuerySolutions | QueryTriples, names: Sequence[str]) -> tuple[list[str], Iterator[list[Term | None]]]:
    """Give a result as columns and rows."""
    if isinstance(found, QuerySolutions):
        columns = ordered(found, names)
        return [column.value for column in columns], ([row[column] for column in columns] for row in found)
    return ["subject", "predicate", "object"], ([t.subject, t.predicate, t.object] for t in found)


def form_page(
    address: str,
    serving: Serving,
    settings: Settings,
    *,
    query: str = "",
    error: str | None = None,
    result: Result | None = None,
    said: str = "",
) -> bytes:
    """Make the page of the query service, which is at an address."""
    forms = forms_of_query(result.form) if result else ()
    link = shared_link(PATH, query) if query else None
    return render(
        settings,
        "sparql.html",
        title="Query result" if result else "SPARQL",
        crumbs=[{"text": "Home", "href": "/"}, *([{"text": "SPARQL", "href": PATH}] if result or error else [])],
        query=query or examples()[0].query,
        error=error,
        result=result,
        hint=said,
        forms=forms,
        alternates=alternates(PATH, forms, {"query": query}) if link else (),
        link=link,
        snippets=snippets(address, query, result.form) if result else (),
        example_groups=example_groups(serving),
        limits=limits(settings),
        max_rows=settings.max_rows,
        base=serving.site.base,
        longest_address=LONGEST_ADDRESS,
        **assets(),
    )
