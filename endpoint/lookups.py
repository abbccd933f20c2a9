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

from endpoint.bounded import Limit, write_bounded, write_rows
from endpoint.jobs import Reply
from endpoint.media import by_name
from endpoint.problems import RequestError
from endpoint.results import forms_of_query
from endpoint.source import Scope

if TYPE_CHECKING:
    from endpoint.guard import Analysis
    from endpoint.jobs import Job
    from endpoint.media import Form
    from endpoint.serving import Serving
    from endpoint.source import Answer

MOST_ROWS: Final = 100
"""Most rows that are read and written in the event loop: 45 take half a millisecond of a busy processor."""
_LIMIT: Final = Limit(MOST_ROWS, "")


def look_up(job: Job, serving: Serving) -> Reply | None:
    """Answer a look-up; None if the query is none, or a worker must answer it."""
    form = by_name(job.suffix, forms_of_query(job.analysis.form))
    if form is None or job.is_explained or job.scope is not Scope.UNION:  # a page is no form of a query
        return None
    body = looked_up(job.text, job.analysis, form, serving)
    return Reply(HTTPStatus.OK, body) if body is not None else None


def looked_up(text: str, analysis: Analysis, form: Form, serving: Serving) -> bytes | None:
    """Write the answer to a look-up in all graphs; None if the query is none, or a worker must answer it."""
    if analysis.subject is None:
        return None
    try:
        if analysis.predicate is not None:
            return _values(analysis.subject, analysis.predicate, analysis.variables[0], form, serving)
        found = _begun(text, analysis, serving) if _is_short(analysis, serving) else None
        if found is None:
            return None
        written = write_bounded(found, form, analysis.variables, serving.prefixes, _LIMIT)
    except (SyntaxError, ValueError, RequestError):
        return None  # a worker says what is wrong, or has room for more rows
    return None if written.is_cut or written.is_empty else written.body


def _values(subject: str, predicate: str, variable: str, form: Form, serving: Serving) -> bytes | None:
    """Write the values of a property, which need no query."""
    values = serving.source.values(NamedNode(subject), NamedNode(predicate), MOST_ROWS)
    if not values or len(values) > MOST_ROWS:
        return None
    return write_rows([variable], [[value] for value in values], form, _LIMIT).body


def answer_at_once(job: Job, serving: Serving) -> Answer | None:
    """Begin to answer a look-up out of a store in this process; None if the query is none, or that cannot be."""
    if job.analysis.subject is None or job.scope is not Scope.UNION:
        return None
    return _begun(job.text, job.analysis, serving)


def _begun(text: str, analysis: Analysis, serving: Serving) -> Answer | None:
    return serving.source.look_up(text, analysis.form, NamedNode(analysis.subject) if analysis.subject else None)


def _is_short(analysis: Analysis, serving: Serving) -> bool:
    """Tell whether a description has few triples: the engine finds all before it gives one, and all of blank nodes."""
    if analysis.form != "DESCRIBE" or not analysis.subject:
        return True
    subject = NamedNode(analysis.subject)
    found = serving.source.look_up(f"SELECT ?o {{ {subject} ?p ?o }}", "SELECT", subject)
    rows = list(islice(found, MOST_ROWS + 1)) if isinstance(found, QuerySolutions) else []
    return len(rows) <= MOST_ROWS and not any(isinstance(row[0], BlankNode) for row in rows)
