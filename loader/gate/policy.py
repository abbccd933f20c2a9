"""The policy of a dataset: what its table holds, and what the gate asks of it (docs/gate.md).

A policy is the table `[policy]` of `source.toml`. It fails closed: no policy, an unknown kind, key or rule, and an
exemption without a reason are problems that stop the build. Its thresholds are the publisher's choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from loader.errors import Problem
from loader.markers import known_meanings, read_meanings

if TYPE_CHECKING:
    from collections.abc import Mapping as Dictionary
    from collections.abc import Sequence

COUNTS: Final = "counts"
MONEY: Final = "money"
PERCENTAGES: Final = "percentages"
REFERENCE: Final = "reference"
RECORDS: Final = "records"
KINDS: Final = (COUNTS, MONEY, PERCENTAGES, REFERENCE, RECORDS)
"""What a table holds: numbers of persons or households, amounts, rates, a list of codes or things, other records."""

SMALL_COUNTS: Final = "small-counts"
ROUNDING: Final = "rounding"
MARKERS: Final = "markers"
RECOVERABLE: Final = "recoverable"
DIFFERENCING: Final = "differencing"
DOMINANCE: Final = "dominance"
RECORD_LEVEL: Final = "record-level"
RULES: Final = (SMALL_COUNTS, ROUNDING, MARKERS, RECOVERABLE, DIFFERENCING, DOMINANCE, RECORD_LEVEL)
"""Rules a dataset can be exempted from, with a reason. Nothing exempts from the rules on personal data."""

_APPLIES: Final = {
    COUNTS: frozenset({SMALL_COUNTS, ROUNDING, MARKERS, RECOVERABLE, DIFFERENCING, RECORD_LEVEL}),
    MONEY: frozenset({ROUNDING, MARKERS, RECOVERABLE, DOMINANCE, RECORD_LEVEL}),
    PERCENTAGES: frozenset({MARKERS, RECORD_LEVEL}),
    REFERENCE: frozenset({RECORD_LEVEL}),
    RECORDS: frozenset({RECORD_LEVEL}),
}

MAX_THRESHOLD: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """What the gate asks of one dataset. Columns are those of the tidy table, as `name` or `table.name`."""

    kind: str
    kinds: Dictionary[str, str] = field(default_factory=dict)
    """By measure, named as in the table's column of measures, what its figures are where that is not `kind`."""
    threshold: int = 5
    """Smallest count that may be published. Counts from 1 to one less stop the build; 0 does not."""
    multiplier: int = 1
    """How many persons or pounds a figure of 1 stands for: 1000 for thousands."""
    rounding_base: int = 1
    """Every figure is a multiple of it, in the unit of the table; 1 for figures that are not rounded."""
    perturbed: str | None = None
    """How the source says that it changed its figures at random; such figures are not held to additivity."""
    markers: tuple[str, ...] = ()
    """Texts that may stand in place of a figure or beside it."""
    meanings: Dictionary[str, str] = field(default_factory=dict)
    """By marker, what it means (docs/markers.md); without those of which only the text is declared."""
    supplier_columns: tuple[str, ...] = ()
    """Names of payees and merchants: only those of organisations may be published (docs/persons.md)."""
    office_columns: tuple[str, ...] = ()
    """Addresses and postcodes of offices, which may be published in full."""
    name_columns: tuple[str, ...] = ()
    """Names of things whose header alone does not say so."""
    free_text_columns: tuple[str, ...] = ()
    """Sentences that people wrote."""
    totals: Dictionary[str, str] = field(default_factory=dict)
    """By dimension column, the code that stands for all other codes together."""
    nested: tuple[str, ...] = ()
    """Dimension columns whose code list nests its codes: a code is the total of those directly within it."""
    apart: tuple[str, ...] = ()
    """Codes of nested dimensions that lie within another code in the list, and are not counted in its figures."""
    overlaps: tuple[str, ...] = ()
    """Datasets that measure the same of the same persons in another breakdown, to be audited together with this one."""
    contributors: tuple[str, ...] = ()
    """Columns that name who contributes to an amount, for the rules of dominance."""
    dominance_n: int = 1
    dominance_k: int = 75
    """The `dominance_n` largest contributors may give at most this per cent of an amount."""
    p_percent: int = 10
    """No contributor may know another's contribution to within this per cent of it."""
    reviewed: Dictionary[str, str] = field(default_factory=dict)
    """Telephone numbers, e-mail addresses and postcodes of offices that were reviewed, each with the reason."""
    exemptions: Dictionary[str, str] = field(default_factory=dict)
    """By rule, the reason why it does not apply to this dataset."""

    @property
    def is_perturbed(self) -> bool:
        """True for figures that the source changed at random."""
        return self.perturbed is not None

    def applies(self, rule: str) -> bool:
        """Say whether a rule is applied: it belongs to the kind of table, and no exemption is declared."""
        assert rule in RULES, rule
        return rule in _APPLIES[self.kind] and rule not in self.exemptions

    def of_table(self, table: str, *, is_main: bool = True) -> Policy:
        """Give the policy of one table of a folder: its columns by bare name; further tables are reference.

        A column declared as `name` is that column of any table, one declared as `table.name` of that table only.
        """
        return replace(
            self,
            kind=self.kind if is_main else REFERENCE,
            supplier_columns=_of_table(self.supplier_columns, table),
            office_columns=_of_table(self.office_columns, table),
            name_columns=_of_table(self.name_columns, table),
            free_text_columns=_of_table(self.free_text_columns, table),
            nested=_of_table(self.nested, table),
            contributors=_of_table(self.contributors, table),
            totals=self.totals if is_main else {},
            kinds=self.kinds if is_main else {},
        )


