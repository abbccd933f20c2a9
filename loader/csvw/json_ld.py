"""The JSON-LD dialect of metadata documents (Metadata Vocabulary for Tabular Data §6): names, and common properties."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from loader.csvw.iri import is_absolute, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

CONTEXT: Final = "http://www.w3.org/ns/csvw"
CSVW: Final = "http://www.w3.org/ns/csvw#"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"

# The prefixes of the context document (the RDFa 1.1 initial context, and csvw).
PREFIXES: Final[Mapping[str, str]] = {
    "as": "https://www.w3.org/ns/activitystreams#",
    "cc": "http://creativecommons.org/ns#",
    "csvw": CSVW,
    "ctag": "http://commontag.org/ns#",
    "dc": "http://purl.org/dc/terms/",
    "dc11": "http://purl.org/dc/elements/1.1/",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcterms": "http://purl.org/dc/terms/",
    "dctypes": "http://purl.org/dc/dcmitype/",
    "dqv": "http://www.w3.org/ns/dqv#",
    "duv": "https://www.w3.org/ns/duv#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "gr": "http://purl.org/goodrelations/v1#",
    "grddl": "http://www.w3.org/2003/g/data-view#",
    "ical": "http://www.w3.org/2002/12/cal/icaltzd#",
    "ldp": "http://www.w3.org/ns/ldp#",
    "ma": "http://www.w3.org/ns/ma-ont#",
    "oa": "http://www.w3.org/ns/oa#",
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "og": "http://ogp.me/ns#",
    "org": "http://www.w3.org/ns/org#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "prov": "http://www.w3.org/ns/prov#",
    "qb": "http://purl.org/linked-data/cube#",
    "rdf": RDF,
    "rdfa": "http://www.w3.org/ns/rdfa#",
    "rdfs": RDFS,
    "rev": "http://purl.org/stuff/rev#",
    "rif": "http://www.w3.org/2007/rif#",
    "rr": "http://www.w3.org/ns/r2rml#",
    "schema": "http://schema.org/",
    "sd": "http://www.w3.org/ns/sparql-service-description#",
    "sioc": "http://rdfs.org/sioc/ns#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "skosxl": "http://www.w3.org/2008/05/skos-xl#",
    "sosa": "http://www.w3.org/ns/sosa/",
    "ssn": "http://www.w3.org/ns/ssn/",
    "time": "http://www.w3.org/2006/time#",
    "v": "http://rdf.data-vocabulary.org/#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "void": "http://rdfs.org/ns/void#",
    "wdr": "http://www.w3.org/2007/05/powder#",
    "wdrs": "http://www.w3.org/2007/05/powder-s#",
    "xhv": "http://www.w3.org/1999/xhtml/vocab#",
    "xml": "http://www.w3.org/XML/1998/namespace",
    "xsd": XSD,
}

# Classes of the csvw vocabulary that may stand as a bare "@type" (Metadata Vocabulary §5.8.3).
CLASSES: Final = frozenset(
    [
        "Cell",
        "Column",
        "Datatype",
        "Dialect",
        "Direction",
        "ForeignKey",
        "JSON",
        "NumericFormat",
        "Row",
        "Schema",
        "Table",
        "TableGroup",
        "TableReference",
        "Transformation",
        "uriTemplate",
    ]
)

# Built-in datatypes (Metadata Vocabulary §5.11.1) and what they are in RDF (csv2rdf §4.4).
DATATYPE_IRIS: Final[Mapping[str, str]] = {
    **{
        name: XSD + name
        for name in [
            "anyAtomicType",
            "anyURI",
            "base64Binary",
            "boolean",
            "date",
            "dateTime",
            "dateTimeStamp",
            "decimal",
            "integer",
            "long",
            "int",
            "short",
            "byte",
            "nonNegativeInteger",
            "positiveInteger",
            "unsignedLong",
            "unsignedInt",
            "unsignedShort",
            "unsignedByte",
            "nonPositiveInteger",
            "negativeInteger",
            "double",
            "duration",
            "dayTimeDuration",
            "yearMonthDuration",
            "float",
            "gDay",
            "gMonth",
            "gMonthDay",
            "gYear",
            "gYearMonth",
            "hexBinary",
            "QName",
            "string",
            "normalizedString",
            "token",
            "language",
            "Name",
            "NMTOKEN",
            "time",
        ]
    },
    "xml": RDF + "XMLLiteral",
    "html": RDF + "HTML",
    "json": CSVW + "JSON",
}
DATATYPE_ALIASES: Final[Mapping[str, str]] = {
    "any": "anyAtomicType",
    "binary": "base64Binary",
    "datetime": "dateTime",
    "number": "double",
}

# RFC 5646 §2.1, without the grandfathered tags, which need the registry.
_LANGUAGE_TAG: Final = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?|x(?:-[a-z0-9]{1,8})+",
    re.IGNORECASE,
)


class InvalidError(Exception):
    """A value the JSON-LD dialect forbids; `path` is relative to the value that was being read."""

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class LangString:
    """A text and its language, "und" if that is not known."""

    text: str
    lang: str = "und"


@dataclass(frozen=True, slots=True)
class LiteralValue:
    """A literal in an annotation; `datatype` is an absolute IRI, `lang` a language tag, at most one of them given."""

    text: str
    datatype: str | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class NodeValue:
    """A resource in an annotation; `id` is None for one without a name. `types` are absolute IRIs."""

    id: str | None
    types: tuple[str, ...] = ()
    annotations: tuple[Annotation, ...] = ()


@dataclass(frozen=True, slots=True)
class Annotation:
    """One common property with all its values, in document order; `property` is an absolute IRI."""

    property: str
    values: tuple[LiteralValue | NodeValue, ...]


def is_language_tag(tag: str) -> bool:
    """Say whether `tag` is well-formed by BCP 47."""
    return _LANGUAGE_TAG.fullmatch(tag) is not None


def expand_name(name: str) -> str | None:
    """Return the IRI of a prefixed name or absolute URL, None for anything else (Metadata Vocabulary §6.3)."""
    prefix, colon, local = name.partition(":")
    if not colon:
        return None
    if prefix in PREFIXES and not local.startswith("//"):
        return PREFIXES[prefix] + local
    return name if is_absolute(name) else None


def expand_if_prefixed(text: str) -> str:
    """Expand a prefixed name; leave any other text as it is."""
    prefix, colon, local = text.partition(":")
    return PREFIXES[prefix] + local if colon and prefix in PREFIXES and not local.startswith("//") else text


def expand_type(name: str) -> str | None:
    """Return the IRI of a value of "@type": a class of csvw, a datatype, a prefixed name or an absolute URL."""
    if name in CLASSES:
        return CSVW + name
    if (base := DATATYPE_ALIASES.get(name, name)) in DATATYPE_IRIS:
        return DATATYPE_IRIS[base]
    return expand_name(name)


@dataclass(frozen=True, slots=True)
class CommonProperties:
    """Reads common properties and notes of one document (Metadata Vocabulary §5.8 and §6.1)."""

    base_url: str
    lang: str

    def annotation(self, name: str, value: Json) -> Annotation:
        """Return the annotation for a property whose `name` is an IRI already. Raises `InvalidError`."""
        return Annotation(name, tuple(self._values(value, "")))

    def note(self, value: Json) -> NodeValue:
        """Return one object of a "notes" array. Raises `InvalidError`."""
        if not isinstance(value, dict) or "@value" in value:
            raise InvalidError(path="", message="a note must be an object that describes something")
        return self._node(value, "")

    def _values(self, value: Json, path: str) -> Iterator[LiteralValue | NodeValue]:
        """Yield the values a JSON value stands for; null stands for none."""
        if isinstance(value, list):
            for i, item in enumerate(value):
                yield from self._values(item, f"{path}[{i}]")
        elif isinstance(value, dict):
            yield self._literal(value, path) if "@value" in value else self._node(value, path)
        elif isinstance(value, str):
            yield LiteralValue(value, lang=None if self.lang == "und" else self.lang)
        elif isinstance(value, int | float):
            yield native_literal(value)

    def _literal(self, value: Mapping[str, Json], path: str) -> LiteralValue:
        """Read an object with "@value"."""
        extra = value.keys() - {"@value", "@type", "@language"}
        if extra:
            raise InvalidError(
                path=f"{path}.{min(extra)}", message='beside "@value" only "@type" or "@language" may stand'
            )
        if "@type" in value and "@language" in value:
            raise InvalidError(path=path, message='"@value" takes "@type" or "@language", not both')
        text = value["@value"]
        if not isinstance(text, str | bool | int | float):
            raise InvalidError(path=f"{path}.@value", message="must be a string, a number or a boolean")
        native = LiteralValue(text) if isinstance(text, str) else native_literal(text)
        if "@language" in value:
            return LiteralValue(native.text, lang=self._language(value["@language"], path))
        if "@type" in value:
            return LiteralValue(native.text, datatype=self._datatype(value["@type"], path))
        return native

    @staticmethod
    def _language(tag: Json, path: str) -> str:
        if not isinstance(tag, str) or not is_language_tag(tag):
            raise InvalidError(path=f"{path}.@language", message=f"{tag!r} is not a language tag (BCP 47)")
        return tag

    @staticmethod
    def _datatype(name: Json, path: str) -> str:
        """Return the IRI of the "@type" of a literal: never a class of csvw."""
        iri = expand_type(name) if isinstance(name, str) and name not in CLASSES else None
        if iri is None:
            raise InvalidError(
                path=f"{path}.@type", message=f"{name!r} is not a built-in datatype, prefixed name or absolute URL"
            )
        return iri

    def _node(self, value: Mapping[str, Json], path: str) -> NodeValue:
        """Read an object that describes a resource."""
        if "@language" in value:
            raise InvalidError(path=f"{path}.@language", message='"@language" may only stand beside "@value"')
        annotations = []
        for name, item in value.items():
            if name in ("@id", "@type"):
                continue
            if name.startswith("@"):
                raise InvalidError(path=f"{path}.{name}", message=f"{name!r} is not allowed in a common property")
            iri = expand_name(name)
            if iri is None:
                raise InvalidError(path=f"{path}.{name}", message=f"{name!r} is not a prefixed name or absolute URL")
            annotations.append(Annotation(iri, tuple(self._values(item, f"{path}.{name}"))))
        return NodeValue(self._node_id(value, path), tuple(self._types(value, path)), tuple(annotations))

    def _node_id(self, value: Mapping[str, Json], path: str) -> str | None:
        if "@id" not in value:
            return None
        node_id = value["@id"]
        if not isinstance(node_id, str) or node_id.startswith("_:"):
            raise InvalidError(path=f"{path}.@id", message='"@id" must be a URL, not a blank node')
        return resolve(self.base_url, expand_if_prefixed(node_id))

    @staticmethod
    def _types(value: Mapping[str, Json], path: str) -> Iterator[str]:
        types = value.get("@type", [])
        for name in types if isinstance(types, list) else [types]:
            iri = expand_type(name) if isinstance(name, str) else None
            if iri is None:
                raise InvalidError(
                    path=f"{path}.@type", message=f"{name!r} is not a class of csvw, prefixed name or absolute URL"
                )
            yield iri


def native_literal(value: bool | float) -> LiteralValue:
    """Return the literal of a JSON boolean or number, as JSON-LD does."""
    if isinstance(value, bool):
        return LiteralValue("true" if value else "false", datatype=XSD + "boolean")
    if value in (float("inf"), float("-inf")):
        return LiteralValue("INF" if value > 0 else "-INF", datatype=XSD + "double")
    if isinstance(value, int) or value.is_integer():
        return LiteralValue(str(int(value)), datatype=XSD + "integer")
    mantissa, exponent = f"{value:.15E}".split("E")
    mantissa = mantissa.rstrip("0")
    mantissa += "0" if mantissa.endswith(".") else ""
    return LiteralValue(f"{mantissa}E{int(exponent)}", datatype=XSD + "double")
