"""Read the observations of an SDMX-ML data message (2.0, 2.1 or 3.0; generic, or specific to a structure) as rows.

Each row gives the value of every component, by its id: dimensions, measures, and attributes of observation, series,
group and dataset. Nothing is looked up in a data structure definition: what the columns mean, the mapping says.
"""
# ruff: noqa: EM101 -- problem codes, not messages

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from loader.xml_guard import XmlError, elements, local_name

if TYPE_CHECKING:
    from loader.tidying import TidyReport
    from loader.xml_guard import Element

MESSAGES: Final = frozenset(
    {
        "CompactData",
        "GenericData",
        "GenericTimeSeriesData",
        "StructureSpecificData",
        "StructureSpecificTimeSeriesData",
    }
)
VALUE: Final = "OBS_VALUE"
TIME: Final = "TIME_PERIOD"
_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_OF_DATASET_2_0: Final = frozenset({"keyFamilyURI", "datasetID", "action", "dataProviderID", "reportingBeginDate"})

Row = tuple[int, dict[str, str]]


@dataclass(slots=True)
class _Reading:
    """Where the reader is in a message."""

    report: TidyReport
    is_specific: bool = False
    """True if components are attributes of elements, as in messages specific to a structure."""
    at_observation: str = TIME
    """The dimension whose value each observation gives."""
    dataset: dict[str, str] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    groups: list[dict[str, str]] = field(default_factory=list)


def read_message(data: bytes, report: TidyReport) -> list[Row]:
    """Give each observation as (line, values by component id), in the order of the message.

    `data` was let pass by the guard (`loader.xml_guard`). Raises ProblemsError if it is no message with data, or says
    that observations are to be deleted.
    """
    reading = _Reading(report)
    root = ""
    try:
        for event, element in elements(data):
            if not root and event == "start":
                root = local_name(element.tag)
                reading.is_specific = not root.startswith("Generic")
            if event == "start":
                _begin(reading, element)
            elif event == "end":
                _end(reading, element)
    except XmlError as error:
        raise report.stop("SCREEN-03", str(error.line), f"the XML cannot be read: {error}") from error
    if root not in MESSAGES:
        hint = "give an SDMX-ML data message; other XML needs a tidy.py (docs/mappings.md)"
        raise report.stop("TIDY-01", "", f"'{root}' is no data message of SDMX-ML", hint)
    _spread_groups(reading)
    return reading.rows


def _begin(reading: _Reading, element: Element) -> None:
    name = local_name(element.tag)
    if name == "Structure" and element.get("dimensionAtObservation"):
        reading.at_observation = element.get("dimensionAtObservation") or TIME
    elif name == "DataSet":
        action = next((value for key, value in element.attrib.items() if local_name(key) == "action"), "")
        if action.casefold() == "delete":
            raise _is_deletion(reading.report, element)
        reading.dataset = {
            key: value for key, value in _components(reading, element).items() if key not in _OF_DATASET_2_0
        }
        reading.series = {}
    elif name == "Series":
        reading.series = _components(reading, element)
    elif name == "Message" and (element.get("severity") or "").casefold() == "error":
        message = "the sender says at the end that the answer is not whole: an error"
        raise reading.report.stop("TIDY-06", str(element.sourceline), message, "ask for the data again, in parts")
    elif name == "Comp":
        message = "a component with several values, or values in several languages, is not read"
        raise reading.report.stop("TIDY-06", str(element.sourceline), message, "leave the component out")


def _end(reading: _Reading, element: Element) -> None:
    name = local_name(element.tag)
    if name == "DataSetAction" and (element.text or "").strip().casefold() == "delete":
        raise _is_deletion(reading.report, element)
    if name == "Obs":
        reading.rows.append((element.sourceline or 0, _observation(reading, element)))
        element.clear()
    elif name == "Group":
        reading.groups.append(_components(reading, element) | _listed(element))
    elif name == "Series":
        reading.series = {}
        element.clear()
    elif name in {"SeriesKey", "Attributes"}:
        parent = element.getparent()
        holder = "" if parent is None else local_name(parent.tag)
        if holder == "Series":
            reading.series |= _values(element)
        elif holder == "DataSet":
            reading.dataset |= _values(element)


def _is_deletion(report: TidyReport, element: Element) -> Exception:
    message = "the message asks to delete observations: it holds no data to publish"
    return report.stop("TIDY-06", str(element.sourceline), message, "give the message with all observations")


def _components(reading: _Reading, element: Element) -> dict[str, str]:
    """Give the components that an element has as attributes; what is no component has a namespace."""
    if not reading.is_specific:
        return {}
    return {str(key): str(value) for key, value in element.attrib.items() if "{" not in str(key)}


def _observation(reading: _Reading, element: Element) -> dict[str, str]:
    values = reading.dataset | reading.series | _components(reading, element) | _listed(element)
    kind = element.get(_TYPE)
    if kind is not None and reading.at_observation not in values and reading.at_observation != "AllDimensions":
        values[reading.at_observation] = kind.rpartition(":")[
            2
        ]  # a measure of its own type names the dimension's value
    for child in element:
        name = local_name(child.tag)
        if name == "ObsDimension":
            values[child.get("id") or reading.at_observation] = child.get("value") or ""
        elif name == "Time":
            values[TIME] = (child.text or "").strip()
        elif name == "ObsValue":
            values[VALUE] = child.get("value") or ""
    return values


def _listed(element: Element) -> dict[str, str]:
    """Give the components that lists within an element of a generic message name: key and attributes."""
    found: dict[str, str] = {}
    for child in element:
        if local_name(child.tag) in {"ObsKey", "GroupKey", "Attributes"}:
            found |= _values(child)
    return found


def _values(element: Element) -> dict[str, str]:
    return {
        child.get("id") or child.get("concept") or "": child.get("value") or ""
        for child in element
        if local_name(child.tag) == "Value"
    }


def _spread_groups(reading: _Reading) -> None:
    """Give each observation the attributes of the groups whose key it has: no component stands at two levels."""
    known = {key for _, values in reading.rows for key in values}
    by_key: dict[tuple[str, ...], dict[tuple[str, ...], dict[str, str]]] = {}
    for group in reading.groups:
        key = tuple(sorted(group.keys() & known))
        more = {name: value for name, value in group.items() if name not in known}
        by_key.setdefault(key, {}).setdefault(tuple(group[name] for name in key), {}).update(more)
    for _, values in reading.rows:
        for key, groups in by_key.items():
            values |= groups.get(tuple(values.get(name, "") for name in key), {})
