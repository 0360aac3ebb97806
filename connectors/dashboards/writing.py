"""`python -m connectors.dashboards.writing` writes docs/examples/dashboards/, one file a dashboard."""

from pathlib import Path
from typing import Final

import orjson

from connectors.dashboards.model import Dashboard
from connectors.dashboards.pages import ALL

DIRECTORY: Final = Path(__file__).parents[2] / "docs" / "examples" / "dashboards"


def text(dashboard: Dashboard) -> bytes:
    """As Grafana imports it."""
    return orjson.dumps(dashboard.grafana(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for one in ALL:
        (DIRECTORY / f"{one.uid}.json").write_bytes(text(one))
