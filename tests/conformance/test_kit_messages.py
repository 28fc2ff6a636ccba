"""What the kit says to who made a mistake: where to look, in which unit, and what differs."""

from ast import literal_eval
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conformance.bitfoo import BitFooFeed, make

from cryptopipe import api
from cryptopipe.testing import spot
from cryptopipe.testing.corpus import Sample
from cryptopipe.testing.damage import judge_damage
from cryptopipe.testing.declared import judge_declared
from cryptopipe.testing.frames import judge_goldens, judge_ticks

FRAMES = Path(__file__).parent / "frames"
TRADE = {"type": "Trade", "symbol": "btcusdt", "trade_id": "90", "price": "61837.64", "size": "0.2500", "side": "sell"}


def sample(name: str, events: list[dict[str, Any]]) -> Sample:
    return Sample(name, (FRAMES / f"{name}.json").read_bytes().strip(), "made up, 2026-11-21", events)


def test_a_limit_in_seconds_is_told_its_unit() -> None:
    limit = api.Limit(20, 60, "made up, 2026-11-21")
    with pytest.raises(AssertionError, match=r"bitfoo: 20 in 60 nanoseconds is no limit: a second is 1_000_000_000"):
        judge_declared(replace(make(), dial_limits=(limit,)), "")


def test_a_golden_that_differs_names_the_field() -> None:
    wrong = TRADE | {"size": "0.25", "event_time": "0"}
    with pytest.raises(AssertionError) as told:
        judge_goldens(make(), [sample("trade", [wrong])], ())
    assert str(told.value) == "bitfoo, trade: size of event 1, Trade: expected '0.25', decoded '0.2500'"


def test_a_golden_of_another_kind_is_shown_whole() -> None:
    with pytest.raises(AssertionError, match=r"bitfoo, trade: expected \[\], decoded \[\{'type': 'Trade', "):
        judge_goldens(make(), [sample("trade", [])], ())


def test_levels_of_another_form_name_the_format() -> None:
    class Triples(BitFooFeed):
        rule = replace(BitFooFeed.rule, level_format=api.LevelFormat(1, 2))

    instruments = [spot("bitfoo", "BTC/USDT", symbol="btcusdt", tick="0.01", step="0.0001")]
    with pytest.raises(
        AssertionError, match=r"delta: levels of btcusdt: .*; the rule reads price 1 and size 2 of each"
    ):
        judge_ticks(make(Triples), [sample("delta", [])], instruments, ())


def test_a_mutation_is_shown_where_it_is() -> None:
    told = sample("trade", [TRADE])
    long = replace(told, frame=told.frame[:1] + b'"empty": "' + b" " * 400 + b'",' + told.frame[1:])

    class Brittle(BitFooFeed):
        def decode(self, frame: api.Frame, received_at: api.Nanos) -> Iterable[api.FeedEvent]:
            if frame[:420] == long.frame[:420] and frame != long.frame and frame.endswith(b"}"):
                raise KeyError("brittle")
            return super().decode(frame, received_at)

    with pytest.raises(AssertionError, match=r"bitfoo, a mutation of trade: …b'.* raised KeyError: 'brittle'") as found:
        judge_damage(make(Brittle), [long])
    shown = literal_eval(str(found.value).split("…")[1].split(" raised ")[0])
    assert shown not in long.frame
