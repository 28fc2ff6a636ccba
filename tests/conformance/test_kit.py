"""The kit itself: a good plugin passes all of it, and each bad one fails the check that is made for it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from conformance.bad import impure, inside, leaky, mistaken, reencoded, rounded, shared, sneaky, wide
from conformance.bitfoo import BitFooFeed, make

from cryptopipe.api import (
    BookDelta,
    BookSnapshot,
    ExchangePlugin,
    Frame,
    Instrument,
    Nanos,
    Notice,
    Resync,
    Trade,
)
from cryptopipe.testing import ExchangeConformance, spot

FRAMES = Path(__file__).parent / "frames"
BTCUSDT = spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.01", step="0.0001")


class TestBitFoo(ExchangeConformance):
    plugin = make()
    instruments = (BTCUSDT,)
    corpus = FRAMES
    covers = (BookSnapshot, BookDelta, Trade, Notice)


def kit(plugin: ExchangePlugin, corpus: Path = FRAMES, instrument: Instrument = BTCUSDT) -> ExchangeConformance:
    body = {"plugin": plugin, "instruments": (instrument,), "corpus": corpus, "covers": TestBitFoo.covers}
    made: ExchangeConformance = type("Kit", (ExchangeConformance,), body)()
    return made


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (impure.plugin, "test_1_purity", r"^check 1 purity: bitfoo is not pure: impure.py:3: imports time"),
        (sneaky.plugin, "test_1_purity", r"^check 1 purity: bitfoo touches \['time.time'\] while decoding delta"),
        (
            inside.plugin,
            "test_1_purity",
            r"inside.py:5: imports cryptopipe.model.events.Heartbeat, a plugin imports only",
        ),
        (
            shared.plugin,
            "test_2_determinism",
            r"^check 2 determinism: bitfoo is not deterministic: frame 4 .*trade.* interleaved",
        ),
        (
            leaky.plugin,
            "test_3_mutations",
            r"^check 3 mutations: bitfoo, a mutation of \w+: .* raised (JSONDecodeError|RecursionError)",
        ),
        (
            wide.plugin,
            "test_3_mutations",
            r"^check 3 mutations: bitfoo, a mutation of delta: .*, whose first does not fit into 64 bits",
        ),
        (
            mistaken.plugin,
            "test_4_goldens",
            r"^check 4 goldens: bitfoo, trade: expected .*'side': 'sell'.* decoded .*'side': 'buy'",
        ),
        (
            rounded.plugin,
            "test_5_on_tick",
            r"^check 5 on tick: trade: price '68021.4\d+' of btcusdt is not the frame's own text",
        ),
        (
            reencoded.plugin,
            "test_5_on_tick",
            r"^check 5 on tick: snapshot: levels of btcusdt have \['1\.5'\], which the frame does not write so",
        ),
    ],
    ids=[
        "clock",
        "hidden clock",
        "inside",
        "shared state",
        "foreign error",
        "wide number",
        "golden",
        "float",
        "levels",
    ],
)
def test_kit_catches(plugin: ExchangePlugin, check: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        getattr(kit(plugin), check)()


def test_off_grid_is_caught() -> None:
    coarse = spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.05", step="0.0001")
    with pytest.raises(AssertionError, match=r"price 61837\.\d+, no multiple of 0\.05"):
        kit(make(), instrument=coarse).test_5_on_tick()


def test_levels_written_anew_with_their_own_text_pass() -> None:
    kit(reencoded.faithful).test_5_on_tick()


class Impatient(BitFooFeed):
    """Asks for every book of its connection."""

    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        return (Resync(None, "expected 8, got 9"), *super().decode(frame, received_at))


def test_a_resync_of_the_whole_connection_is_readable() -> None:
    kit(make(Impatient)).test_3_mutations()


def test_a_frame_of_an_unlisted_product_is_no_way_round_the_grid(tmp_path: Path) -> None:
    for path in FRAMES.iterdir():
        text = path.read_text()
        (tmp_path / path.name).write_text(text.replace("btcusdt", "docusdt") if "snapshot" in path.name else text)
    with pytest.raises(
        AssertionError, match=r"^check 5 on tick: bitfoo: no BookSnapshot of \['btcusdt'\] in the corpus"
    ):
        kit(make(), corpus=tmp_path).test_5_on_tick()


class Remembering(BitFooFeed):
    """As where a difference names only the side that changed: the last price of a delta is the next trade's."""

    last = ""

    def decode(self, frame: Frame, received_at: Nanos) -> Any:
        for event in super().decode(frame, received_at):
            if isinstance(event, BookDelta):
                self.last = json.loads(bytes(event.bids))[0][0]
            yield msgspec.structs.replace(event, price=self.last or event.price) if isinstance(event, Trade) else event


