"""Read a query into what `syntax` names, from the terminals that `endpoint.guard` cuts it into.

The engine has read the query before and found no fault, so this needs to be right about queries only; whatever it does
not know (what SPARQL 1.2 adds) it refuses. Terms are read by the engine's own Turtle parser and stored once, so that
they are the terms the engine would compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyoxigraph import Quad, RdfFormat, Store, parse

from endpoint.cubes.refusal import RefusalError
from endpoint.cubes.syntax import (
    HIDDEN,
    Alt,
    Bind,
    Expression,
    Filter,
    Graph,
    Group,
    Inv,
    Item,
    Minus,
    Mod,
    Neg,
    Optional,
    Pattern,
    Query,
    Seq,
    Triples,
    Union,
    Values,
    Var,
)
from endpoint.guard import QUERY_FORMS, Token, tokenise
from ontology.terms import RDF

if TYPE_CHECKING:
    from endpoint.cubes.syntax import Element, Path, Term

TYPE: Final = str(RDF.type)
FIRST, REST, NIL = (f"<{RDF.NAMESPACE}{name}>" for name in ("first", "rest", "nil"))
_END: Final = Token("end", "", -1)


class Terms:
    """Reads terms as the engine does, with the prefixes of one query."""

    def __init__(self, prologue: str, base: str) -> None:
        self._prologue = prologue
        self._base = base
        self._known: dict[str, str] = {}

    def read(self, text: str) -> str:
        """Give a term as the store holds it."""
        if text not in self._known:
            document = f"{self._prologue}\n<x:s> <x:p> {text} ."
            found = next(iter(parse(document.encode(), format=RdfFormat.TURTLE, base_iri=self._base))).triple
            store = Store()
            store.add(Quad(found.subject, found.predicate, found.object))
            self._known[text] = str(next(iter(store)).object)
        return self._known[text]


def read_query(text: str, base: str) -> Query:
    """Read a query that the engine accepts. Raises RefusalError for what is no SPARQL 1.1."""
    return _Reader(text, base).query()


def refused_at(text: str, base: str) -> int | None:
    """Give the place of the first terminal of a text that no query has there; None if reading it finds none."""
    try:
        reader = _Reader(text, base)
    except RefusalError:
        return None
    try:
        reader.query()
    except RefusalError:
        place = reader.place
    except ValueError:  # a number that is none has been taken
        place = reader.place - 1
    except (IndexError, RecursionError):
        return len(text)
    else:
        return None
    token = reader.tokens[place]
    return token.start if token is not _END else len(text)


class _Reader:
    """Reads from a list of tokens, one after another (recursive descent)."""

    def __init__(self, text: str, base: str) -> None:
        self.tokens = [*tokenise(text), _END]
        self.place = 0
        self.fresh = 0
        if any(token.kind == "variable" and token.text.endswith(HIDDEN) for token in self.tokens):
            message = f"the name of a variable ends with '{HIDDEN}'"
            raise RefusalError(message, "name it otherwise")
        self.blanks: dict[str, Var] = {}
        self.prologue = self._prologue()
        self.terms = Terms(self.prologue, base)

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    @property
    def word(self) -> str:
        """The next token in capitals, if it is a word."""
        return self.next.text.upper() if self.next.kind == "word" else ""

    def take(self) -> Token:
        token = self.tokens[self.place]
        self.place += 1
        return token

    def skip(self, text: str) -> bool:
        """Take the next token if it is this word or sign."""
        if self.next.kind in {"word", "sign"} and self.next.text.upper() == text:
            self.place += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.skip(text):
            raise self.refused()

    def refused(self) -> RefusalError:
        return RefusalError(f"'{self.next.text[:40]}' is not known here", "write the query in SPARQL 1.1")

    def new_variable(self) -> Var:
        """Make a variable for a blank node."""
        self.fresh += 1
        return Var(f"b{self.fresh}{HIDDEN}")

    def _prologue(self) -> str:
        lines = []
        while self.word in {"BASE", "PREFIX"}:
            size = 2 if self.word == "BASE" else 3
            lines.append(" ".join(token.text for token in self.tokens[self.place : self.place + size]))
            self.place += size
        return "\n".join(lines)

    def query(self) -> Query:
        """Read the whole text."""
        if self.word not in QUERY_FORMS:
            raise self.refused()
        query = {"SELECT": self.select, "ASK": self.ask, "CONSTRUCT": self.construct, "DESCRIBE": self.describe}[
            self.word
        ]()
        query.prologue = self.prologue
        if self.next is not _END:
            raise self.refused()
        return query

    def select(self) -> Query:
        """SelectQuery or SubSelect."""
        self.take()
        duplicates = self.take().text.upper() if self.word in {"DISTINCT", "REDUCED"} else ""
        selected: list[Item] | None = None
        if not self.skip("*"):
            selected = []
            while self.next.kind == "variable" or self.next.text == "(":
                selected.append(self.item())
        query = Query("SELECT", Group([]), duplicates=duplicates, selected=selected)
        return self.rest(query)

    def item(self) -> Item:
        """`?x`, `(… AS ?x)`, `(…)` or a call."""
        if self.next.kind == "variable":
            return Item(None, self.take().text[1:])
        is_bracketed = self.next.text == "("
        expression = self.constraint()
        parts = expression.parts
        last = parts[-2] if is_bracketed and len(parts) > 3 else None
        before = parts[-3] if last is not None else None
        if isinstance(last, Token) and isinstance(before, Token) and before.text.upper() == "AS":
            return Item(Expression(parts[1:-3]), last.text[1:])
        return Item(expression, None)

    def ask(self) -> Query:
        """AskQuery."""
        self.take()
        return self.rest(Query("ASK", Group([])))

    def construct(self) -> Query:
        """ConstructQuery, also in its short form."""
        self.take()
        query = Query("CONSTRUCT", Group([]))
        if self.next.text == "{":
            query.template, query.template_variables = self.template()
            return self.rest(query)
        self.dataset(query)
        self.skip("WHERE")
        start = self.place
        query.template, query.template_variables = self.template()
        self.place = start
        query.where = self.group()
        self.modifiers(query)
        return query

    def template(self) -> tuple[str, tuple[str, ...]]:
        """Take what CONSTRUCT makes as it stands."""
        start = self.place
        depth = 0
        while True:
            token = self.take()
            depth += (token.text == "{") - (token.text == "}") if token.kind == "sign" else 0
            if not depth:
                break
        tokens = self.tokens[start : self.place]
        return written(tokens), tuple(token.text[1:] for token in tokens if token.kind == "variable")

    def describe(self) -> Query:
        """DescribeQuery."""
        self.take()
        query = Query("DESCRIBE", Group([]))
        if not self.skip("*"):
            while self.next.kind in {"variable", "iri", "name"}:
                query.described.append(self.term())
        return self.rest(query)

    def rest(self, query: Query) -> Query:
        """Read from the dataset to the end of a query."""
        self.dataset(query)
        self.skip("WHERE")
        if self.next.text == "{":
            query.where = self.group()
        elif query.form != "DESCRIBE":
            raise self.refused()
        self.modifiers(query)
        return query

    def dataset(self, query: Query) -> None:
        """DatasetClause."""
        while self.skip("FROM"):
            graphs = query.named_graphs if self.skip("NAMED") else query.default_graphs
            graphs.append(self.constant())

    def modifiers(self, query: Query) -> None:
        """SolutionModifier and ValuesClause."""
        if self.skip("GROUP"):
            self.expect("BY")
            while self.is_condition():
                query.group_by.append(self.item())
        if self.skip("HAVING"):
            while self.is_condition():
                query.having.append(self.constraint())
        if self.skip("ORDER"):
            self.expect("BY")
            while self.is_condition():
                query.order_by.append(self.order())
        self.slice(query)
        if self.skip("VALUES"):
            query.values = self.values()

    def slice(self, query: Query) -> None:
        """LimitOffsetClauses."""
        for _ in range(2):
            if self.skip("LIMIT"):
                query.limit = int(self.take().text)
            if self.skip("OFFSET"):
                query.offset = int(self.take().text)

    def is_condition(self) -> bool:
        """Tell whether a condition of GROUP BY, HAVING or ORDER BY follows."""
        ends = {"HAVING", "ORDER", "LIMIT", "OFFSET", "VALUES", "GROUP"}
        kind = self.next.kind
        return (
            kind in {"variable", "iri", "name"} or self.next.text == "(" or (kind == "word" and self.word not in ends)
        )

    def order(self) -> Expression:
        """OrderCondition."""
        if self.next.kind == "variable":
            return Expression([self.take()])
        first = [self.take()] if self.word in {"ASC", "DESC"} else []
        return Expression([*first, *self.constraint().parts])

    def constraint(self) -> Expression:
        """A bracketed expression, a call, or EXISTS."""
        parts: list[Token | Group] = []
        while self.next.text != "(":
            if self.next.kind not in {"word", "iri", "name"}:
                raise self.refused()
            parts.append(self.take())
            if self.next.text == "{":
                return Expression([*parts, self.group()])
        depth = 0
        while True:
            if self.next.kind == "sign" and self.next.text == "{":
                parts.append(self.group())
                continue
            token = self.take()
            if token is _END:
                raise self.refused()
            parts.append(token)
            depth += (token.text == "(") - (token.text == ")") if token.kind == "sign" else 0
            if not depth:
                return Expression(parts)

    def values(self) -> Values:
        """DataBlock."""
        names: list[str] = []
        is_single = self.next.kind == "variable"
        if is_single:
            names.append(self.take().text[1:])
        else:
            self.expect("(")
            while not self.skip(")"):
                names.append(self.take().text[1:])
        start = self.place
        self.expect("{")
        while not self.skip("}"):
            if self.take() is _END:
                raise self.refused()
        return Values(tuple(names), written(self.tokens[start + 1 : self.place - 1], is_single=is_single))

    def group(self) -> Group:
        """GroupGraphPattern."""
        self.expect("{")
        group = Group([])
        if self.word == "SELECT":
            group.elements.append(self.select())
            self.expect("}")
            return group
        while not self.skip("}"):
            if not self.skip("."):
                group.elements.append(self.element())
        return group

    def element(self) -> Element:
        """One element of a group."""
        if self.next.text == "{":
            return self.union()
        if self.skip("OPTIONAL"):
            return Optional(self.group())
        if self.skip("MINUS"):
            return Minus(self.group())
        if self.skip("FILTER"):
            return Filter(self.constraint())
        if self.skip("BIND"):
            item = self.item()
            if item.expression is None or item.variable is None:
                raise self.refused()
            return Bind(item.expression, item.variable)
        if self.skip("VALUES"):
            return self.values()
        if self.skip("GRAPH"):
            return Graph(self.term(), self.group())
        return self.triples()

    def union(self) -> Union:
        """GroupOrUnionGraphPattern."""
        groups = [self.group()]
        while self.skip("UNION"):
            groups.append(self.group())
        return Union(groups)

    def triples(self) -> Triples:
        """TriplesSameSubjectPath."""
        found: list[Pattern] = []
        is_node = self.next.text in {"[", "("}
        subject = self.node(found)
        if not (is_node and self.next.text in {".", "}", "{"}) or not is_node:
            self.properties(subject, found, is_optional=is_node)
        return Triples(found)

    def properties(self, subject: Term, found: list[Pattern], *, is_optional: bool = False) -> None:
        """PropertyListPath."""
        if is_optional and not self.is_verb():
            return
        while True:
            verb: Path | Var = self.variable() if self.next.kind == "variable" else self.path()
            while True:
                target = self.node(found)
                found.append(Pattern(subject, verb, target))
                if not self.skip(","):
                    break
            if self.next.text != ";":
                return
            while self.skip(";"):
                pass
            if not self.is_verb():
                return

    def is_verb(self) -> bool:
        """Tell whether a predicate follows."""
        kind, text = self.next.kind, self.next.text
        return kind in {"variable", "iri", "name"} or text == "a" or (kind == "sign" and text in {"^", "!", "("})

    def node(self, found: list[Pattern]) -> Term:
        """A term, or the node of a property list or collection, whose patterns are added to `found`."""
        if self.skip("["):
            node = self.new_variable()
            if self.next.text != "]":
                self.properties(node, found)
            self.expect("]")
            return node
        if self.skip("("):
            return self.collection(found)
        return self.term()

    def collection(self, found: list[Pattern]) -> Term:
        """`( … )`."""
        members = []
        while not self.skip(")"):
            members.append(self.node(found))
        rest: Term = NIL
        for member in reversed(members):
            node = self.new_variable()
            found += [Pattern(node, FIRST, member), Pattern(node, REST, rest)]
            rest = node
        return rest

    def term(self) -> Term:
        """A variable, blank node or constant."""
        if self.next.kind == "variable":
            return self.variable()
        if self.next.kind == "blank":
            label = self.take().text
            if label not in self.blanks:
                self.blanks[label] = self.new_variable()
            return self.blanks[label]
        return self.constant()

    def variable(self) -> Var:
        return Var(self.take().text[1:])

    def constant(self) -> str:
        """An IRI or literal."""
        token = self.take()
        text = token.text
        if (token.kind == "sign" and text in "+-" and self.next.kind == "number") or (
            token.kind == "string" and self.next.kind == "tag"
        ):
            text += self.take().text
        elif token.kind == "string" and self.skip("^^"):
            text += f"^^{self.take().text}"
        elif token.kind == "word":
            text = text.lower()
            if text not in {"true", "false"}:
                self.place -= 1
                raise self.refused()
        elif token.kind not in {"iri", "name", "number", "string"}:
            self.place -= 1
            raise self.refused()
        try:
            return self.terms.read(text)
        except (SyntaxError, StopIteration) as error:
            message = f"the term {text[:80]} cannot be read"
            raise RefusalError(message, "write its address in full") from error

    def path(self) -> Path:
        """PathAlternative."""
        parts = [self.sequence()]
        while self.skip("|"):
            parts.append(self.sequence())
        return parts[0] if len(parts) == 1 else Alt(tuple(parts))

    def sequence(self) -> Path:
        """PathSequence."""
        parts = [self.step()]
        while self.skip("/"):
            parts.append(self.step())
        return parts[0] if len(parts) == 1 else Seq(tuple(parts))

    def step(self) -> Path:
        """PathEltOrInverse."""
        is_inverse = self.skip("^")
        found = self.primary()
        if self.next.kind == "sign" and self.next.text in {"*", "+", "?"} and not self.is_signed():
            found = Mod(found, self.take().text)
        return Inv(found) if is_inverse else found

    def is_signed(self) -> bool:
        """Tell whether `+` is the sign of a number: `:p +1`, but not `:p + 1`."""
        after = self.tokens[self.place + 1]
        return self.next.text == "+" and after.text[:1].isdigit() and after.start == self.next.start + 1

    def primary(self) -> Path:
        """PathPrimary."""
        if self.skip("("):
            found = self.path()
            self.expect(")")
            return found
        if self.skip("!"):
            return self.negated()
        return self.predicate()

    def predicate(self) -> str:
        if self.next.text == "a":
            self.take()
            return TYPE
        if self.next.kind not in {"iri", "name"}:
            raise self.refused()
        return self.constant()

    def negated(self) -> Path:
        """PathNegatedPropertySet; the two directions are separate paths."""
        forward: list[str] = []
        inverse: list[str] = []
        is_set = self.skip("(")
        while True:
            (inverse if self.skip("^") else forward).append(self.predicate())
            if not (is_set and self.skip("|")):
                break
        if is_set:
            self.expect(")")
        parts: list[Path] = [Neg(tuple(forward))] if forward else []
        parts += [Inv(Neg(tuple(inverse)))] if inverse else []
        return parts[0] if len(parts) == 1 else Alt(tuple(parts))


def written(tokens: list[Token], *, is_single: bool = False) -> str:
    """Write tokens as they were, with one space where there was space; rows of one value get brackets."""
    pieces: list[str] = []
    end = -1
    for token in tokens:
        if token.start != end and pieces:
            pieces.append(" ")
        pieces.append(token.text)
        end = token.start + len(token.text)
    text = "".join(pieces)
    return bracketed(tokens) if is_single else text


def bracketed(tokens: list[Token]) -> str:
    """Put each value of a VALUES of one variable into brackets."""
    rows: list[str] = []
    is_open = False  # the value goes on
    for token in tokens:
        if rows and (is_open or token.kind == "tag" or token.text == "^^"):
            rows[-1] += token.text
        else:
            rows.append(token.text)
        is_open = token.kind == "sign"
    return " ".join(f"({row})" for row in rows)
