"""Long series in few points, files that are being written, and depth from levels: laws."""

import gzip
import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.jsonlines import format_line
from cryptopipe.capture.writer import Writer
from cryptopipe.clock import SECOND
from cryptopipe.errors import CaptureError, UsageError
from cryptopipe.plots.chart import Chart, Panel, Shape, Trace
from cryptopipe.plots.depth import Depth, chart, of_file
from cryptopipe.plots.page import LivePage, figure_of, write_page
from cryptopipe.plots.png import write_png
from cryptopipe.plots.rows import read_rows
from cryptopipe.plots.sources import Told, inputs_of, told
from cryptopipe.plots.thin import Quote, Thinned
from cryptopipe.plots.tops import Tops, Wanted

START = 1_800_000_000 * SECOND


def quotes(seed: int) -> list[Quote]:
    """Up to 400 rows, in bursts and after pauses, now and then without a side."""
    random = Random(seed)
    at, found = START, []
    for _ in range(random.choice((1, 30, 150, 400))):
        at += random.choice((0, 1, 1000, random.randrange(10**9), 10**11))
        bid = None if random.random() < 0.1 else float(random.randrange(10**6))
        found.append(Quote(at, bid, None if bid is None or random.random() < 0.1 else bid + random.randrange(10**6)))
    return found


def extremes(rows: list[Quote]) -> list[tuple[float, float] | None]:
    found = []
    for values in ([row.bid for row in rows], [row.ask for row in rows], [row.spread for row in rows]):
        known = [value for value in values if value is not None]
        found.append((min(known), max(known)) if known else None)
    return found


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from((36, 50, 120)))
def test_thinning_keeps_every_extreme_and_makes_up_nothing(seed: int, most: int) -> None:
    rows = quotes(seed)
    thinned = Thinned(most)
    for row in rows:
        thinned.add(row)
    left = thinned.rows()
    assert thinned.count == len(rows) and len(left) <= most
    assert extremes(left) == extremes(rows)
    assert (left[0], left[-1]) == (rows[0], rows[-1])
    every = iter(rows)
    assert all(any(row == one for one in every) for row in left), "in the same order, and none that was not there"
    if len(rows) <= most:
        assert left == rows


def test_a_short_break_is_not_thinned_away() -> None:
    thinned = Thinned(36)
    for number in range(5000):
        at_break = number == 3210
        thinned.add(Quote(START + number * SECOND, None if at_break else 100.0, None if at_break else 101.0))
    assert Quote(START + 3210 * SECOND, None, None) in thinned.rows()
    with pytest.raises(ValueError, match="at least 36"):
        Thinned(35)


def inputs(count: int) -> list[Input]:
    return [
        Input(n, n, START + n, Direction.RECV, "alpha", "alpha#1", "", b'{"number":%d}' % n)
        for n in range(1, count + 1)
    ]


