"""A report as one page, which needs nothing beside it.

Enters: a report. Leaves: an HTML file, in place of a former one at once. Never: a script, a font or a picture from
elsewhere; a text of a file that is not escaped.
"""

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from cryptopipe.capture.files import DISK
from cryptopipe.clock import MILLISECOND, format_at
from cryptopipe.quality.checks import CHECKS
from cryptopipe.quality.examine import Report
from cryptopipe.quality.former import HOUR_MS
from cryptopipe.quality.report import by_stream
from cryptopipe.quality.verdict import Outcome, Verdict

_STYLE = """
:root { color-scheme: light dark; --pass: #2e8b57; --warn: #c98a00; --fail: #c62f2f; --none: #8884; --line: #8883; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p.when { color: #888; margin: .2rem 0 1.2rem; }
.tiles { display: flex; gap: .8rem; flex-wrap: wrap; }
.tile { border: 1px solid var(--line); border-left: 5px solid var(--none); border-radius: 6px; padding: .5rem 1rem; }
.tile b { display: block; font-size: 1.5rem; }
.pass { border-left-color: var(--pass); } .warn { border-left-color: var(--warn); }
.fail, .refused { border-left-color: var(--fail); }
table { border-collapse: collapse; width: 100%; }
td, th { padding: .25rem .6rem; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid var(--line); font-weight: 600; } td { border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: 12px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.word { color: #fff; border-radius: 3px; padding: 0 .4rem; font-size: 12px; }
.word.pass { background: var(--pass); } .word.warn, .word.warning { background: var(--warn); }
.word.fail, .word.critical { background: var(--fail); }
.hours { display: flex; gap: 2px; flex-wrap: wrap; } .hours i { width: 11px; height: 14px; background: var(--none); }
.hours i.pass { background: var(--pass); } .hours i.warn { background: var(--warn); }
.hours i.fail { background: var(--fail); }
details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; padding: .3rem .8rem; overflow-x: auto; }
summary { cursor: pointer; } summary code { margin-right: .6rem; } .scroll { overflow-x: auto; }
"""
_OPENING = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Quality of collected files</title>
<style>{_STYLE}</style>
<body>"""
_MOST_HOURS = 24 * 31
_RANK = ("pass", "warn", "fail")


def write(report: Report, file: Path) -> None:
    """Raises `OSError`."""
    DISK.replace(file, html(report).encode())


def html(report: Report) -> str:
    """The page."""
    parts = [*_head(report), *_streams(report), *_refused(report), *_files(report), *_legend()]
    return "\n".join((_OPENING, *parts, "</html>\n"))


def _head(report: Report) -> Iterator[str]:
    yield "<h1>Quality of collected files</h1>"
    judged = f"{len(report.judged)} files judged now, {len(report.known)} before"
    yield f'<p class="when">{format_at(report.at)[:19]}Z · {judged}{", stopped early" * report.stopped}</p>'
    tiles = (f'<div class="tile {name}"><b>{many:,}</b>{name}</div>' for name, many in report.counts().items())
    yield f'<div class="tiles">{"".join(tiles)}</div>'


def _streams(report: Report) -> Iterator[str]:
    """A line for each stream, with a square for each hour from its first file to its last."""
    yield '<h2>Streams</h2><div class="scroll"><table>'
    names = ("venue", "type", "symbol", "files", "rows", "fail", "warn", "hours")
    yield _row((f'<th class="n">{one}</th>' if one in names[3:7] else f"<th>{one}</th>") for one in names)
    hours: dict[tuple[str, ...], dict[int, str]] = {}
    for file, verdict in report.all:
        by_hour = hours.setdefault(file.absolute().parent.parts[-3:], {})
        worst = max(_RANK.index(verdict.verdict), _RANK.index(by_hour.get(verdict.hour_ms, "pass")))
        by_hour[verdict.hour_ms] = _RANK[worst]
    for line in by_stream(report):
        key = (line.venue, line.folder, line.symbol)
        counted = (line.files, line.rows, line.failed, line.warned)
        cells = [f"<td>{escape(one)}</td>" for one in key] + [f'<td class="n">{one:,}</td>' for one in counted]
        yield _row([*cells, f'<td><div class="hours">{"".join(_squares(hours[key]))}</div></td>'])
    yield "</table></div>"


def _squares(by_hour: dict[int, str]) -> Iterator[str]:
    last = max(by_hour)
    for hour in range(max(min(by_hour), last - (_MOST_HOURS - 1) * HOUR_MS), last + 1, HOUR_MS):
        word = by_hour.get(hour, "")
        when = format_at(hour * MILLISECOND)[:13].replace("T", " ")
        yield f'<i class="{word}" title="{when}h: {word or "no file"}"></i>'


def _refused(report: Report) -> Iterator[str]:
    if report.refused:
        yield "<h2>Not judged</h2><table>"
        for one in report.refused:
            yield _row((f"<td><code>{escape(one.where)}</code></td>", f"<td>{escape(one.message)}</td>"))
        yield "</table>"


def _files(report: Report) -> Iterator[str]:
    """Those with faults first, open; what they are like below."""
    yield "<h2>Files</h2>"
    for file, verdict in sorted(report.all, key=lambda one: (-_RANK.index(one[1].verdict), one[0])):
        opened = " open" if verdict.verdict == "fail" else ""
        word = f'<span class="word {verdict.verdict}">{verdict.verdict}</span>'
        faults = ", ".join(escape(one.name) for one in verdict.failed)
        said = f"{word} <code>{escape(file.name)}</code> {verdict.rows:,} rows {faults}"
        yield f"<details{opened}><summary>{said}</summary>"
        if verdict.failed:
            yield from _outcomes(verdict.failed)
        yield from _columns(verdict)
        yield f"<p><code>SHA-256 {escape(verdict.sha256)}</code></p></details>"


def _outcomes(failed: Iterable[Outcome]) -> Iterator[str]:
    yield '<table><tr><th>check</th><th>severity</th><th class="n">found</th><th>first lines</th></tr>'
    for one in failed:
        lines = "<br>".join(
            f"<code>{f'line {shown.line}: ' if shown.line else ''}{escape(shown.text)}</code>" for shown in one.examples
        )
        detail = f"<br>{escape(one.detail)}" if one.detail else ""
        cells = (escape(one.name), f'<span class="word {escape(one.severity)}">{escape(one.severity)}</span>')
        found = (f'<td class="n">{one.count:,}</td>', f"<td>{lines}{detail}</td>")
        yield _row([*(f"<td>{cell}</td>" for cell in cells), *found])
    yield "</table>"


def _columns(verdict: Verdict) -> Iterator[str]:
    if not verdict.statistics:
        return
    names = list(verdict.statistics[0])[:-1]
    yield "<table>" + _row(f'<th class="{"n" if at else ""}">{escape(name)}</th>' for at, name in enumerate(names))
    for one in verdict.statistics:
        cells = ("" if one[name] is None else escape(str(one[name])) for name in names)
        yield _row(f'<td class="{"n" if at else ""}">{cell}</td>' for at, cell in enumerate(cells))
    yield "</table>"


def _legend() -> Iterator[str]:
    yield "<h2>Checks</h2><details><summary>What each looks for</summary><table>"
    for one in CHECKS:
        kinds = ", ".join(sorted(one.kinds)) or "all"
        yield _row(f"<td>{escape(cell)}</td>" for cell in (one.name, one.severity, kinds, one.title))
    yield "</table></details>"


def _row(cells: Iterable[str]) -> str:
    return f"<tr>{''.join(cells)}</tr>"
