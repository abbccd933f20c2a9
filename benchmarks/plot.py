"""Small panels of lines on logarithmic axes, as an SVG that can be read on light and dark pages."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Point = tuple[float, float]

WIDTH, HEIGHT = 380, 250
LEFT, RIGHT, TOP, BOTTOM = 62, 34, 44, 34
"""Margins of a panel."""
MARGIN: Final = 0.05
"""What of a power of ten may lie beyond the ends of an axis."""
COLOURS: Final = ("#2b7cd3", "#d4652a")
DASHES: Final = ("none", "6 4")
STYLE: Final = """text { font: 12px system-ui, sans-serif; fill: #222 } .head { font-weight: 600 }
.grid { stroke: #8884; stroke-width: 1 } .line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #eee } }"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram: its title with the unit, and points by the name of the line."""

    title: str
    lines: Mapping[str, Sequence[Point]]


def draw(panels: Sequence[Panel], title: str, description: str) -> str:
    """Draw panels, two beside one another; each name has the same colour and dash in all of them."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    width, height = 2 * WIDTH, 28 + HEIGHT * ((len(panels) + 1) // 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc><style>{STYLE}</style>",
    ]
    for number, name in enumerate(names):
        parts.append(f'<g transform="translate({LEFT + 230 * number} 16)">{_stroke(number, "M0 0H28")}')
        parts.append(f'<text x="36" y="4">{escape(name)}</text></g>')
    for number, panel in enumerate(panels):
        x, y = number % 2 * WIDTH, 28 + number // 2 * HEIGHT
        parts.append(f'<g transform="translate({x} {y})">{"".join(_panel(panel, names))}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: Panel, names: Sequence[str]) -> Iterator[str]:
    points = [point for line in panel.lines.values() for point in line]
    across = _Axis.around([x for x, _ in points], LEFT, WIDTH - RIGHT)
    up = _Axis.around([y for _, y in points], HEIGHT - BOTTOM, TOP)
    yield f'<text class="head" x="{LEFT}" y="{TOP - 14}">{escape(panel.title)}</text>'
    for power in across.powers:
        x = across.place(10.0**power)
        yield f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
        yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_figure(power)}</text>'
    for power in up.powers:
        y = up.place(10.0**power)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_figure(power)}</text>'
    for name, line in panel.lines.items():
        number = names.index(name)
        placed = [(across.place(x), up.place(y)) for x, y in sorted(line)]
        if placed:
            yield _stroke(number, "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in placed))
        for x, y in placed:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{COLOURS[number]}"/>'


def _stroke(number: int, path: str) -> str:
    return f'<path class="line" stroke="{COLOURS[number]}" stroke-dasharray="{DASHES[number]}" d="{path}"/>'


def _figure(power: int) -> str:
    """Write a power of ten as people read it."""
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:.{-power}f}"


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis over whole powers of ten."""

    powers: range
    start: float
    end: float

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float) -> _Axis:
        low, high = (math.log10(value) for value in (min(values), max(values)))
        low, high = math.floor(low + MARGIN), math.ceil(high - MARGIN)
        return cls(range(low, max(high, low + 1) + 1), start, end)

    def place(self, value: float) -> float:
        share = (math.log10(value) - self.powers[0]) / (self.powers[-1] - self.powers[0])
        return self.start + share * (self.end - self.start)
