"""Look-ups: queries whose work is bounded by what they are, and which the server itself answers, without a worker.

`ASK {}`, `DESCRIBE` of one IRI, and `SELECT`, `ASK` and `CONSTRUCT` of one triple pattern whose subject is an IRI. They
are known by their terminals. Whatever is written in any other way is no look-up: the reading here fails closed. An
answer of many rows is for a worker, and so is one of none, which may come with a hint that takes long to find.
"""

from __future__ import annotations

from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Final

from pyoxigraph import BlankNode, NamedNode, QuerySolutions

from endpoint.bounded import Limit, write_bounded
from endpoint.jobs import Reply
from endpoint.media import by_name
from endpoint.problems import RequestError
from endpoint.results import forms_of_query
from endpoint.source import Scope

if TYPE_CHECKING:
    from endpoint.jobs import Job
    from endpoint.serving import Serving
    from endpoint.source import Answer

MOST_ROWS: Final = 100
"""Most rows that are read and written in the event loop: 45 take half a millisecond of a busy processor."""


def look_up(job: Job, serving: Serving) -> Reply | None:
    """Answer a look-up; None if the query is none, or a worker must answer it."""
    form = by_name(job.suffix, forms_of_query(job.analysis.form))
    if form is None or job.is_explained:  # a page is no form of a query
        return None
    try:
        found = answer_at_once(job, serving) if _is_short(job, serving) else None
        if found is None:
            return None
        written = write_bounded(found, form, job.analysis.variables, serving.prefixes, Limit(MOST_ROWS, ""))
    except (SyntaxError, ValueError, RequestError):
        return None  # a worker says what is wrong, or has room for more rows
    return None if written.is_cut or written.is_empty else Reply(HTTPStatus.OK, written.body)


def answer_at_once(job: Job, serving: Serving) -> Answer | None:
    """Begin to answer a look-up out of a store in this process; None if the query is none, or that cannot be."""
    subject = job.analysis.subject
    if subject is None or job.scope is not Scope.UNION:
        return None
    return serving.source.look_up(job.text, job.analysis.form, NamedNode(subject) if subject else None)


def _is_short(job: Job, serving: Serving) -> bool:
    """Tell whether a description has few triples: the engine finds all before it gives one, and all of blank nodes."""
    if job.analysis.form != "DESCRIBE" or job.analysis.subject is None:
        return True
    subject = NamedNode(job.analysis.subject)
    found = serving.source.look_up(f"SELECT ?o {{ {subject} ?p ?o }}", "SELECT", subject)
    rows = list(islice(found, MOST_ROWS + 1)) if isinstance(found, QuerySolutions) else []
    return len(rows) <= MOST_ROWS and not any(isinstance(row[0], BlankNode) for row in rows)
