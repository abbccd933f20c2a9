"""The operator's list of services, which addresses they may be at, and how calls of them pass the guard."""

from __future__ import annotations

import ipaddress
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import Store

from endpoint.guard import analyse, tokenise
from endpoint.problems import RequestError
from endpoint.service_calls import MAX_CALLS, masked, service_calls
from endpoint.services import Services, is_public
from endpoint.settings import from_environment
from loader.errors import MisuseError

A, B = "http://a.example.org/sparql", "https://b.example.org/sparql?x=1"
ALLOWED = (A, B)


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("8.8.8.8", True),
        ("100.128.0.1", True),
        ("2a00:1450:4009::1", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("127.255.255.254", False),
        ("10.1.2.3", False),
        ("172.31.255.255", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("192.0.2.1", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:a9fe:a9fe", False),
        ("fe80::1", False),
        ("fe80::1%1", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2002:7f00:1::", False),
        ("2002:808:808::", False),
        ("2001:0:53aa:64c:0:7bff:f5ff:fffe", False),
        ("2001:db8::1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("64:ff9b:1::808:808", False),
    ],
)
def test_only_addresses_of_the_public_internet_are_public(address: str, is_allowed: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is is_allowed


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?o }} }}",
        f"SELECT * {{ ?s ?p ?o FILTER(true)service<{A}>{{ ?s ?p ?o }} }}",
        f"SELECT * {{ SERVICE SILENT <{B}> {{ ?s ?p ?o }} }}",
        "PREFIX a: <http://a.example.org/> SELECT * { SERVICE a:sparql { ?s ?p ?o } }",
        f"PREFIX service: <{A}> SELECT * {{ SERVICE service: {{ ?s ?p ?o }} }}",
        f"ASK {{ FILTER EXISTS {{ {{ SELECT ?s {{ SERVICE <{A}> {{ SERVICE <{B}> {{ ?s ?p ?o }} }} }} }} }} }}",
        f"SELECT * {{ SERVICE # <http://c.example.org/> {{\n <{A}> {{ ?s ?p '}}' }} }}",
    ],
)
def test_a_call_of_an_allowed_service_passes(query: str) -> None:
    found = analyse(query, ALLOWED)
    assert found.is_federated
    assert not found.is_repeatable
    with pytest.raises(RequestError, match="SERVICE"):
        analyse(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { SERVICE <http://c.example.org/> { ?s ?p ?o } }",
        f"SELECT * {{ SERVICE <{A}/> {{ ?s ?p ?o }} }}",
        f"SELECT * {{ SERVICE <{A}#> {{ ?s ?p ?o }} }}",
        f"SELECT * {{ SERVICE <{A.upper()}> {{ ?s ?p ?o }} }}",
        "BASE <http://a.example.org/> SELECT * { SERVICE <sparql> { ?s ?p ?o } }",
        "SELECT * { SERVICE <http://a.example.org/sparq\\u006C> { ?s ?p ?o } }",
        "PREFIX a: <http://a.example.org/> SELECT * { SERVICE a:sparq\\-l { ?s ?p ?o } }",
        "PREFIX c: <http://c.example.org/> SELECT * { SERVICE c:sparql { ?s ?p ?o } }",
        f"PREFIX a: <{A}> PREFIX a: <http://c.example.org/> SELECT * {{ SERVICE a: {{ ?s ?p ?o }} }}",
        f"SELECT * {{ VALUES ?u {{ <{A}> }} SERVICE ?u {{ ?s ?p ?o }} }}",
        f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?o SERVICE <http://c.example.org/> {{ ?s ?p ?o }} }} }}",
        f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?o }} SERVICE ?u {{ ?s ?p ?o }} }}",
        f"SELECT * {{ SERVICE <{A}> {{ }} OPTIONAL {{ SERVICE <http://c.example.org/> {{ }} }} }}",
        f"SELECT * {{ SERVICE <{A}> {{ }} MINUS {{ SERVICE <http://c.example.org/> {{ }} }} }}",
        f"SELECT * {{ SERVICESILENT <{A}> {{ ?s ?p ?o }} }}",
        f"PREFIX : <{A}> SELECT * {{ SERVICE:x {{ ?s ?p ?o }} }}",
        f"PREFIX service: <{A}> SELECT * {{ SERVICE <{A}> {{ }} FILTER(true)service:x{{ }} }}",
        f"SELECT * {{ SERVICE <{A}> {{ }} \\u0053ERVICE <http://c.example.org/> {{ }} }}",
        f'SELECT * {{ SERVICE <{A}> {{ }} VALUES ?a {{ 1 }} FILTER(?a<?b#>"""\n) SERVICE <urn:c> {{ }} #"""\n }}',
        f"SELECT * {{ {f'SERVICE <{A}> {{ }} ' * (MAX_CALLS + 1)} }}",
    ],
)
def test_every_other_call_is_refused_though_one_is_allowed(query: str) -> None:
    with pytest.raises(RequestError, match=r"SERVICE|unexpected|calls other services") as refused:
        analyse(query, ALLOWED)
    assert refused.value.status == 400


