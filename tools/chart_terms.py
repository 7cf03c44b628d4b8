"""What a chart is, in a closed form of our own; an interactive chart is drawn from this, never from what a model wrote."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import BadInput

ENDING = ".chart.json"
"""How the file of an interactive chart is called."""
MOST_POINTS, MOST_SERIES, MOST_BYTES = 20_000, 12, 5_000_000
Kind = Literal["line", "bar", "stacked", "scatter", "pie", "histogram"]
COLOURS = ("#1f5f5b", "#c8763a", "#4a6fa5", "#a3485c", "#7a9a3f", "#6b5b95", "#2f9e8f", "#d9a441",
           "#5a6874", "#b0563b", "#3d7ea6", "#8c7aa9")  # fmt: skip
Words = Annotated[str, Field(max_length=200)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Series(_Closed):
    """One line, set of bars or cloud of points; None is a gap."""

    name: Words
    values: list[float | None] = Field(max_length=MOST_POINTS)


class Chart(_Closed):
    """A chart with its data. `x` are labels, dates (ISO 8601) or numbers, one for each value; a histogram has none."""

    chart: Literal[1] = 1
    kind: Kind
    title: Words = ""
    x_title: Words = ""
    y_title: Words = ""
    x_kind: Literal["text", "date", "number"] = "text"
    x: list[float | Words] = Field(default=[], max_length=MOST_POINTS)
    series: list[Series] = Field(min_length=1, max_length=MOST_SERIES)

    @model_validator(mode="after")
    def _fits(self) -> Chart:
        if self.kind != "histogram" and any(len(s.values) != len(self.x) for s in self.series):
            raise ValueError("each series needs one value for each x")
        if self.x_kind == "number" and not all(isinstance(x, float) for x in self.x):
            raise ValueError("x must be numbers")
        if self.kind == "pie" and (len(self.series) != 1 or any((v or 0) < 0 for v in self.series[0].values)):
            raise ValueError("a pie has one series without negative values")
        return self


def read_chart(content: bytes) -> Chart:
    """Read a chart's file; raises BadInput for whatever is not exactly one, however it is called."""
    if len(content) > MOST_BYTES:
        raise BadInput("This chart is too large to be shown.")
    try:
        return Chart.model_validate_json(content)
    except ValidationError:
        raise BadInput("This is no chart that Staffwork made, so it is not drawn. It can be downloaded.") from None


def figure(chart: Chart) -> dict[str, Any]:
    """Write a chart as Plotly reads it, with nothing in it but what stands here."""
    layout: dict[str, Any] = {
        "title": {"text": plain(chart.title)},
        "xaxis": {"title": {"text": plain(chart.x_title)}, "type": _AXIS[chart.x_kind], "automargin": True},
        "yaxis": {"title": {"text": plain(chart.y_title)}, "automargin": True},
        "colorway": list(COLOURS),
        "margin": {"t": 56 if chart.title else 24, "r": 24, "b": 56, "l": 64},
        "showlegend": len(chart.series) > 1 or chart.kind == "pie",
        "legend": {"orientation": "h", "y": -0.2},
        "hovermode": "closest" if chart.kind in ("scatter", "pie") else "x unified",
    }
    if chart.kind == "stacked":
        layout["barmode"] = "stack"
    if chart.kind == "histogram":
        layout |= {"barmode": "overlay", "bargap": 0.04, "xaxis": layout["xaxis"] | {"type": "linear"}}
    return {"data": [_trace(chart, series) for series in chart.series], "layout": layout}


_AXIS = {"text": "category", "date": "date", "number": "linear"}


def _trace(chart: Chart, series: Series) -> dict[str, Any]:
    x = [plain(v) if isinstance(v, str) else v for v in chart.x]
    name = plain(series.name)
    match chart.kind:
        case "pie":
            return {"type": "pie", "labels": [str(v) for v in x], "values": series.values, "name": name, "sort": False}
        case "histogram":
            shown = {"opacity": 0.75} if len(chart.series) > 1 else {}
            return {"type": "histogram", "x": series.values, "name": name} | shown
        case "line":
            marks = "lines+markers" if len(x) <= 60 else "lines"
            return {"type": "scatter", "mode": marks, "x": x, "y": series.values, "name": name}
        case "scatter":
            return {"type": "scatter", "mode": "markers", "x": x, "y": series.values, "name": name}
    return {"type": "bar", "x": x, "y": series.values, "name": name}


def plain(text: str) -> str:
    """Take out of a label what Plotly would read as a tag; what cannot be seen goes, too."""
    return "".join(c for c in text if c.isprintable()).replace("<", "‹").replace(">", "›")


def number(value: object) -> float | None:
    """Take a cell as a number; None for a gap and for what is no number that can be drawn."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(str(value).replace(",", "")) if isinstance(value, str) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
