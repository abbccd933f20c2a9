"""A query as a few lines of curl, Python, R and JavaScript, to be copied from its page and run as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from endpoint.media import CSV, JSON, TURTLE

if TYPE_CHECKING:
    from endpoint.media import Form

_TABLE_PYTHON: Final = """    for row in csv.DictReader(answer.read().decode().splitlines(keepends=True)):
        print(row)
"""
_TEXT_PYTHON: Final = "    print(answer.read().decode())\n"


@dataclass(frozen=True, slots=True)
class Snippet:
    """A program that asks a query."""

    id: str
    title: str
    code: str


def snippets(endpoint: str, query: str, form: str) -> tuple[Snippet, ...]:
    """Write a query as programs; `form` is the query's, such as `SELECT`. All of them POST: no query is too long."""
    text = query.replace("\r\n", "\n").strip()
    media = {"SELECT": CSV, "ASK": JSON}.get(form, TURTLE)
    return (
        Snippet("curl", "curl", _curl(endpoint, text, media)),
        Snippet("python", "Python", _python(endpoint, text, media)),
        Snippet("r", "R", _r(endpoint, text, media)),
        Snippet("javascript", "JavaScript", _javascript(endpoint, text, media)),
    )


def _curl(endpoint: str, query: str, form: Form) -> str:
    quoted = query.replace("'", "'\\''")
    return f"curl '{endpoint}' \\\n  -H 'Accept: {form.media_type}' \\\n  --data-urlencode 'query={quoted}'\n"


def _python(endpoint: str, query: str, form: Form) -> str:
    quoted = query.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if quoted.endswith('"'):
        quoted = f'{quoted[:-1]}\\"'
    is_table = form == CSV
    return (
        ("import csv\n" if is_table else "") + "from urllib.parse import urlencode\n"
        "from urllib.request import Request, urlopen\n\n"
        f'query = """{quoted}"""\n'
        'body = urlencode({"query": query}).encode()\n'
        f'request = Request("{endpoint}", body, {{"Accept": "{form.media_type}"}})\n'
        "with urlopen(request) as answer:\n" + (_TABLE_PYTHON if is_table else _TEXT_PYTHON)
    )


def _r(endpoint: str, query: str, form: Form) -> str:
    longest = max((len(dashes) for dashes in re.findall(r"\)(-*)\"", query)), default=-1)
    dashes = "-" * (longest + 1)
    show = "read.csv(text = resp_body_string(answer))" if form == CSV else "cat(resp_body_string(answer))"
    return (
        "library(httr2)\n\n"
        f'query <- r"{dashes}({query}){dashes}"\n'
        f'answer <- request("{endpoint}") |>\n'
        "  req_body_form(query = query) |>\n"
        f'  req_headers(Accept = "{form.media_type}") |>\n'
        "  req_perform()\n"
        f"{show}\n"
    )


def _javascript(endpoint: str, query: str, form: Form) -> str:
    quoted = query.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")
    return (
        f"const query = `{quoted}`;\n"
        f'const answer = await fetch("{endpoint}", {{\n'
        '  method: "POST",\n'
        f'  headers: {{ Accept: "{form.media_type}" }},\n'
        "  body: new URLSearchParams({ query }),\n"
        "});\n"
        "console.log(await answer.text());\n"
    )
