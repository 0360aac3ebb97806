"""Draws a dashboard's panels as one picture, from what a Prometheus scraped."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from connectors.dashboards.model import Dashboard, Panel
from streams.measurements.model import Kind

_POINTS: Final = 160
_INK, _FAINT, _GRID = "#24292f", "#6e7781", "#e4e8ec"
# Told apart by people who do not see red and green alike (Okabe and Ito), then darker ones of the same kind.
_COLOURS: Final = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#7f7f7f",
    "#b8a400",
    "#332288",
    "#882255",
    "#117733",
)
_STATES: Final = {
    "overdue": "#d55e00",
    "late": "#d55e00",
    "quarantined": "#d55e00",
    "in_time": "#009e73",
    "open": "#0072b2",
}
_NOT_TOLD: Final = re.compile(r"\{\{\w+\}\}")
_LINES: Final = len(_COLOURS)
_SHADES: Final = 96
_COLUMNS: Final = 3
_WIDE: Final = 18
_ROWS: Final = 5
"""Letters from which a legend takes two columns, and how many rows have room below a panel."""
_PANEL_INCHES: Final = (4.4, 2.7)
_TITLE_INCHES: Final = 0.6
_LONGER: Final = ((2 * 86_400.0, 86_400.0, "days"), (7_200.0, 3_600.0, "hours"), (300.0, 60.0, "minutes"))
"""From how many seconds on another unit is read more easily."""


@dataclass(frozen=True, slots=True)
class Span:
    """What is drawn: from when to when (Unix time), and over how many seconds a rate is taken."""

    url: str
    start: float
    end: float
    rate_seconds: int


@dataclass(frozen=True, slots=True)
class Line:
    """A legend, and values by the minutes since the beginning."""

    legend: str
    at: Sequence[float]
    values: Sequence[float]


def draw(dashboard: Dashboard, span: Span, file: Path) -> Mapping[str, int]:
    """Write the picture (PNG); how many lines or bars each panel has, by its title."""
    rows = -(-len(dashboard.panels) // _COLUMNS)
    width, height = _PANEL_INCHES
    across, down = width * _COLUMNS, height * rows + _TITLE_INCHES
    figure = Figure(figsize=(across, down), facecolor="white")
    # Places of a fixed size, with room for legends: one that measures everything takes ten times as long.
    figure.subplots_adjust(
        left=0.75 / across,
        right=1 - 0.2 / across,
        top=1 - (_TITLE_INCHES + 0.3) / down,
        bottom=0.95 / down,
        wspace=0.24,
        hspace=0.85,
    )
    figure.suptitle(
        dashboard.title, x=0.2 / across, y=1 - 0.2 / down, ha="left", va="top", fontsize=15, color=_INK
    )
    places = figure.subplots(rows, _COLUMNS, squeeze=False).flatten()
    drawn = {}
    for panel, place in zip(dashboard.panels, places, strict=False):
        unit, lines = _readable(_unit(panel), _asked(panel, span))
        told = f"{panel.title}  ({unit})" if unit and "a second" not in panel.title else panel.title
        place.set_title(told, loc="left", fontsize=10, color=_INK)
        if panel.now:
            _bars(place, lines)
        else:
            _lines(place, lines, (span.end - span.start) / 60)
        drawn[panel.title] = len(lines)
    for place in places[len(dashboard.panels) :]:
        place.set_axis_off()
    figure.savefig(file, dpi=80)
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(_SHADES, dither=Image.Dither.NONE).save(file, optimize=True)
    return drawn


def _asked(panel: Panel, span: Span) -> list[Line]:
    query = panel.query.replace("$__rate_interval", f"{span.rate_seconds}s").replace("$municipality", ".*")
    if panel.now:
        found = _answer(span, "query", {"query": query, "time": f"{span.end}"})
        lines = [Line(_legend(panel, one["metric"]), [0.0], [float(one["value"][1])]) for one in found]
    else:
        step = f"{max(1.0, (span.end - span.start) / _POINTS):.1f}"
        range_ = {"query": query, "start": f"{span.start}", "end": f"{span.end}", "step": step}
        lines = [
            Line(
                _legend(panel, one["metric"]),
                [(float(at) - span.start) / 60 for at, _ in one["values"]],
                [float(value) for _, value in one["values"]],
            )
            for one in _answer(span, "query_range", range_)
        ]
    return sorted(lines, key=lambda line: (-max(_real(line.values), default=0.0), line.legend))


def _answer(span: Span, of: str, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    answer = httpx.get(f"{span.url}/api/v1/{of}", params=parameters, timeout=30, trust_env=False)
    found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
    return found


def _legend(panel: Panel, labels: Mapping[str, str]) -> str:
    if not panel.legend:
        return " ".join(value for name, value in sorted(labels.items()) if name != "__name__")
    told = panel.legend
    for name, value in labels.items():
        told = told.replace(f"{{{{{name}}}}}", value)
    return _NOT_TOLD.sub("", told).strip()


def _unit(panel: Panel) -> str:
    unit = {"s": "seconds", "1": ""}.get(told := panel.unit or panel.measurement.unit, told)
    # A counter's rate; where it is none, the title says so.
    return f"{unit} a second" if panel.measurement.kind is Kind.COUNTER and "rate(" in panel.query else unit


def _readable(unit: str, lines: list[Line]) -> tuple[str, list[Line]]:
    """Long times in a longer unit."""
    most = max((value for line in lines for value in _real(line.values)), default=0.0)
    for limit, seconds, longer in _LONGER if unit == "seconds" else ():
        if most >= limit:
            return longer, [replace(line, values=[v / seconds for v in line.values]) for line in lines]
    return unit, lines


def _lines(place: Axes, lines: list[Line], minutes: float) -> None:
    wide = max((len(line.legend) for line in lines), default=0) >= _WIDE
    most = _ROWS * 2 if wide else _LINES
    for number, line in enumerate(lines):
        colour = _STATES.get(line.legend, _COLOURS[number] if number < most else _GRID)
        legend = line.legend if number < most else ""
        place.plot(line.at, line.values, color=colour, linewidth=1.4, label=legend or None)
    _frame(place)
    place.set_xlim(0, minutes)
    place.set_ylim(0, None if any(_real(v for line in lines for v in line.values)) else 1)
    place.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    place.xaxis.set_major_formatter("{x:g} min")
    place.yaxis.set_major_locator(MaxNLocator(4))
    place.yaxis.set_major_formatter("{x:,.3g}")
    place.grid(axis="y", color=_GRID, linewidth=0.8)
    if any(line.legend for line in lines):
        place.legend(
            fontsize=7,
            frameon=False,
            labelcolor=_INK,
            ncols=3 if len(lines) > 6 and not wide else 2,
            loc="upper left",
            bbox_to_anchor=(-0.03, -0.14),
            borderaxespad=0,
            handlelength=1.1,
            columnspacing=0.9,
            labelspacing=0.3,
        )


def _bars(place: Axes, lines: list[Line]) -> None:
    """Numbers of this moment: one large, several as bars."""
    if len(lines) == 1:
        [line] = lines
        place.set_axis_off()
        place.set_title(place.get_title("left"), loc="left", fontsize=10, color=_INK)
        place.text(0.02, 0.55, _told(line.values[0]), fontsize=30, color=_COLOURS[0], va="center")
        place.text(0.02, 0.22, line.legend, fontsize=8, color=_FAINT, va="center")
        return
    shown = lines[:10][::-1]
    colours = [_STATES.get(line.legend, _COLOURS[0]) for line in shown]
    bars = place.barh([line.legend for line in shown], [line.values[0] for line in shown], color=colours)
    place.bar_label(bars, [_told(line.values[0]) for line in shown], padding=3, fontsize=8, color=_INK)
    _frame(place)
    place.set_xlim(0, 1.15 * max(1.0, *(line.values[0] for line in shown)))
    place.xaxis.set_visible(False)
    place.spines["bottom"].set_visible(False)


def _frame(place: Axes) -> None:
    for side in ("top", "right", "left"):
        place.spines[side].set_visible(False)
    place.spines["bottom"].set_color(_GRID)
    place.tick_params(labelsize=8, colors=_FAINT, length=0)


def _told(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2g}"


def _real(values: Any) -> list[float]:
    """Without what Prometheus could not tell."""
    return [value for value in values if value == value]
