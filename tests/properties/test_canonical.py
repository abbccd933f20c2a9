"""Canonical lines are what the store gives back, whatever is in a literal, and stay as they are when made canonical."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, Store, serialize

from loader.canonical import canonical_lines

XSD = "http://www.w3.org/2001/XMLSchema#"
TYPES = (
    *("integer", "long", "unsignedByte", "nonNegativeInteger", "decimal", "double", "float", "boolean", "string"),
    *("date", "time", "dateTime", "dateTimeStamp", "gYear", "gYearMonth", "gMonthDay", "duration", "hexBinary", "Name"),
)
DIGITS = st.text("0123456789", min_size=1, max_size=22)
NUMBERS = st.builds("{}{}{}{}".format, st.sampled_from(["", "-", "+"]), DIGITS, st.sampled_from(["", "."]), DIGITS)
MOMENTS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["2025-01-01", "2024-02-29", "2025", "2025-13", "--02-30", "0001-12-31"]),
    st.sampled_from(["", "T00:00:00", "T24:00:00", "T12:30:00.0", "T12:30:59.120"]),
    st.sampled_from(["", "Z", "+00:00", "-00:00", "+14:00", "-05:30"]),
)
ODD = st.sampled_from(
    ["", "1", "0", "true", "1e5", "-1.50E-03", "INF", "NaN", "PT3600S", "P13M", "0a", " 7", "7\n", '"7']
)
TEXTS = st.one_of(NUMBERS, MOMENTS, ODD, st.text(max_size=8), st.text(' "\\<>@.^EN7\n', max_size=20))
LITERALS = st.one_of(
    st.builds(Literal, TEXTS),
    st.builds(lambda text, name: Literal(text, datatype=NamedNode(XSD + name)), TEXTS, st.sampled_from(TYPES)),
    st.builds(lambda text: Literal(text, datatype=NamedNode("http://x/pounds")), TEXTS),
    st.builds(lambda text, tag: Literal(text, language=tag), TEXTS, st.sampled_from(["en", "cy", "en-gb", "zh-hant"])),
)


@given(st.lists(LITERALS, max_size=6), st.booleans())
def test_lines_are_those_of_the_store(literals: list[Literal], in_capitals: bool) -> None:
    quads = [Quad(NamedNode("http://x/s"), NamedNode("http://x/p"), literal) for literal in literals]
    lines = serialize(quads, format=RdfFormat.N_QUADS) or b""
    if in_capitals:
        for tag in (b"en", b"cy"):
            lines = lines.replace(b'"@%b' % tag + b" .\n", b'"@%b .\n' % tag.upper())
    store = Store()
    store.bulk_load(input=lines, format=RdfFormat.N_QUADS)
    made = canonical_lines(lines)
    stored = store.dump(format=RdfFormat.N_QUADS) or b""
    assert sorted(set(made.splitlines())) == sorted(stored.splitlines())
    assert canonical_lines(made) == made
