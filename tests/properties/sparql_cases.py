"""Queries made by the grammar (SPARQL 1.1 Query §19.8), each with the names of the productions it was made by."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, TypeVar

from tests.properties.cube_cases import BASE, PREFIXES

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")
VARIABLES = ("?o", "?o", "?o", "?a", "?v", "?v", "?w", "?q", "?p")
NAMED = (f"<{BASE}/graph/one>", f"<{BASE}/graph/two>", f"<{BASE}/graph/codes>", ":none")
PREDICATES = (
    *(":area", ":area", ":value", ":value", ":note", ":period", ":other", ":of", ":when", ":dataSet"),
    *(":label", ":broader", ":order", ":about", ":none"),
)
LIKELY = (
    *((":area", "?a"), (":area", "?a"), (":value", "?v"), (":value", "?v"), (":note", "?w"), (":other", "?w")),
    *((":of", "?q"), ("?p", "?v"), (":other", "?v"), (":area", ":a0"), (":period", ":p0"), ("a", ":Observation")),
    *((":area|:of", "?a"), (":area/:broader*", "?a"), (":dataSet", "?d"), (":value", "1")),
)
LABELS = ((":label", "?w"), (":broader", "?a"), (":broader*", "?b"), ("^:area", "?o"), ("?p", "?w"))
ADDRESSES = (
    *(":a0", ":a1", ":a9", ":p0", ":Observation", ":Payment", "d:one", "o1:0", "o1:1", "o2:0", ":stored", ":none"),
)
LITERALS = (
    *("1", "2", "-3", "+2", "07", "0.70", ".7", "-1.5", "1.5e0", ".25E0", "true", "false", '"x"', "'x'@en", '"x"@EN'),
    *('"""x"""', '"1"^^xsd:integer', '"1"^^xsd:nonNegativeInteger', '"abc"^^xsd:integer', '"2025-05"', "'''De'''@cy"),
    *('"2025-05-01"^^xsd:date', f'"5"^^<{BASE}/odd>', '"North"', '"\\u0078"', '"q\\"uote"', '"1"^^xsd:boolean'),
)
ONE = (
    *("STR", "LANG", "DATATYPE", "BOUND", "ABS", "CEIL", "FLOOR", "ROUND", "STRLEN", "UCASE", "LCASE", "MD5"),
    *("ENCODE_FOR_URI", "YEAR", "MONTH", "DAY", "isIRI", "isBLANK", "isLITERAL", "isNUMERIC", "IRI", "xsd:decimal"),
    *("xsd:string", "xsd:integer", "xsd:double", "xsd:boolean", "xsd:date"),
)
TWO = (
    *("STRSTARTS", "STRENDS", "CONTAINS", "STRBEFORE", "STRAFTER", "sameTerm", "LANGMATCHES", "STRDT", "STRLANG"),
    "REGEX",
)
AGGREGATES = ("COUNT", "COUNT", "SUM", "SUM", "MIN", "MAX", "AVG")
ANY_ORDER = ("SAMPLE", "GROUP_CONCAT")
PRODUCTIONS = frozenset(
    [
        "AVG",
        "Additive",
        "And",
        "Ask",
        "Bind",
        "BlankNode",
        "BlankNodePropertyListPath",
        "COUNT",
        "Call",
        "Coalesce",
        "Collection",
        "Compared",
        "Concat",
        "Construct",
        "ConstructWhere",
        "Describe",
        "Distinct",
        "DistinctAggregate",
        "Exists",
        "Filter",
        "From",
        "FromBoth",
        "FromNamed",
        "GROUP_CONCAT",
        "Graph",
        "Group",
        "GroupBy",
        "GroupByExpression",
        "Having",
        "If",
        "In",
        "InlineDataFull",
        "InlineDataOneVar",
        "Iri",
        "LimitOffset",
        "Literal",
        "MAX",
        "MIN",
        "Minus",
        "Multiplicative",
        "Negative",
        "Not",
        "NotExists",
        "ObjectBlank",
        "ObjectListPath",
        "ObjectNested",
        "Optional",
        "Or",
        "OrderBy",
        "Path",
        "PathAlternative",
        "PathInverse",
        "PathModified",
        "PathNegated",
        "PathOptional",
        "PathPlus",
        "PathSequence",
        "PathStar",
        "PropertyListPath",
        "Reduced",
        "SAMPLE",
        "SUM",
        "Select",
        "SelectAll",
        "SelectExpression",
        "SelectVariables",
        "SubSelect",
        "Triples",
        "True",
        "TwoArguments",
        "Union",
        "ValuesClause",
        "Var",
        "VariableCompared",
        "VariablesCompared",
        "VerbA",
        "VerbIri",
        "VerbVar",
    ]
)
"""What queries are made by, as `Made.features` names it."""


@dataclass(frozen=True, slots=True)
class Made:
    """A query, what it is without LIMIT if any so many solutions will do, and the productions it was made by."""

    text: str
    whole: str | None
    features: frozenset[str]


@dataclass(slots=True)
class Writer:
    """Writes one query."""

    chances: Random
    features: set[str] = field(default_factory=set)
    fresh: int = 0

    def one(self, options: Sequence[T]) -> T:
        """Take one of some."""
        return self.chances.choice(options)

    def kind(self, *options: str) -> str:
        """Take one of some productions, and note it."""
        found = self.one(options)
        self.features.add(found)
        return found

    def chance(self, most: int) -> bool:
        """Say yes once in so many times."""
        return self.chances.randint(1, most) == most

    def times(self, *options: int) -> range:
        """Repeat something."""
        return range(self.chances.choice(options))

    def variable(self) -> str:
        """Take a variable."""
        return self.one(VARIABLES)

    def name(self) -> str:
        """Make a new variable."""
        self.fresh += 1
        return f"?n{self.fresh}"

    def triples(self) -> str:
        """TriplesSameSubjectPath; mostly what there is in the data, or next to no query would have solutions."""
        if not self.chance(3):
            subject, known = self.one((("?o", LIKELY), ("?o", LIKELY), ("?q", LIKELY), ("?a", LABELS)))
            pairs = {self.one(known) for _ in self.times(1, 1, 2, 2, 3)}
            return f"{subject} {' ; '.join(f'{predicate} {target}' for predicate, target in sorted(pairs))} ."
        subject = self.variable()
        match self.kind("Var", "Var", "Var", "Var", "Iri", "BlankNodePropertyListPath", "BlankNode"):
            case "Iri":
                subject = self.one(ADDRESSES)
            case "BlankNodePropertyListPath":
                subject = f"[ {self.properties()} ]"
            case "BlankNode":
                subject = "_:b1"
        return f"{subject} {self.properties()} ."

    def properties(self) -> str:
        """PropertyListPathNotEmpty."""
        found = [f"{self.verb()} {self.objects()}" for _ in self.times(1, 1, 2, 2, 3)]
        if len(found) > 1:
            self.features.add("PropertyListPath")
        return " ; ".join(found)

    def verb(self) -> str:
        """VerbPath or VerbSimple."""
        match self.kind("VerbIri", "VerbIri", "VerbIri", "VerbIri", "VerbA", "VerbVar", "Path"):
            case "VerbA":
                return "a"
            case "VerbVar":
                return "?p"
            case "Path":
                return self.path(2)
        return self.one(PREDICATES)

    def path(self, depth: int) -> str:
        """Path."""
        if not depth:
            return self.one(PREDICATES)
        first, second = self.path(depth - 1), self.path(depth - 1)
        names = f"{self.one(PREDICATES)}|{self.one(('a', '^:area', '^:of', ':value', ':note'))}"
        made = {
            "PathAlternative": f"({first}|{second})",
            "PathSequence": f"{first}/{second}",
            "PathInverse": f"^({first})",
            "PathStar": ":broader*",
            "PathPlus": ":broader+",
            "PathOptional": "(:broader|:label)?",
            "PathModified": f"({first}){self.one(('*', '+', '?'))}",
            "PathNegated": f"!({names})",
        }
        return made[self.kind(*made)]

    def objects(self) -> str:
        """ObjectListPath."""
        found = [self.target() for _ in self.times(1, 1, 1, 1, 2)]
        if len(found) > 1:
            self.features.add("ObjectListPath")
        return " , ".join(found)

    def target(self) -> str:
        """GraphNodePath."""
        match self.kind(*("Var",) * 9, "Iri", "Literal", "ObjectBlank", "ObjectNested", "Collection"):
            case "Iri":
                return self.one(ADDRESSES)
            case "Literal":
                return self.one(LITERALS)
            case "ObjectBlank":
                return "[]"
            case "ObjectNested":
                return f"[ {self.one(PREDICATES)} {self.variable()} ]"
            case "Collection" if self.chance(6):
                return f"( {self.variable()} 1 )"
        return self.variable()

    def group(self, depth: int) -> str:
        """GroupGraphPatternSub, without braces."""
        parts = [self.triples()] if not self.chance(12) else []
        parts += [self.element(depth) for _ in self.times(0, 1, 1, 2, 3)]
        return " ".join(parts)

    def element(self, depth: int) -> str:
        """GraphPatternNotTriples, or more triples."""
        flat = ("Triples", "Filter", "Bind", "InlineDataOneVar", "InlineDataFull", "Triples", "Filter")
        deep = (*flat, "Optional", "Optional", "Minus", "Union", "Group", "Graph", "Exists", "NotExists", "SubSelect")
        kind = self.kind(*(deep if depth else flat))
        match kind:
            case "Triples":
                return self.triples()
            case "Filter":
                return f"FILTER({self.expression(self.one((1, 1, 2)))})"
            case "Bind":
                return f"BIND({self.expression(2)} AS {self.name()})"
            case "InlineDataOneVar" | "InlineDataFull":
                return self.data(kind)
        inner = self.group(depth - 1)
        match kind:
            case "Optional" | "Minus":
                return f"{kind.upper()} {{ {inner} }}"
            case "Union":
                return f"{{ {inner} }} UNION {{ {self.group(depth - 1)} }}"
            case "Graph":
                return f"GRAPH {self.one(('?g', '?g', *NAMED))} {{ {inner} }}"
            case "Exists" | "NotExists":
                return f"FILTER {'NOT ' if kind == 'NotExists' else ''}EXISTS {{ {inner} }}"
            case "SubSelect":
                return f"{{ {self.select(inner, is_inner=True)[0]} }}"
        return f"{{ {inner} }}"

    def data(self, kind: str) -> str:
        """DataBlock."""
        values = [self.one((*ADDRESSES, *LITERALS)) for _ in range(4)]
        if kind == "InlineDataOneVar":
            return f"VALUES {self.variable()} {{ {' '.join(values)} }}"
        first, second = self.one(("?o", "?a")), self.one(("?v", "?w"))
        return f"VALUES ({first} {second}) {{ ({values[0]} {values[1]}) (UNDEF {values[2]}) ({values[3]} UNDEF) }}"

    def expression(self, depth: int) -> str:
        """Expression."""
        if not depth:
            return self.one((*VARIABLES, *VARIABLES, *ADDRESSES[:4], *LITERALS))
        one, two, three = (self.expression(depth - 1) for _ in range(3))
        made = {
            "Compared": f"({one} {self.one(('=', '!=', '<', '>', '<=', '>='))} {two})",
            "VariableCompared": f"{self.variable()} {self.one(('=', '!=', '<', '>'))} {self.one(LITERALS[:12])}",
            "VariablesCompared": f"({self.variable()} {self.one(('=', '!=', '<', '>'))} {self.variable()})",
            "True": f"(?o != {self.one(ADDRESSES)})",
            "In": f"({one} {self.one(('IN', 'NOT IN'))} ({two}, {three}))",
            "Or": f"({one} || {two})",
            "And": f"({one} && {two})",
            "Additive": f"({one} {self.one('+-')} {two})",
            "Multiplicative": f"({one} {self.one('*/')} {two})",
            "Not": f"(!{one})",
            "Negative": f"(-{one})",
            "Call": self.call(one),
            "TwoArguments": f"{self.one(TWO)}(STR({one}), {two})",
            "If": f"IF({one}, {two}, {three})",
            "Coalesce": f"COALESCE({one}, {two})",
            "Concat": f"CONCAT(STR({one}), {two})",
        }
        return made[self.kind(*made)]

    def call(self, argument: str) -> str:
        """A function of one argument."""
        name = self.one(ONE)
        return f"{name}({self.variable() if name == 'BOUND' else argument})"

    def aggregate(self, *, is_inner: bool = True) -> str:
        """Aggregate; at the outside those as well whose value depends on the order of solutions."""
        function = self.kind(*AGGREGATES, *(() if is_inner else ANY_ORDER))
        distinct = "DISTINCT " if self.chance(4) else ""
        if distinct:
            self.features.add("DistinctAggregate")
        if function == "COUNT" and self.chance(3):
            return f"COUNT({distinct}*)"
        argument = self.variable() if not self.chance(5) else self.expression(1)
        return f"{function}({distinct}{argument})"

    def select(self, where: str, *, is_inner: bool = False) -> tuple[str, str | None]:
        """SelectQuery or SubSelect, and without LIMIT if its order is not certain."""
        if self.chance(2):
            return self.aggregated(where, is_inner=is_inner), None
        kind = self.kind("Select", "Select", "Distinct", *(() if is_inner else ("Reduced",)))
        head = "" if kind == "Select" else kind.upper()
        names = sorted({self.variable() for _ in self.times(1, 2, 3)})
        chosen = self.kind("SelectAll", "SelectVariables", "SelectExpression")
        what = "*" if chosen == "SelectAll" else " ".join(names)
        if chosen == "SelectExpression":
            what += f" ({self.expression(2)} AS {self.name()})"
        text = f"SELECT {head} {what} {self.dataset(is_inner=is_inner)} {{ {where} }}"
        if is_inner or not self.chance(3):
            return text, None
        return self.cut(text)

    def cut(self, text: str) -> tuple[str, str]:
        """SolutionModifier of a query without groups."""
        order = ""
        if self.chance(2):
            self.features.add("OrderBy")
            order = f"ORDER BY {self.one(('?v', 'DESC(?v)', 'ASC(?a) ?v', 'STR(?o)', '?w DESC(?v + 1)'))}"
        self.features.add("LimitOffset")
        limit = f"LIMIT {self.one('01234')}{self.one(('', '', ' OFFSET 1'))}"
        return f"{text} {order} {limit}", text

    def aggregated(self, where: str, *, is_inner: bool) -> str:
        """A SELECT of groups."""
        made = " ".join(f"({self.aggregate(is_inner=is_inner)} AS {self.name()})" for _ in self.times(1, 1, 2, 3))
        keys = sorted({self.variable() for _ in self.times(0, 1, 1, 2)})
        group, shown = "", " ".join(keys)
        if keys:
            self.features.add("GroupBy")
            group = f"GROUP BY {shown}"
            if self.chance(4):
                self.features.add("GroupByExpression")
                group += f" ({self.expression(1)} AS {self.name()})"
        if keys and self.chance(4):
            self.features.add("Having")
            group += f" HAVING({self.aggregate()} {self.one(('>', '=', '<='))} {self.one(('1', '2', '0.7'))})"
        return f"SELECT {shown} {made} {{ {where} }} {group}"

    def dataset(self, *, is_inner: bool = False) -> str:
        """DatasetClause."""
        if is_inner or not self.chance(6):
            return ""
        match self.kind("From", "FromNamed", "FromBoth"):
            case "From":
                return f"FROM {self.one(NAMED)} FROM {self.one(NAMED)}"
            case "FromNamed":
                return f"FROM NAMED {NAMED[0]} FROM NAMED {NAMED[1]}"
        return f"FROM {self.one(NAMED)} FROM NAMED {self.one(NAMED)}"

    def query(self) -> tuple[str, str | None]:
        """Query."""
        where = self.group(2)
        form = self.kind("Select", "Select", "Select", "Select", "Ask", "Construct", "ConstructWhere", "Describe")
        match form:
            case "Ask":
                return f"ASK {self.dataset()} {{ {where} }}", None
            case "Construct":
                return f"CONSTRUCT {{ ?o :is ?v , [ :has ?a ] . ?v :of ?w }} {{ {where} }}", None
            case "ConstructWhere":
                return f"CONSTRUCT WHERE {{ ?o {self.one(PREDICATES)} {self.variable()} ; ?p ?w }}", None
            case "Describe":
                return f"DESCRIBE {self.one(('?o', '?v ?a', '*', 'o1:0 ?a'))} {self.dataset()} {{ {where} }}", None
        text, whole = self.select(where)
        if whole is None and self.chance(8):
            self.features.add("ValuesClause")
            text += f" {self.data('InlineDataFull')}"
        return text, whole


PROLOGUES = (
    f"{PREFIXES}PREFIX d: <{BASE}/data/> PREFIX o1: <{BASE}/data/one/obs/> PREFIX o2: <{BASE}/data/two/obs/> ",
    f"BASE <{BASE}/> {PREFIXES}prefix d: <data/> BASE <data/> PREFIX o1: <one/obs/> PREFIX o2: <two/obs/> # o3:\n",
)


def grammatical(seed: int) -> Made:
    """Make the query of a number; a query is too many choices for hypothesis to make one by one."""
    writer = Writer(Random(seed))
    prologue = writer.one(PROLOGUES)
    text, whole = writer.query()
    return Made(prologue + text, None if whole is None else prologue + whole, frozenset(writer.features))