_COLUMNS: Final = ("supplier_columns", "office_columns", "name_columns", "free_text_columns", "nested", "contributors")


def _of_table(columns: Sequence[str], table: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(f"{table}.") for name in columns if name.startswith(f"{table}.") or "." not in name)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a cube's table are what, as the gate needs to know them."""

    dimensions: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    not_applicable: Dictionary[str, str] = field(default_factory=dict)
    """By column of statuses, the code of a cell that cannot have a figure: a reader takes it as nil."""
    measure_column: str | None = None
    """The column that names the measure of each row, where there is one."""
    parents: Dictionary[str, Dictionary[str, str]] = field(default_factory=dict)
    """By dimension column, by code as in its cells, the code directly above it in the code list.

    Codes that the table does not have go by any other name.
    """


STRICTEST: Final = Policy(COUNTS)
"""What a dataset without a valid policy is given, so that all problems are found together."""


def read_policy(table: Dictionary[str, object] | None, place: str) -> tuple[Policy, list[Problem]]:
    """Read the table `[policy]`, None if there is none; `place` is the file as messages name it.

    With problems, the policy given is the strictest one, and must not be used to publish.
    """
    if table is None:
        hint = 'add the table [policy] with kind = "counts" or what the table holds (docs/gate.md)'
        return STRICTEST, [Problem("GATE-01", place, "the dataset has no policy", hint)]
    reader = _Reader(table, place)
    policy = reader.policy()
    return (STRICTEST if reader.problems else policy), reader.problems


def check_policy_columns(policy: Policy, tables: Dictionary[str, Sequence[str]], place: str) -> list[Problem]:
    """Find columns a policy names that no table of the folder has; `tables` gives the columns of each table."""
    known = {name for names in tables.values() for name in names}
    known |= {f"{table}.{name}" for table, names in tables.items() for name in names}
    named = {key: getattr(policy, key) for key in _COLUMNS} | {"totals": tuple(policy.totals)}
    hint = "name a column of the mapping, or of another table as 'table.column'"
    return [
        Problem("GATE-02", place, f"[policy] {key}: no table has the column '{name}'", hint)
        for key, names in named.items()
        for name in names
        if name not in known
    ]