class Inventing(Remembering):
    last = "7.77"


def test_a_number_of_a_frame_before_is_the_connections_own(tmp_path: Path) -> None:
    for path in FRAMES.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    golden = tmp_path / "trade.events.json"
    golden.write_text(json.dumps({**json.loads(golden.read_text()), "after": ["delta", "subscribed"]}))
    kit(make(Remembering), corpus=tmp_path).test_5_on_tick()
    golden.write_text(json.dumps({**json.loads(golden.read_text()), "after": ["snapshot"]}))
    with pytest.raises(AssertionError, match=r"trade: price '7\.77' of btcusdt is not the frame's own text"):
        kit(make(Inventing), corpus=tmp_path).test_5_on_tick()


def test_nothing_to_check_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no frames in"):
        kit(make(), corpus=tmp_path).test_4_goldens()
    other = spot("bitfoo", "ETH/USDT", symbol="ethusdt", tick="0.01", step="0.0001")
    with pytest.raises(
        AssertionError, match=r"^check 5 on tick: .* no BookSnapshot, BookDelta, Trade of \['ethusdt'\]"
    ):
        kit(make(), instrument=other).test_5_on_tick()


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"source": "somewhere", "events": []}, "names no date"),
        ({"source": "page, 2026-11-21"}, "needs either events or raises"),
        ({"source": "page, 2026-11-21", "events": [], "event": []}, r"unknown keys \['event'\]"),
        (None, "has no one.events.json beside it"),
    ],
)
def test_golden_without_its_form_is_refused(tmp_path: Path, told: dict[str, object] | None, message: str) -> None:
    (tmp_path / "one.json").write_text('{"type":"subscribed","symbol":"btcusdt"}')
    if told is not None:
        (tmp_path / "one.events.json").write_text(json.dumps(told))
    with pytest.raises(AssertionError, match=message):
        kit(make(), corpus=tmp_path).test_4_goldens()


def test_missing_kind_is_named(tmp_path: Path) -> None:
    for name in ("trade.json", "trade.events.json"):
        (tmp_path / name).write_bytes((FRAMES / name).read_bytes())
    with pytest.raises(AssertionError, match=r"no frame of the corpus shows \['BookSnapshot', 'BookDelta', 'Notice'\]"):
        kit(make(), corpus=tmp_path).test_4_goldens()


PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def test_the_page_shows_a_test_that_passes() -> None:
    code = PAGE.read_text().split("```python\n")[1].split("```")[0]
    assert len(code.splitlines()) < 10
    names: dict[str, Any] = {**globals(), "plugin": make()}
    exec(code, names)
    shown = names["TestBitFoo"]
    for name in (name for name in dir(shown) if name.startswith("test_") and "recorded" not in name):
        getattr(shown(), name)()


def test_the_page_names_every_check() -> None:
    rows = [
        row.split(" | ")[:2] for row in PAGE.read_text().splitlines() if row[:3] in {f"| {n}" for n in range(1, 10)}
    ]
    told = [f"test_{number.strip('| ')}_{name.strip().replace(' ', '_')}" for number, name in rows]
    assert told == [name for name in dir(ExchangeConformance) if name.startswith("test_") and "recorded" not in name]