PIECES = [
    *"<>(){}\"'#?a1.;,:!=&|\n ",
    "SERVICE",
    " SERVICE <ALLOWED> { ?s ?p ?o } ",
    "SERVICE SILENT a:",
    "SERVICE service:x",
    "<CALL>",
    "<ALLOWED>",
    '"""',
    "FILTER(",
    "?a<",
    "{}",
    "UNION",
    "<x#",
    "\\",
    "true",
    " {?s ?p ?o} ",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_what_passes_the_guard_calls_nobody_once_its_calls_are_masked(pieces: list[str]) -> None:
    text = "".join(pieces).replace("CALL", "http://127.0.0.1:9/").replace("ALLOWED", A)
    query = f"PREFIX a: <{A}> PREFIX service: <urn:a:> SELECT * {{ VALUES ?a {{ 1 }} {text} }}"
    try:
        analyse(query, ALLOWED)
    except RequestError:
        return
    tokens = list(tokenise(query))
    calls = service_calls(tokens, ALLOWED)
    plain = masked(query, tokens, calls)
    assert len(plain) == len(query)
    assert {call.target for call in calls} <= set(ALLOWED)
    analyse(plain)  # the guard without a list, which another test holds to
    with suppress(SyntaxError):
        Store().query(plain)


def test_the_list_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    found = from_environment(tmp_path, {"DWPLD_SERVICES": f"{A}  {B}\n", "DWPLD_SERVICES_INSIDE": B})
    assert found.allowed == Services(frozenset(ALLOWED), frozenset({B}))
    (tmp_path / "services").write_text(f"# others\n{A}\n\n  # and\n{B}\n", "utf-8")
    assert from_environment(tmp_path, {"DWPLD_SERVICES": f"@{tmp_path}/services"}).services.split() == [A, B]
    assert from_environment(tmp_path, {}).allowed == Services()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DWPLD_SERVICES": "http://user:word@a.example.org/"}, "cannot be a service"),
        ({"DWPLD_SERVICES": "file:///etc/passwd"}, "cannot be a service"),
        ({"DWPLD_SERVICES": "a.example.org"}, "cannot be a service"),
        ({"DWPLD_SERVICES": "http://"}, "cannot be a service"),
        ({"DWPLD_SERVICES": "http://a.example.org:99999/"}, "cannot be a service"),
        ({"DWPLD_SERVICES": f"{A}#x"}, "cannot be a service"),
        ({"DWPLD_SERVICES": "http://a.example.org/{x}"}, "cannot be a service"),
        ({"DWPLD_SERVICES": "@/nowhere/services"}, "No such file"),
        ({"DWPLD_SERVICES_INSIDE": A}, "does not have"),
    ],
)
def test_a_list_that_is_wrong_is_refused_at_the_start(environment: dict[str, str], said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        from_environment(Path("release"), environment)
