from __future__ import annotations

import tomllib

import pytest

from loader.gate.policy import (
    COUNTS,
    DOMINANCE,
    KINDS,
    MONEY,
    REFERENCE,
    RULES,
    SMALL_COUNTS,
    STRICTEST,
    Policy,
    check_policy_columns,
    read_policy,
)

PLACE = "source.toml"


def test_a_missing_policy_stops_the_build() -> None:
    policy, problems = read_policy(None, PLACE)
    assert policy == STRICTEST
    assert [problem.code for problem in problems] == ["GATE-01"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_is_all_that_must_be_said(kind: str) -> None:
    policy, problems = read_policy({"kind": kind}, PLACE)
    assert not problems
    assert policy == Policy(kind)
    assert policy.threshold == 5


def test_everything_can_be_declared() -> None:
    text = """
        kind = "money"
        threshold = 10
        multiplier = 1000
        rounding_base = 5
        perturbed = "introduced random error"
        markers = [".."]
        supplier_columns = ["payee_name", "suppliers.label"]
        office_columns = ["postcode"]
        name_columns = ["label"]
        free_text_columns = ["note"]
        nested = ["benefit"]
        contributors = ["payee"]
        dominance_n = 2
        dominance_k = 85
        p_percent = 15
        [totals]
        area = "K02000001"
        [reviewed]
        "0800 055 6688" = "the public helpline"
        [exemptions]
        dominance = "payments are published one by one"
    """
    policy, problems = read_policy(tomllib.loads(text), PLACE)
    assert not problems
    assert policy.is_perturbed
    assert policy.totals == {"area": "K02000001"}
    assert not policy.applies(DOMINANCE)
    assert (policy.dominance_n, policy.dominance_k, policy.p_percent) == (2, 85, 15)


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"kind": "secret"},
        {"kind": 5},
        {"kind": "counts", "treshold": 3},
        {"kind": "counts", "threshold": 0},
        {"kind": "counts", "threshold": True},
        {"kind": "counts", "threshold": "5"},
        {"kind": "counts", "rounding_base": -1},
        {"kind": "counts", "markers": ".."},
        {"kind": "counts", "markers": [1]},
        {"kind": "counts", "perturbed": " "},
        {"kind": "counts", "perturbed": True},
        {"kind": "counts", "totals": ["area"]},
        {"kind": "counts", "exemptions": {"small-counts": ""}},
        {"kind": "counts", "exemptions": {"smal-counts": "a reason"}},
        {"kind": "counts", "exemptions": {"personal": "nothing exempts from this"}},
        {"kind": "counts", "exemptions": ["small-counts"]},
        {"kind": "money", "dominance_k": 101},
    ],
)
def test_what_is_not_understood_stops_the_build(table: dict[str, object]) -> None:
    policy, problems = read_policy(table, PLACE)
    assert {problem.code for problem in problems} == {"GATE-02"}
    assert policy == STRICTEST


def test_all_mistakes_are_found_together() -> None:
    _, problems = read_policy({"threshold": 0, "unknown": 1}, PLACE)
    assert len(problems) == 3


def test_rules_belong_to_kinds() -> None:
    assert Policy(COUNTS).applies(SMALL_COUNTS)
    assert not Policy(COUNTS, exemptions={SMALL_COUNTS: "a reason"}).applies(SMALL_COUNTS)
    assert not Policy(MONEY).applies(SMALL_COUNTS)
    assert Policy(MONEY).applies(DOMINANCE)
    with pytest.raises(AssertionError):
        Policy(COUNTS).applies("no rule")
    assert all(isinstance(Policy(kind).applies(rule), bool) for kind in KINDS for rule in RULES)


def test_columns_belong_to_tables() -> None:
    policy = Policy(COUNTS, supplier_columns=("payee_name", "suppliers.label"), totals={"area": "total"})
    assert policy.of_table("payments").supplier_columns == ("payee_name",)
    other = policy.of_table("suppliers", is_main=False)
    assert other.supplier_columns == ("payee_name", "label")
    assert (other.kind, other.totals) == (REFERENCE, {})


def test_columns_must_be_there() -> None:
    policy = Policy(COUNTS, supplier_columns=("payee", "suppliers.name"), totals={"area": "total", "age": "all"})
    tables = {"payments": ["payee", "area"], "suppliers": ["label"]}
    problems = check_policy_columns(policy, tables, PLACE)
    assert ["'suppliers.name'" in problems[0].message, "'age'" in problems[1].message] == [True, True]
