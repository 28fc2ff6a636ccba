"""A chart as a page: one HTML file that needs no network, or one that follows a file beside it.

Enters: a chart, again and again while something is going on. Leaves: files, replaced whole. Never: a page half written,
a server, or a zoom of the reader's lost.
"""

import json
from pathlib import Path
from typing import Any

from cryptopipe.clock import format_at
from cryptopipe.plots.chart import Chart, Panel, Shape, Trace, colour

_EVERY_MS = 1000


def figure_of(chart: Chart) -> dict[str, Any]:
    """The chart as plotly's JSON: `data` and `layout`."""
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {
        "title": {"text": "<br>".join([chart.title, *(f"<sub>{note}</sub>" for note in chart.notes)])},
        "showlegend": True,
        "hovermode": "x" if chart.over_time else "closest",
        "template": "plotly_white",
        "margin": {"t": 70 + 22 * len(chart.notes), "b": 50, "r": 20},
    }
    total, top = sum(panel.share for panel in chart.panels), 1.0
    for number, panel in enumerate(chart.panels, 1):
        axis = "" if number == 1 else str(number)
        height = panel.share / total
        layout[f"yaxis{axis}"] = _y_axis(panel, max(0.0, top - height + 0.04 * (number < len(chart.panels))), top)
        top -= height
        layout[f"xaxis{axis}"] = _x_axis(chart, number, axis)
        data += [_trace(chart, trace, number, axis) for trace in panel.traces]
    layout.pop("template")  # its name means something to Python's plotly alone
    return {"data": data, "layout": layout}


def _y_axis(panel: Panel, low: float, high: float) -> dict[str, Any]:
    kind = "log" if panel.log else "linear"
    return {
        "title": {"text": panel.y_title},
        "domain": [low, high],
        "type": kind,
        "automargin": True,
        "tickformat": ",~g",
    }


def _x_axis(chart: Chart, number: int, axis: str) -> dict[str, Any]:
    last = number == len(chart.panels)
    told: dict[str, Any] = {"anchor": f"y{axis}", "showticklabels": last or not chart.over_time}
    if last or not chart.over_time:
        told["title"] = {"text": chart.x_title}
    if chart.x_log:
        told["type"] = "log"
    if chart.over_time:
        told["type"] = "date"
        if number > 1:
            told["matches"] = "x"
    return told


def _trace(chart: Chart, trace: Trace, number: int, axis: str) -> dict[str, Any]:
    x = [format_at(int(at))[:26] for at in trace.x] if chart.over_time else list(trace.x)
    told: dict[str, Any] = {
        "name": trace.name,
        "x": x,
        "y": list(trace.y),
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "showlegend": number == 1,
        "legendgroup": trace.name,
    }
    paint = colour(chart, trace)
    if trace.shape is Shape.BARS:
        return told | {"type": "bar", "opacity": 0.6, "marker": {"color": paint}}
    line = {"color": paint, "width": 1 if trace.faint else 1.8, "dash": "dot" if trace.faint else "solid"}
    line |= {"shape": "hv"} if trace.shape is Shape.HOLD else {}
    return told | {"type": "scatter", "mode": "lines", "line": line} | ({"fill": "tozeroy"} if trace.filled else {})


def write_page(chart: Chart, file: Path) -> None:
    """One file, everything in it. Raises `OSError`."""
    _replace(file, _page(chart.title, f"cryptopipe({json.dumps(figure_of(chart))});", live=False))


class LivePage:
    """A page that looks every second at a file of data beside it, and follows its end unless its reader zooms."""

    def __init__(self, file: Path, title: str) -> None:
        """Raises `OSError`."""
        self._file = file
        self._data = file.with_name(f"{file.name}.data.js")
        self._drawn = False
        self._title = title

    def show(self, chart: Chart) -> None:
        """Replace the data. Raises `OSError`."""
        _replace(self._data, f"cryptopipe({json.dumps(figure_of(chart))});\n")
        if not self._drawn:
            self._drawn = True
            _replace(self._file, _page(self._title, "", live=True, data=self._data.name))

    def end(self, chart: Chart) -> None:
        """The whole in one file; the data beside it goes. Raises `OSError`."""
        write_page(chart, self._file)
        self._data.unlink(missing_ok=True)


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)


def _page(title: str, inline: str, live: bool, data: str = "") -> str:
    from html import escape

    from plotly.offline import get_plotlyjs

    script = _SCRIPT.replace("/*LIVE*/", _LIVE.replace("/*DATA*/", json.dumps(data)) if live else "")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head><body>"
        f'<div id="plot"></div><p><button id="follow"{"" if live else " hidden"}>follow</button> '
        f'<span id="state"></span></p><script>{script}{inline}</script></body></html>\n'
    )


_STYLE = (
    "html,body{margin:0;height:100%;font-family:sans-serif}#plot{height:calc(100% - 2.5em)}p{margin:.2em 1em;"
    "color:#555}"
)
_SCRIPT = """
let shown = null, follows = true, own = false, revision = 0;
const plot = document.getElementById('plot'), state = document.getElementById('state');
function cryptopipe(figure) {
  figure.layout.autosize = true;
  figure.layout.uirevision = revision;
  if (!follows && shown) for (const name of Object.keys(figure.layout))
    if (/^[xy]axis/.test(name) && shown.layout[name]) {
      figure.layout[name].range = shown.layout[name].range;
      figure.layout[name].autorange = shown.layout[name].autorange;
    }
  own = true;
  Plotly.react(plot, figure.data, figure.layout, {responsive: true}).then(() => {
    own = false;
    if (!shown) plot.on('plotly_relayout', change => {
      if (own || !Object.keys(change).some(key => /^[xy]axis/.test(key))) return;
      follows = !!change['xaxis.autorange'];
      document.getElementById('follow').disabled = follows;
    });
    shown = plot;
  });
}
document.getElementById('follow').onclick = () => { follows = true; revision += 1; };
/*LIVE*/
"""
_LIVE = (
    """
let missed = 0;
function look() {
  const script = document.createElement('script');
  script.src = /*DATA*/ + '?' + Date.now();
  script.onload = () => { missed = 0; state.textContent = ''; script.remove(); };
  script.onerror = () => { missed += 1; script.remove(); if (missed > 3) state.textContent = 'ended: reload'; };
  document.body.appendChild(script);
}
setInterval(look, """
    + str(_EVERY_MS)
    + """);
look();
"""
)
