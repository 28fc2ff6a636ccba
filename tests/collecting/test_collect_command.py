"""`cryptopipe collect`: what it refuses and how it says so, who holds a stream, what `collect status` tells."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from collecting.collect_stage import VENUE, Stage, inputs, manifests, moved, rows
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe import registry
from cryptopipe.cli import main
from cryptopipe.cli.collect import repeated
from cryptopipe.clock import SECOND
from cryptopipe.collect.plan import Plan, Wanted
from cryptopipe.collect.running import order
from cryptopipe.collect.sessions import StreamBusy, holding
from cryptopipe.errors import CryptopipeError

WORDS = st.lists(st.sampled_from(["--symbol", "--data_type", "--header", "--for", "A", "B", "5s"]), max_size=8)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))


@given(WORDS)
def test_words_after_an_option_are_its_words(words: list[str]) -> None:
    """Nothing is lost; what is added is an option that stands before already."""
    found = repeated(words)
    rest = iter(found)
    assert all(word in rest for word in words)
    added = list(found)
    for word in words:
        added.remove(word)
    assert set(added) <= {word for word in words if word in ("--symbol", "--data_type")}


def test_several_symbols_after_one_option() -> None:
    assert repeated(["--symbol", "A", "B", "--header", "--data_type=trade", "book", "status"]) == [
        "--symbol", "A", "--symbol", "B", "--header", "--data_type=trade", "--data_type", "book", "--data_type",
        "status",
    ]  # fmt: skip


WRONG: list[tuple[list[str], int, str, str]] = [
    (["--symbol", "BTCUSDT", "--data_type", "trade"], 2, "of which venue?", "--exchange"),
    (["--exchange", VENUE, "--symbol", "BTCUSDT"], 2, "which kind of data?", "--data_type trade,book"),
    (["--exchange", VENUE, "--data_type", "trade"], 2, "no symbol", "--all"),
    (["--exchange", VENUE, "--symbol", "BTCUSTD", "--data_type", "trade"], 2, "did you mean 'BTCUSDT'", "BASE/QUOTE"),
    (["--exchange", VENUE, "--symbol", "BTC/UST", "--data_type", "trade"], 2, "did you mean 'BTC/USDT'", "BASE/QUOTE"),
    (["--exchange", "bitfoo", "--symbol", "X", "--data_type", "trade"], 2, "bitfoo", ""),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "trades"], 2, "did you mean 'trade'", "candle"),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "trade-1m"], 2, "has no interval", "write trade"),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "book", "--interval", "fast"], 2, "'fast'", "100ms"),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "book", "--interval", "0s"], 2, "'0s'", "100ms"),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "top", "--interval", "1s"], 2, "only books", "leave"),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "trade", "--depth", "5"], 2, "only books", "book"),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "book", "--depth", "0"], 2, "1<=x<=1000", "--help"),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--all", "--data_type", "book"], 2, "some symbols or", "leave one"),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "l3"], 2, "no single orders", "plugins list"),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "book", "--format", "xml"], 2, "xml", "--help"),
    (
        ["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "book", "--format", "parquet", "--header"],
        2, "have the names anyway", "leave it out",
    ),
    (
        ["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "book", "--market", "live", "--seed", "1"],
        2, "only simulated venues", "leave them out",
    ),
    (["--exchange", VENUE, "--symbol", "BTCUSDT", "--data_type", "book", "--for", "soon"], 2, "soon", ""),
    ([], 2, "nothing to collect is named", "collect.streams"),
    (["stauts"], 2, "what is 'stauts'", "collect status"),
    (["status", "--exchange", VENUE], 2, "asks nothing of a venue", "--data_dir"),
    (["--from-raw", "nothing.arrows", "--exchange", VENUE, "--data_type", "trade"], 1, "no such file", "capture"),
    (["--from-raw", ".", "--exchange", VENUE, "--data_type", "trade"], 1, "without a capture", "segments"),
    (["--replay", "nothing", "--data_type", "trade"], 2, "is not VENUE=FILE", "A=recording"),
    (["--replay", "A=x", "--market", "live", "--data_type", "trade"], 2, "nothing of captures", "leave it out"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "says", "fix"), WRONG, ids=lambda one: None)
def test_a_wrong_command_line_says_what_to_do(
    arguments: list[str], code: int, says: str, fix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collect", *arguments, "--data_dir=data", "--json"]) == code
    told = json.loads(capsys.readouterr().out)["error"]
    assert says in told["message"] and fix in told["fix"]
    assert not Path("data").exists()


@pytest.mark.parametrize("symbol", ["BTCUSDT", "btcusdt", "BTC/USDT", "BTC-USDT", "btc/usdt"])
def test_a_symbol_may_be_written_either_way(symbol: str) -> None:
    made = order(
        VENUE, [symbol, "ETHUSDT", symbol], False, ["trade,book", "top"], ["100ms", "1s"], 20, "csv", False, 64
    )
    assert made.plan.symbols == ("BTCUSDT", "ETHUSDT")
    assert made.plan.wanted == (Wanted("trade"), Wanted("book", 100, 20), Wanted("book", 1000, 20), Wanted("top"))


def test_everything_is_each_listed_instrument() -> None:
    made = order(VENUE, [], True, ["top"], [], None, "csv", False, 1)
    assert (
        len(made.instruments) == len(set(made.plan.symbols or ())) == len(registry.exchange(VENUE).instruments.listed())
    )


def test_streams_of_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    from cryptopipe.collect.running import orders_of
    from cryptopipe.settings import load_settings

    text = "collect:\n  streams:\n    - {exchange: VENUE, symbols: [BTC/USDT], types: [trade, book-100ms]}\n"
    Path("config.yaml").write_text(text.replace("VENUE", VENUE))
    loaded = load_settings(config=Path("config.yaml"), installed_venues=registry.names("exchange"))
    (made,) = orders_of(loaded.settings.collect)
    assert made.plan.symbols == ("BTCUSDT",) and [one.folder for one in made.plan.wanted] == ["trade", "book-100ms"]
    Path("config.yaml").write_text(text.replace("VENUE", VENUE).replace("trade,", "trades,"))
    assert main(["collect", "--data_dir=data"]) == 78
    assert "collect.streams[0]" in capsys.readouterr().err


def test_a_second_collector_of_a_stream_is_refused(tmp_path: Path) -> None:
    one = Plan(VENUE, ("BTCUSDT", "ETHUSDT"), (Wanted("trade"), Wanted("top")))
    other = Plan(VENUE, ("ETHBTC", "ETHUSDT"), (Wanted("book", 1000), Wanted("top")))
    with holding(tmp_path, one):
        why = f"top of ETHUSDT is collected already, by process {os.getpid()}"
        with pytest.raises(StreamBusy, match=why), holding(tmp_path, other):
            raise AssertionError("held twice")
        with holding(tmp_path, Plan(VENUE, ("BTCUSDT",), (Wanted("book", 1000),))):
            pass
    with holding(tmp_path, other):
        pass


def asked(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert main(["collect", "status", "--data_dir=data", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    collectors: list[dict[str, Any]] = document["collectors"]
    return collectors


def test_status_tells_of_those_that_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys) == []
    stage = Stage(Path("data"), inputs()[0].at - SECOND)
    with stage.session.held():
        stage.hear(inputs())
        stage.collector.looked(stage.at + 2 * SECOND)
        (told,) = asked(capsys)
        assert told["venue"] == VENUE and told["session"] == stage.session.id and told["spilling"] is False
        written = {(one["type"], one["symbol"]): one["rows"] for one in told["streams"]}
        stage.end()
    assert asked(capsys) == []
    for kind in ("trade", "top"):
        total = sum(one["rows"] for one in manifests(Path("data")).values() if one["type"] == kind)
        assert total == sum(count for (name, _), count in written.items() if name == kind) > 0


def test_from_raw_takes_what_its_collector_took(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(Path("data"), inputs()[0].at - SECOND)
    stage.hear(inputs())
    stage.end()
    assert main(["collect", "--from-raw", str(stage.session.path), "--data_dir=other", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["venues"][VENUE]["session"] == stage.session.id and document["stopped_by"] == "end of recordings"
    assert manifests(Path("other")) == manifests(Path("data"))
    again = [
        "collect",
        "--from-raw",
        str(stage.session.path),
        "--data_dir=other",
        "--data_type=book-500ms",
        "--depth=2",
    ]
    assert main(again) == 1
    assert "is sealed, of the same capture, with depth 5" in capsys.readouterr().err


def test_from_raw_refuses_another_venue_than_the_capture_tells(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(Path("data"), inputs()[0].at - SECOND)
    stage.hear(inputs())
    stage.end()
    arguments = ["collect", "--from-raw", str(stage.session.path), "--data_type=trade", "--data_dir=other"]
    assert main([*arguments, f"--exchange={VENUE}"]) == 0
    assert main([*arguments, "--exchange=kraken"]) == 2
    assert f"a capture of {VENUE}, not of kraken" in capsys.readouterr().err


def test_captures_without_a_row_say_what_they_hold(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(Path("data"), inputs()[0].at - SECOND)
    stage.hear(inputs())
    stage.end()
    arguments = ["collect", "--from-raw", str(stage.session.path), "--data_type=trade", "--data_dir=other"]
    assert main([*arguments, "--symbol=BNBUSDT"]) == 0
    assert "no row came of it: it tells of " in (told := capsys.readouterr().err) and "BTCUSDT" in told
    foreign = Path("foreign.jsonl")
    foreign.write_text('{"ts": "1.5", "dir": "recv", "raw": "{\\"channel\\":\\"of another\\"}"}\n')
    assert main(["collect", f"--replay={VENUE}={foreign}", "--data_type=trade", "--data_dir=third"]) != 0
    assert f"none of its 1 frames can be read as one of {VENUE}'s" in capsys.readouterr().err


def test_tops_are_shown_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage(Path("data"), inputs()[0].at - SECOND)
    stage.hear(inputs())
    stage.end()
    capsys.readouterr()
    arguments = ["collect", "--from-raw", str(stage.session.path), "--data_dir=other", "--data_type", "top"]
    assert main([*arguments, "--symbol", "ETH/BTC"]) == 0
    shown = capsys.readouterr().out.splitlines()
    written = [line for line in rows(Path("other"), "top").splitlines() if not line.startswith("ts_iso")]
    assert shown == written and len(shown) > 5


def test_parquet_has_the_same_cells(capsys: pytest.CaptureFixture[str]) -> None:
    from pyarrow import parquet

    stage = Stage(Path("data"), inputs()[0].at - SECOND)
    stage.hear(inputs())
    stage.end()
    arguments = ["collect", "--from-raw", str(stage.session.path), "--data_dir=other", "--format", "parquet"]
    assert main(arguments) == 0
    seen = 0
    for name, one in manifests(Path("data")).items():
        (path,) = Path("other").rglob(name.replace(".csv.gz", ".parquet"))
        table = parquet.ParquetFile(path).read()
        lines = [",".join("" if cell is None else str(cell) for cell in row.values()) for row in table.to_pylist()]
        text = rows_of(Path("data"), name)
        assert lines == (text[1:] if one["type"] == "top" else text)
        assert str(table.schema.field(0).type) == ("string" if one["type"] == "top" else "int64")
        seen += len(lines)
    assert seen > 500


def rows_of(data: Path, name: str) -> list[str]:
    from collecting.collect_stage import told

    return told(data)[name].splitlines()


def test_a_full_disk_is_a_clear_error() -> None:
    """The capture cannot be written: nothing goes on, and what is there can be read."""
    from cryptopipe.capture.reader import read
    from cryptopipe.errors import CaptureError

    stage = Stage(Path("data"), inputs()[0].at - SECOND)
    stage.hear(inputs()[:200])
    Path("data/collected").joinpath(VENUE, "trade").rename("moved")
    Path("data/collected").joinpath(VENUE, "trade").write_text("no folder")
    with pytest.raises(CryptopipeError, match="cannot be written") as raised:
        stage.hear(inputs()[200:])
        stage.end()
    assert "free or mend the disk" in raised.value.fix and isinstance(raised.value, CaptureError)
    stage.kill(0)
    Path("data/collected").joinpath(VENUE, "trade").unlink()
    second = Stage(Path("data"), inputs()[0].at + 100 * SECOND)
    second.hear(moved(inputs(), 101 * SECOND))
    second.end()
    assert len(list(read(stage.session.path))) > 150
    assert len(rows(Path("data"), "trade").splitlines()) == sum(b'"trade"' in one.payload for one in inputs())


def test_help_shows_no_traceback() -> None:
    from cryptopipe.cli.collect import collect

    shown = CliRunner().invoke(collect, ["--help"])
    assert shown.exit_code == 0 and "--data_type" in shown.output and "collect status" in shown.output