def test_lines_that_break_off_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    whole = b"".join(map(format_line, inputs(12)))
    path = tmp_path / "lines.jsonl"
    for cut in range(whole.index(b"\n") + 1, len(whole) + 1, 29):
        path.write_bytes(whole[:cut])
        found = list(inputs_of(Told((("alpha", path),), (), "")))
        assert [one.payload for one in found] == [one.payload for one in inputs(whole[:cut].count(b"\n"))]
    packed = gzip.compress(whole)
    path.write_bytes(packed)
    assert len(list(inputs_of(Told((("alpha", path),), (), "")))) == 12
    counts = set()
    for cut in range(len(packed) // 2, len(packed), 23):
        path.write_bytes(packed[:cut])
        found = list(inputs_of(Told((("alpha", path),), (), "")))
        assert found == inputs(len(found))
        counts.add(len(found))
    assert len(counts) > 1 or counts == {12}


def test_a_native_capture_that_is_being_written(tmp_path: Path) -> None:
    with Writer(tmp_path / "capture") as writer:
        for one in inputs(3000):
            writer.append(one)
    segment = tmp_path / "capture" / "000001.arrows"
    whole = segment.read_bytes()
    segment.write_bytes(whole[: len(whole) * 3 // 4])
    found = list(inputs_of(told([str(tmp_path / "capture")], tmp_path)))
    assert 0 < len(found) < 3000 and found == inputs(len(found))


TOP_ROWS = [
    "2025-08-27T23:45:12.805694+00:00,alpha,XY-USD,100.5,101,0.5,100.75",
    "2025-08-27T23:45:13.000001+00:00,alpha,XY-USD,,101,,",
    "2025-08-27T23:45:14.000000+00:00,beta,xyusd,99,102.5,3.5,100.75",
]
TOP = "\n".join(["ts_iso,provider,symbol,bid,ask,spread,mid", *TOP_ROWS]) + "\n"


@pytest.mark.parametrize("name", ["t.csv.gz.part", "t.csv", "t.csv.gz"])
def test_rows_that_break_off(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cryptopipe.plots.rows._CHUNK", 50)  # less than a row
    path, data = tmp_path / name, TOP.encode()
    packed = gzip.compress(data) if name.endswith(".gz") else data
    path.write_bytes(packed)
    whole = read_rows(path)
    assert whole.kind == "top" and [",".join(row.values()) for row in whole.rows] == TOP_ROWS
    for cut in range(data.index(b"\n") + 1, len(data), 9):
        path.write_bytes(data[:cut])
        rows = [",".join(row.values()) for row in read_rows(path).rows]
        assert rows == TOP_ROWS[: data[:cut].count(b"\n") - 1]
    path.write_bytes(packed[: len(packed) - 4])
    assert [",".join(row.values()) for row in read_rows(path).rows] == TOP_ROWS[: 3 if name.endswith(".gz") else 2]


def test_tops_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "alpha-XY-USD-top-20250827T23Z-001.csv.gz.part"
    path.write_text(TOP)
    tops = Tops()
    tops.read(path)
    made = tops.chart("file")
    price, spread = made.panels
    assert [one.name for one in price.traces] == [
        "alpha XY-USD ask",
        "alpha XY-USD bid",
        "beta xyusd ask",
        "beta xyusd bid",
    ]
    first = 1756338312805694000
    end = 1756338314000000000
    assert list(price.traces[0].x) == [first, 1756338313000001000, end], "and holds until the last row of all"
    assert [list(one.y) for one in price.traces[:2]] == [[101, 101, 101], [100.5, None, None]]
    assert list(spread.traces[0].y) == [0.5, None, None] and list(spread.traces[1].y) == [3.5, 3.5]
    only = Tops(Wanted(frozenset({"beta"}), "XY/USD"))
    only.read(path)
    assert [one.name for one in only.chart("file").panels[1].traces] == ["beta xyusd spread"]
    with pytest.raises(UsageError, match="no top of book of ZZ/USD in it"):
        Tops(Wanted(symbol="ZZ/USD")).chart("file")


BOOK = [
    "1621485165942,XYUSD,B,99.5,2,1", "1621485165942,XYUSD,A,100,1,1", "1621485165942,XYUSD,B,99,3,2",
    "1621485166942,XYUSD,B,99.75,4,1", "1621485166942,XYUSD,A,100.25,5,1", "1621485166942,XYUSD,B,99.5,6,2",
    "1621485166942,XYUSD,A,100.5,7,2",
]  # fmt: skip


def test_the_depth_of_rows_is_their_last_whole_state(tmp_path: Path) -> None:
    sealed = tmp_path / "alpha-XYUSD-book-1000ms-20210520T04Z-001.csv"
    sealed.write_text("\n".join(BOOK) + "\n")
    (one,) = of_file(sealed, Wanted())
    assert (one.name, one.bids, one.asks) == ("alpha XYUSD", [(99.75, 4), (99.5, 6)], [(100.25, 5), (100.5, 7)])
    part = tmp_path / f"{sealed.name}.part"
    part.write_text("\n".join(BOOK[:-1]) + "\n")
    (one,) = of_file(part, Wanted())
    assert (one.bids, one.asks) == ([(99.5, 2), (99, 3)], [(100, 1)]), "nobody knows whether the last one is whole"
    tops = Tops()
    tops.read(sealed)
    assert [list(trace.y) for trace in tops.chart("f").panels[0].traces] == [
        [100, 100.25, 100.25],
        [99.5, 99.75, 99.75],
    ]
    document = tmp_path / "XYUSD.json"
    told_of = {"venue": "alpha", "symbol": "XYUSD", "received_at": "2021-05-20T04:32:46.1Z"}
    document.write_text(json.dumps(told_of | {"bids": [["99.75", "4"]], "asks": [["100.25", "5"]]}))
    assert of_file(document, Wanted())[0].asks == [(100.25, 5)]
    document.write_text("{}")
    with pytest.raises(CaptureError, match="no depth of a book"):
        of_file(document, Wanted())


level = st.tuples(st.integers(1, 40), st.integers(1, 9))


@settings(max_examples=25)
@given(
    st.lists(level, min_size=1, max_size=9), st.lists(level, min_size=1, max_size=9), st.sampled_from((0.1, 5.0, 100.0))
)
def test_depth_rises_away_from_the_middle(
    down: list[tuple[int, int]], up: list[tuple[int, int]], within: float
) -> None:
    bids = sorted({(100.0 - off): float(size) for off, size in down}.items(), reverse=True)
    asks = sorted({(100.0 + off): float(size) for off, size in up}.items())
    made = chart([Depth("a", "XY", "X", "Y", START, bids, asks)], "test", within)
    left, right = made.panels[0].traces
    assert list(left.x) == sorted(left.x) and list(right.x) == sorted(right.x)
    assert left.x[-1] == bids[0][0] and right.x[0] == asks[0][0]
    assert left.y[-1] == 0 and right.y[0] == 0, "mirrored: both stand on the ground at the best prices"
    middle = (bids[0][0] + asks[0][0]) / 2

    def near(price: float) -> bool:
        return abs(price - middle) <= middle * within / 100

    for price, height in zip(left.x, left.y[:-1], strict=False):
        assert height == sum(size for at, size in bids if at >= price and (near(at) or at == bids[0][0]))
    for price, height in zip(right.x, right.y, strict=True):
        if height:
            assert height == sum(size for at, size in asks if at <= price and (near(at) or at == asks[0][0]))
    assert all(low <= high for low, high in pairwise(right.y)) and all(low >= high for low, high in pairwise(left.y))


def small() -> Chart:
    line = Trace("a $b$", [START, START + SECOND, START + 2 * SECOND], [1.0, None, 3.0], group="a", faint=True)
    bars = Trace("bars", [START, START + SECOND, START + 2 * SECOND], [10, 100, 1000], Shape.BARS)
    return Chart(
        "<one>", "time, UTC", (Panel("price", (line,), 3), Panel("count", (bars,), 1, log=True)), True, ("note",)
    )


def test_a_figure_has_all_of_its_chart() -> None:
    figure = figure_of(small())
    layout = figure["layout"]
    assert figure["data"][0]["y"] == [1.0, None, 3.0] and figure["data"][0]["x"][1] == "2027-01-15T08:00:01.000000"
    assert layout["yaxis2"]["type"] == "log" and layout["xaxis2"]["title"]["text"] == "time, UTC"
    assert [layout[name]["title"]["text"] for name in ("yaxis", "yaxis2")] == ["price", "count"]
    low, high = layout["yaxis"]["domain"]
    assert 0 == layout["yaxis2"]["domain"][0] < layout["yaxis2"]["domain"][1] < low < high == 1
    with pytest.raises(ValueError, match="2 places for 1 values"):
        Trace("a", [1, 2], [1.0])
    with pytest.raises(ValueError, match="what it counts"):
        Panel("", ())


def test_a_page_needs_no_network_and_a_live_one_only_its_neighbour(tmp_path: Path) -> None:
    file = tmp_path / "p.html"
    write_page(small(), file)
    whole = file.read_text(encoding="utf-8")
    script = whole.rsplit("<script>", 1)[1]
    assert f"cryptopipe({json.dumps(figure_of(small()))});" in script and "<title>&lt;one&gt;</title>" in whole
    assert "<script src" not in whole and "setInterval" not in script
    live = LivePage(tmp_path / "l.html", "live")
    live.show(small())
    page, data = (tmp_path / name for name in ("l.html", "l.html.data.js"))
    assert '"l.html.data.js"' in page.read_text(encoding="utf-8").rsplit("<script>", 1)[1]
    written = page.stat().st_mtime_ns, page.stat().st_ino
    later = Chart("two", "x", (Panel("y", (Trace("t", [1.0], [2.0]),)),))
    live.show(later)
    assert data.read_text(encoding="utf-8") == f"cryptopipe({json.dumps(figure_of(later))});\n"
    assert (page.stat().st_mtime_ns, page.stat().st_ino) == written, "the page stays; only its data changes"
    live.end(later)
    assert not data.exists() and json.dumps(figure_of(later)) in page.read_text(encoding="utf-8")
    assert {one.name for one in tmp_path.iterdir()} == {"p.html", "l.html"}, "no draft is left"


def test_a_png_shows_something(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from PIL import Image

    file = tmp_path / "p.png"
    write_png(small(), file)
    with Image.open(file) as image:
        assert (image.format, image.size) == ("PNG", (1400, 800))
        colours = {pixel[:3] for _, pixel in image.convert("RGBA").getcolors(1 << 20) or ()}
    assert (0x1F, 0x77, 0xB4) in colours, "the first group's line"
    assert any(red > green + 60 for red, green, _ in colours), "the second group's bars"


READER = """<script>
const said = [];
const say = word => said.push([word, plot._fullLayout.xaxis.range[1].slice(11, 19), follows, plot.data[0].x.length]);
const steps = [
  () => cryptopipe(F[0]), () => cryptopipe(F[1]), () => say('follows'),
  () => Plotly.relayout(plot, {'xaxis.range[0]': '2027-01-15 08:00:02', 'xaxis.range[1]': '2027-01-15 08:00:05'}),
  () => cryptopipe(F[2]), () => say('zoomed'), () => document.getElementById('follow').click(),
  () => cryptopipe(F[3]), () => say('follows again'), () => Plotly.relayout(plot, {autosize: true}),
  () => cryptopipe(F[4]), () => say('resized'),
  () => { document.body.innerHTML = '<pre>SAID' + JSON.stringify(said) + 'SAID</pre>'; },
];
steps.forEach((step, at) => setTimeout(step, 500 * at + 300));
</script></body>"""


@pytest.mark.long
def test_a_live_page_in_a_browser_follows_unless_its_reader_zooms(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    file = tmp_path / "live.html"
    LivePage(file, "live").show(small())
    file.with_name("live.html.data.js").unlink()

    def seconds(count: int) -> Chart:
        line = Trace("a", [START + n * SECOND for n in range(count)], [float(n % 7) for n in range(count)])
        return Chart("chart", "time, UTC", (Panel("price", (line,)),), True)

    figures = json.dumps([figure_of(seconds(count)) for count in (10, 20, 40, 50, 60)])
    page = file.read_text(encoding="utf-8")
    file.write_text(page.replace("</body>", f"<script>const F = {figures};</script>{READER}"), encoding="utf-8")
    out = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=12000", "--dump-dom",
         file.as_uri()], capture_output=True, text=True, timeout=100, check=True,
    ).stdout  # fmt: skip
    assert json.loads(out.split("<pre>SAID", 1)[1].split("SAID", 1)[0]) == [
        ["follows", "08:00:19", True, 20], ["zoomed", "08:00:05", False, 40],
        ["follows again", "08:00:49", True, 50], ["resized", "08:00:59", True, 60],
    ]  # fmt: skip
