"""A dashboard as data: panels that ask for listed measurements, and how Grafana wants to be told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from streams.measurements.model import Kind, Measurement

SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
_WIDTH: Final = 12
_HEIGHT: Final = 8
_UNITS: Final = {"seconds": "s", "days": "d"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `ask` is PromQL in which `{m}` stands for the measurement's name.

    `legend` names the lines by their labels; `now`: numbers of this moment instead of lines.
    """

    title: str
    measurement: Measurement
    ask: str
    legend: str = ""
    now: bool = False
    unit: str | None = None

    @property
    def query(self) -> str:
        """What is asked; Grafana fills in `$__rate_interval` and the variables."""
        return self.ask.replace("{m}", self.measurement.name)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels. `variables`: choices by name, each the label values of a measurement."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    variables: Mapping[str, Measurement]

    def grafana(self) -> dict[str, Any]:
        """As Grafana 9 and later imports it; nothing in it changes from one writing to the next."""
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": ["overgang"],
            "schemaVersion": 38,
            "editable": True,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "templating": {"list": [_source(), *(_variable(n, m) for n, m in self.variables.items())]},
            "panels": [_panel(number, panel) for number, panel in enumerate(self.panels)],
        }


def quantile(share: float, by: str = "") -> str:
    """PromQL of a quantile of a histogram over the last minutes, by labels."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({{m}}_bucket[$__rate_interval])))"


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(name: str, measurement: Measurement) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": SOURCE,
        "query": f"label_values({measurement.name}, {name})",
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    kind = panel.measurement.kind
    unit = panel.unit or (
        _UNITS.get(panel.measurement.unit, "short") if kind is not Kind.COUNTER else "short"
    )
    return {
        "id": number + 1,
        "type": "stat" if panel.now else "timeseries",
        "title": panel.title,
        "description": panel.measurement.read,
        "datasource": SOURCE,
        "gridPos": {
            "x": _WIDTH * (number % 2),
            "y": _HEIGHT * (number // 2),
            "w": _WIDTH,
            "h": _HEIGHT,
        },
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": "A",
                "datasource": SOURCE,
                "expr": panel.query,
                "legendFormat": panel.legend or "__auto",
                "instant": panel.now,
            }
        ],
    }