class _Reader:
    """Reads a policy key by key; what is wrong is noted, and the reader goes on."""

    def __init__(self, table: Dictionary[str, object], place: str) -> None:
        self.table = table
        self.place = place
        self.problems: list[Problem] = []
        self.known: set[str] = set()

    def policy(self) -> Policy:
        markers, meanings = self.markers()
        policy = Policy(
            kind=self.kind(),
            kinds=self.pairs("kinds", f'claimant-rate = "{PERCENTAGES}"'),
            threshold=self.number("threshold", 5, range(1, MAX_THRESHOLD + 1)),
            multiplier=self.number("multiplier", 1, range(1, 10**9 + 1)),
            rounding_base=self.number("rounding_base", 1, range(1, MAX_THRESHOLD + 1)),
            perturbed=self.text("perturbed"),
            markers=markers,
            meanings=meanings,
            supplier_columns=self.texts("supplier_columns"),
            office_columns=self.texts("office_columns"),
            name_columns=self.texts("name_columns"),
            free_text_columns=self.texts("free_text_columns"),
            totals=self.pairs("totals", 'area = "total"'),
            nested=self.texts("nested"),
            apart=self.texts("apart"),
            overlaps=self.texts("overlaps"),
            contributors=self.texts("contributors"),
            dominance_n=self.number("dominance_n", 1, range(1, 11)),
            dominance_k=self.number("dominance_k", 75, range(1, 101)),
            p_percent=self.number("p_percent", 10, range(1, 101)),
            reviewed=self.pairs("reviewed", '"0800 …" = "why it may be published"'),
            exemptions=self.pairs("exemptions", f'{SMALL_COUNTS} = "why the rule does not apply"'),
        )
        for key in sorted(self.table.keys() - self.known):
            self.note(f"the key '{key}' is not known", f"use one of {', '.join(sorted(self.known))}")
        for kind in sorted(set(policy.kinds.values()) - set(KINDS)):
            self.note(f"'{kind}' under 'kinds' is not a kind that is known", f"use one of {', '.join(KINDS)}")
        for rule in sorted(policy.exemptions.keys() - set(RULES)):
            self.note(f"the rule '{rule}' is not known", f"use one of {', '.join(RULES)}")
        return policy

    def note(self, message: str, hint: str) -> None:
        self.problems.append(Problem("GATE-02", self.place, f"[policy] {message}", hint))

    def get(self, key: str) -> object:
        self.known.add(key)
        return self.table.get(key)

    def kind(self) -> str:
        value = self.get("kind")
        if isinstance(value, str) and value in KINDS:
            return value
        message = "'kind' is missing" if value is None else "'kind' is not one that is known"
        self.note(message, f"say what the table holds: {', '.join(KINDS)}")
        return COUNTS

    def number(self, key: str, default: int, allowed: range) -> int:
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and value in allowed:
            return value
        hint = f"write for instance {key} = {default}"
        self.note(f"'{key}' is not a whole number from {allowed.start} to {allowed.stop - 1}", hint)
        return default

    def text(self, key: str) -> str | None:
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, str) and value.strip():
            return value.strip()
        self.note(f"'{key}' is no text", f'write {key} = "…", or take it out')
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(text, str) and text for text in value):
            return tuple(value)
        self.note(f"'{key}' is no list of texts", f'write {key} = ["…"]')
        return ()

    def markers(self) -> tuple[tuple[str, ...], dict[str, str]]:
        """Give all markers, and by marker its meaning."""
        value = self.get("markers")
        meanings, markers, wrong = read_meanings([] if value is None else value)
        for message in wrong:
            self.note(message, f'write [policy.markers] and below "[c]" = "c"; meanings are {known_meanings()}')
        return markers, meanings

    def pairs(self, key: str, example: str) -> dict[str, str]:
        value = self.get(key)
        if value is None:
            return {}
        if isinstance(value, dict) and all(isinstance(text, str) and text.strip() for text in value.values()):
            return {name: text.strip() for name, text in value.items()}
        self.note(f"'{key}' is no table of texts, or one is empty", f"write [policy.{key}] and below {example}")
        return {}
