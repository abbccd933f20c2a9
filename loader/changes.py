"""Write what changed from one release to another: for people, as JSON, or as RDF from which a feed can be made.

In RDF a change set has an address made of both releases' ids, and its changes are numbered in a fixed order. As
releases never change, neither does what such an address stands for.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from pyoxigraph import Literal, NamedNode, RdfFormat, Triple, serialize

from loader.comparing import ADDED, CODE, CODE_LIST, CUBE, OBSERVATION, REMOVED, REVISED
from loader.uris import Uris
from ontology.terms import AS, DCT, PROV, RDF, RDFS, XSD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from loader.comparing import Change, Comparison, Difference, FolderChanges
    from loader.rows import Term

EXAMPLES: Final = 5
"""Changes of one sort and kind that are shown unless all are asked for."""
MARKS: Final = {ADDED: "+", REMOVED: "-", REVISED: "~"}
ACTIVITIES: Final = {ADDED: AS.Create, REMOVED: AS.Delete, REVISED: AS.Update}
RDF_FORMS: Final = {"ttl": RdfFormat.TURTLE, "nt": RdfFormat.N_TRIPLES}
NOUNS: Final = {CUBE: "dataset", CODE_LIST: "code list"}
PREFIXES: Final = {
    "as": AS.NAMESPACE,
    "dct": DCT.NAMESPACE,
    "prov": PROV.NAMESPACE,
    "rdfs": RDFS.NAMESPACE,
    "xsd": XSD.NAMESPACE,
}


def write(comparison: Comparison, stream: BinaryIO, form: str, *, is_full: bool) -> None:
    """Write a comparison as `text`, `json`, `ttl` or `nt`; text names all changes if `is_full`, the others always do.

    RDF is written as changes are found: memory does not grow with their number.
    """
    if form == "text":
        lines = text_lines(comparison, None if is_full else EXAMPLES)
        stream.writelines(f"{line}\n".encode() for line in lines)
    elif form == "json":
        stream.write(f"{json_text(comparison)}\n".encode())
    else:
        serialize(
            change_triples(comparison),
            output=stream,
            format=RDF_FORMS[form],
            prefixes=PREFIXES if RDF_FORMS[form] == RdfFormat.TURTLE else None,
        )


def text_lines(comparison: Comparison, examples: int | None = EXAMPLES) -> Iterator[str]:
    """Yield what people read: a summary of each folder, and some of its changes, or all if `examples` is None."""
    yield f"{comparison.before.id} -> {comparison.after.id}"
    if not comparison.folders:
        yield "no difference"
    for folder in comparison.folders:
        yield ""
        yield f"{folder.name}: {summary(folder)}"
        yield from (f"  {note}" for note in folder.notes)
        yield from _changes(folder, examples)


def summary(folder: FolderChanges) -> str:
    """Say in a line how much changed."""
    if folder.is_whole:
        kind, record = (ADDED, folder.after) if folder.before is None else (REMOVED, folder.before)
        assert record is not None, "one of the two is there"
        return f"{NOUNS.get(record.kind, 'dataset')} {kind}, {_number(record.rows, 'row')}"
    parts = [f"{_number(count, sort)} {kind}" for (sort, kind), count in folder.counts().items()]
    relabelled = sum(change.is_relabelled for change in folder.others)
    if relabelled:
        parts.append(f"{_number(relabelled, CODE)} relabelled")
    if any(folder.triples.values()):
        parts.append(f"{folder.triples[ADDED]:,} other triples added, {folder.triples[REMOVED]:,} removed")
    return "; ".join([*_editions(folder), *parts]) or "declared otherwise"


def _editions(folder: FolderChanges) -> Iterator[str]:
    before, after = folder.before, folder.after
    if before is not None and after is not None and before.edition != after.edition:
        yield f"edition {after.edition} instead of {before.edition}"


def _number(count: int, noun: str) -> str:
    one, _, rest = noun.partition(" ")
    return f"{count:,} {one if count == 1 else f'{one}s'}{f' {rest}' if rest else ''}"


def _changes(folder: FolderChanges, examples: int | None) -> Iterator[str]:
    shown: Counter[str] = Counter()
    for change in folder.changes() if examples is None else folder.head(examples).changes():
        shown["changes"] += 1
        yield f"  {MARKS[change.kind]} {change.thing.value}"
        yield from (f"      {_line(difference)}" for difference in change.differences)
        if change.kind == REVISED and not change.differences:
            yield "      the same values, written otherwise"
    more = sum(folder.counts().values()) - shown.total()
    if more:
        yield f"  and {more:,} more changes; --all shows them"


def _line(difference: Difference) -> str:
    name = difference.property.value.replace("#", "/").rpartition("/")[2]
    return f"{name}: {_shown(difference.before)} -> {_shown(difference.after)}"


def _shown(term: Term | None) -> str:
    if isinstance(term, Literal):
        text = " ".join(term.value.split())
        return f'"{text}"@{term.language}' if term.language else text
    return term.value if isinstance(term, NamedNode) else "nothing"


def json_text(comparison: Comparison) -> str:
    """Give every change as JSON; values are written as in N-Triples, null where there is none."""
    folders = [json_folder(folder) for folder in comparison.folders]
    document = {"before": comparison.before.id, "after": comparison.after.id, "folders": folders}
    return json.dumps(document, indent=1, ensure_ascii=False)


def json_folder(folder: FolderChanges, limit: int | None = None) -> dict[str, object]:
    """Give what changed in a folder for JSON: all counts, and of each sort and kind all changes, or so many."""
    counts: dict[str, dict[str, int]] = {}
    for (sort, kind), count in folder.counts().items():
        counts.setdefault(sort, {})[kind] = count
    return {
        "name": folder.name,
        "address": folder.node.value,
        "change": (ADDED if folder.before is None else REMOVED) if folder.is_whole else REVISED,
        "counts": counts,
        "notes": list(folder.notes),
        "other_triples": folder.triples,
        "changes": [_json_change(change) for change in (folder if limit is None else folder.head(limit)).changes()],
    }


def _json_change(change: Change) -> dict[str, object]:
    differences = [
        {
            "property": difference.property.value,
            "before": None if difference.before is None else str(difference.before),
            "after": None if difference.after is None else str(difference.after),
        }
        for difference in change.differences
    ]
    return {"change": change.kind, "sort": change.sort, "thing": change.thing.value, "differences": differences}


def change_triples(comparison: Comparison) -> Iterator[Triple]:
    """Yield a change set for each folder and a resource for each change; none is a blank node."""
    uris = Uris(comparison.after.manifest.base_uri)
    time = Literal(comparison.after.manifest.created, datatype=XSD.dateTime)
    for folder in comparison.folders:
        node = uris.changes(folder.node, comparison.before.id, comparison.after.id)
        yield from folder_triples(folder, node, time, uris)


def folder_triples(
    folder: FolderChanges, node: NamedNode, time: Literal, uris: Uris, limit: int | None = None
) -> Iterator[Triple]:
    """Yield a change set of that name and its changes; of each sort and kind all, or so many."""
    yield from _set_triples(folder, node, time, uris)
    for number, change in enumerate((folder if limit is None else folder.head(limit)).changes(), 1):
        yield from _change_triples(change, node, number, time, uris)


def _set_triples(folder: FolderChanges, node: NamedNode, time: Literal, uris: Uris) -> Iterator[Triple]:
    yield Triple(node, RDF.type, uris.own_class("change-set"))
    yield Triple(node, RDF.type, PROV.Entity)
    yield Triple(node, RDFS.label, Literal(f"Changes of {folder.name}: {summary(folder)}", language="en"))
    yield Triple(node, DCT.subject, folder.node)
    yield Triple(node, PROV.generatedAtTime, time)
    if folder.is_whole:
        yield Triple(node, RDF.type, AS.Create if folder.before is None else AS.Delete)
    yield from (Triple(node, RDFS.comment, Literal(note, language="en")) for note in folder.notes)
    yield from _version_triples(folder, node)
    for (sort, kind), count in folder.counts().items():
        if sort in {OBSERVATION, CODE}:
            yield Triple(node, uris.property(f"{sort}s-{kind}"), Literal(count))
    for kind, count in folder.triples.items():
        yield Triple(node, uris.property(f"other-triples-{kind}"), Literal(count))


def _version_triples(folder: FolderChanges, node: NamedNode) -> Iterator[Triple]:
    """Say which version the changes led to, and from which; a version that was published again has one address."""
    before = NamedNode(folder.before.graph) if folder.before else None
    after = NamedNode(folder.after.graph) if folder.after else None
    yield from (Triple(node, PROV.wasDerivedFrom, version) for version in dict.fromkeys((before, after)) if version)
    if before and after and before != after:
        yield Triple(after, PROV.wasRevisionOf, before)
        yield Triple(before, DCT.isReplacedBy, after)


def _change_triples(change: Change, changes: NamedNode, number: int, time: Literal, uris: Uris) -> Iterator[Triple]:
    node = uris.change(changes, number)
    yield Triple(node, RDF.type, ACTIVITIES[change.kind])
    yield Triple(node, DCT.isPartOf, changes)
    yield Triple(node, DCT.isVersionOf, change.thing)
    yield Triple(node, PROV.generatedAtTime, time)
    for place, difference in enumerate(change.differences, 1):
        part = uris.change(changes, number, place)
        yield Triple(node, uris.property("difference"), part)
        yield Triple(part, RDF.type, uris.own_class("difference"))
        yield Triple(part, uris.property("changed-property"), difference.property)
        if difference.before is not None:
            yield Triple(part, uris.property("old-value"), difference.before)
        if difference.after is not None:
            yield Triple(part, uris.property("new-value"), difference.after)
