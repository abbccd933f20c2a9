"""Answering an accepted query out of an open release, as bytes: what a worker process does."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

from endpoint.bounded import Limit, write_bounded
from endpoint.federation import Federated, Federation
from endpoint.jobs import Reply
from endpoint.lookups import answer_at_once
from endpoint.media import HTML, by_name
from endpoint.mistakes import syntax_error
from endpoint.near_names import header, hint
from endpoint.problems import bad_request
from endpoint.query_page import PATH, result_page
from endpoint.results import forms_of_query

if TYPE_CHECKING:
    from collections.abc import Callable

    from endpoint.jobs import Job
    from endpoint.serving import Serving
    from endpoint.settings import Settings
    from endpoint.source import Answer, Dataset, Explained, Scope

_UNKNOWN_FUNCTION: Final = re.compile(r"The custom function (<.*>) is not supported")

T = TypeVar("T")


def produce(job: Job, serving: Serving, settings: Settings) -> Reply:
    """Answer a query; called in a worker. Raises RequestError if the query is refused."""
    federated = without_calls(job, serving, settings)
    plain = replace(job, text=federated.text)
    if job.is_explained:
        text = called(federated) + explained(understood(serving.source.explain, plain, serving.site.base))
        return Reply(HTTPStatus.OK, text.encode())
    forms = forms_of_query(job.analysis.form)
    form = by_name(job.suffix, (*forms, HTML))
    assert form is not None, "the server chose it"
    found = understood(partial(asked, plain, serving), plain, serving.site.base)
    if form == HTML:
        written = result_page(found, serving, settings, job)
    else:
        limit = Limit(settings.max_rows, serving.site.iri(f"{PATH}#cut-after-{settings.max_rows}"))
        written = write_bounded(found, form, job.analysis.variables, serving.prefixes, limit)
    said = header(hint(job.text, serving)) if written.is_empty else {}
    return Reply(HTTPStatus.OK, written.body, written.is_cut, headers=said)


def asked(job: Job, serving: Serving, query: str, scope: Dataset | Scope) -> Answer:
    """Ask a query, in the shortest way there is."""
    found = answer_at_once(job, serving)
    return found if found is not None else serving.source.answer(query, scope)


def without_calls(job: Job, serving: Serving, settings: Settings) -> Federated:
    """Have other services answer their parts of a query, if it has any. Raises RequestError if one fails."""
    if not job.analysis.is_federated:
        return Federated(job.text, ())
    federation = Federation(settings.allowed, serving.site.base, settings.timeout_s, settings.max_service_rows)
    ask = partial(serving.source.answer, scope=job.scope)
    return understood(lambda text, _: federation.federate(text, ask), job, serving.site.base)


def called(found: Federated) -> str:
    """Say what other services were asked."""
    said = (f"# SERVICE <{one.target}>\n# {one.rows:,} rows\n{one.query or '# Not asked.'}\n\n" for one in found.asked)
    return "".join(said)


def understood(ask: Callable[[str, Dataset | Scope], T], query: Job, base: str) -> T:
    """Ask a query. Raises RequestError if the engine does not understand it."""
    try:
        return ask(query.text, query.scope)
    except SyntaxError as error:
        raise syntax_error(str(error), query.text, f"{base}/") from error
    except RuntimeError as error:
        if (function := _UNKNOWN_FUNCTION.search(str(error))) is None:
            raise
        detail = f"There is no function {function[1]} here; the functions are those of SPARQL 1.1 and the casts of XSD"
        raise bad_request(detail) from error


def explained(found: Explained) -> str:
    """Say how a query is answered: what the columns were asked, and what the store is then."""
    parts = [f"# {patterns}\n# {rows:,} rows\n{sql}\n" for patterns, sql, rows in found.stars]
    return "\n".join([*parts, found.query or "# A store answers the query as it is."]) + "\n"
