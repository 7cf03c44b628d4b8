"""Charts from rows: as a picture by matplotlib, and in our own closed form for the interactive one."""

from __future__ import annotations

import datetime
import io
from typing import Any

from tools.chart_terms import COLOURS, MOST_POINTS, MOST_SERIES, Chart, Series, number
from tools.making_source import Cell, Rows, rows_of, shown
from tools.table_loading import Problem

_SLICES = 24


def make(request: dict[str, Any]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Make the forms (png, svg, json) that are wanted of a chart; says how many points it has."""
    chart = chart_of(request, rows_of(request, MOST_POINTS, request.get("sql", "")))
    made = {form: _drawn(chart, form) for form in request["outputs"] if form in ("png", "svg")}
    if "json" in request["outputs"]:
        made["json"] = chart.model_dump_json().encode()
    return made, {"points": max(len(s.values) for s in chart.series), "series": [s.name for s in chart.series]}


def chart_of(request: dict[str, Any], data: Rows) -> Chart:
    """Choose the columns of a chart; raises Problem that names those there are."""
    kind = request["kind"]
    x_name, y_names = _chosen(data, request.get("x", ""), request.get("y", []), kind)
    series = [Series(name=name[:200], values=[number(v) for v in _column(data, name)]) for name in y_names]
    if empty := [s.name for s in series if all(v is None for v in s.values)]:
        raise Problem(f"{', '.join(empty)} holds no numbers. {_there_are(data)}")
    x_kind, x = ("text", []) if kind == "histogram" else _axis(_column(data, x_name), kind)
    if kind == "pie" and (len(x) > _SLICES or any((v or 0) < 0 for v in series[0].values)):
        raise Problem(f"A pie takes at most {_SLICES} parts, none of them negative. Sum up with `sql`, or draw bars.")
    titles = {
        "title": request.get("title", ""),
        "x_title": request.get("x_title") or ("" if kind == "histogram" else _spoken(x_name)),
    }
    titles["y_title"] = request.get("y_title") or (
        _spoken(y_names[0]) if len(y_names) == 1 and kind != "histogram" else ""
    )
    fields = {"kind": kind, "x_kind": x_kind, "x": x, "series": series} | {k: _fit(v) for k, v in titles.items()}
    return Chart.model_validate(fields)


def _chosen(data: Rows, x: str, y: list[str], kind: str) -> tuple[str, list[str]]:
    known = {name.lower(): name for name in data.columns}
    if unknown := [name for name in [*([x] if x else []), *y] if name.lower() not in known]:
        raise Problem(f"There is no column {', '.join(unknown)}. {_there_are(data)}")
    numeric = [
        n for n in data.columns if any(isinstance(v, int | float) and not isinstance(v, bool) for v in _column(data, n))
    ]
    x_name = known[x.lower()] if x else "" if kind == "histogram" else data.columns[0]
    y_names = [known[name.lower()] for name in y] or [name for name in numeric if name != x_name]
    if kind == "pie":
        y_names = y_names[:1]
    if not y_names:
        raise Problem(f"There is no column of numbers to draw. {_there_are(data)}")
    if len(y_names) > MOST_SERIES:
        raise Problem(
            f"A chart takes at most {MOST_SERIES} columns of numbers; choose some with `y`. {_there_are(data)}"
        )
    return x_name, y_names


def _there_are(data: Rows) -> str:
    return f"Columns: {', '.join(data.columns[:40])}."


def _column(data: Rows, name: str) -> list[Cell]:
    place = data.columns.index(name)
    return [row[place] for row in data.rows]


def _axis(values: list[Cell], kind: str) -> tuple[str, list[Any]]:
    """Tell what kind of axis values make: dates and numbers for lines and points, else labels."""
    if kind in ("line", "scatter"):
        if all(isinstance(v, datetime.date) for v in values):
            return "date", [v.isoformat() for v in values if isinstance(v, datetime.date)]
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            return "number", [float(v) for v in values if isinstance(v, int | float)]
    return "text", [_fit(str(v) if isinstance(v, int) else shown(v)) or "(empty)" for v in values]


def _fit(text: str) -> str:
    return " ".join(text.split())[:200]


def _spoken(column: str) -> str:
    return column.replace("_", " ")


def _drawn(chart: Chart, form: str) -> bytes:
    """Draw a chart; the same chart gives the same bytes."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure
    from matplotlib.rcsetup import cycler

    mpl.rcParams.update({
        "font.family": "DejaVu Sans", "text.parse_math": False, "axes.spines.top": False, "axes.spines.right": False,
        "axes.prop_cycle": cycler(color=COLOURS), "axes.grid": True, "grid.alpha": 0.25, "svg.hashsalt": "staffwork",
        "svg.fonttype": "path", "axes.axisbelow": True,
    })  # fmt: skip
    figure = Figure(figsize=(9, 5.2), dpi=144, layout="constrained")
    axes = figure.subplots()
    _PLOTS[chart.kind](axes, chart)
    axes.set_title(chart.title, loc="left", fontweight="bold", wrap=True)
    if chart.kind != "pie":
        axes.set_xlabel(chart.x_title)
        axes.set_ylabel(chart.y_title)
        if len(chart.series) > 1:
            axes.legend(frameon=False)
    out = io.BytesIO()
    date = {"Date": None} if form == "svg" else {"Software": None}
    figure.savefig(out, format=form, metadata=date)
    return out.getvalue()


def _gap(values: list[float | None]) -> list[float]:
    return [float("nan") if v is None else v for v in values]


def _places(axes: Any, chart: Chart) -> list[Any]:
    """Say where points stand on the x axis, and label it where it has words."""
    if chart.x_kind == "date":
        axes.figure.autofmt_xdate()
        return [datetime.datetime.fromisoformat(str(v)) for v in chart.x]
    if chart.x_kind == "number":
        return list(chart.x)
    places = list(range(len(chart.x)))
    every = max(1, -(-len(places) // 24))
    labels = [str(v) if len(str(v)) <= 28 else f"{str(v)[:27]}…" for v in chart.x]
    longest = max(map(len, labels[::every]))
    turned = len(places[::every]) * longest > 90
    axes.set_xticks(places[::every], labels[::every], rotation=45 if turned else 0, ha="right" if turned else "center")
    return places


def _lines(axes: Any, chart: Chart) -> None:
    places = _places(axes, chart)
    for series in chart.series:
        axes.plot(places, _gap(series.values), marker="o" if len(places) <= 60 else None, label=series.name)


def _points(axes: Any, chart: Chart) -> None:
    places = _places(axes, chart)
    for series in chart.series:
        axes.scatter(places, _gap(series.values), s=18, label=series.name)


def _bars(axes: Any, chart: Chart) -> None:
    places, width = _places(axes, chart), 0.8 / len(chart.series)
    for n, series in enumerate(chart.series):
        shift = (n - (len(chart.series) - 1) / 2) * width
        axes.bar([p + shift for p in places], [v or 0 for v in series.values], width, label=series.name)


def _stack(axes: Any, chart: Chart) -> None:
    places = _places(axes, chart)
    above, below = [0.0] * len(places), [0.0] * len(places)
    for series in chart.series:
        values = [v or 0.0 for v in series.values]
        base = [above[i] if v >= 0 else below[i] for i, v in enumerate(values)]
        axes.bar(places, values, 0.8, bottom=base, label=series.name)
        above = [a + max(v, 0) for a, v in zip(above, values, strict=True)]
        below = [b + min(v, 0) for b, v in zip(below, values, strict=True)]


def _pie(axes: Any, chart: Chart) -> None:
    values = [v or 0.0 for v in chart.series[0].values]
    if not sum(values):
        raise Problem("A pie of nothing but zeros cannot be drawn.")
    axes.pie(values, labels=[str(v)[:40] for v in chart.x], autopct="%1.0f%%", startangle=90, counterclock=False,
             textprops={"fontsize": 9}, colors=COLOURS)  # fmt: skip


def _histogram(axes: Any, chart: Chart) -> None:
    for series in chart.series:
        values = [v for v in series.values if v is not None]
        axes.hist(values, bins=min(40, max(5, int(len(values) ** 0.5))), alpha=0.75, label=series.name)
    if len(chart.series) == 1:
        axes.set_xlabel(chart.x_title or chart.series[0].name)


_PLOTS = {"line": _lines, "scatter": _points, "bar": _bars, "stacked": _stack, "pie": _pie, "histogram": _histogram}
