"""Check 12: what a plugin reads of the venue's own answers about instruments, currencies and fees.

Enters: a metadata codec, documented answers with what they say. Leaves: nothing, or the answer and both values. Never:
an amount that is a float, an answer that is damaged and believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cryptopipe.api import (
    Currency,
    ExchangePlugin,
    HttpResponse,
    Instrument,
    Listing,
    MetadataCodec,
)
from cryptopipe.testing.checks import require
from cryptopipe.testing.damage import damaged_answers, wished
from cryptopipe.testing.purity import trapped

_MUTATIONS = 60
_SHARE = 10
"""A long run damages one answer for so many frames."""


@dataclass(frozen=True)
class ListingSample:
    """One answer and what it says: rows by symbol (`btcusdt`) or code (`BTC`) with some of their fields, as values.

    `ListingSample("https://…/pairs", body, "page, 2026-11-21", {"btcusdt": {"tick": Decimal("0.01")}})`; fields of
    `TradingRules` stand beside those of `Instrument`. `networks` says for a code the networks with some of theirs.
    """

    url: str
    body: bytes
    source: str
    instruments: dict[str, dict[str, Any]] | None = None
    currencies: dict[str, list[dict[str, Any]]] | None = None


def judge_listings(plugin: ExchangePlugin, codec: MetadataCodec, samples: Sequence[ListingSample]) -> str:
    """What was counted. Raises `AssertionError`."""
    venue = plugin.venue
    with trapped() as touched:
        asked = [tuple(codec.requests()) for _ in range(2)]
    require(not touched, f"{venue}: metadata touches {touched}")
    require(bool(asked[0]) and asked[0] == asked[1], f"{venue}: metadata asks {asked[0]}, then {asked[1]}")
    for request in asked[0]:
        require(request.url.startswith("https://"), f"{venue}: metadata asks {request.url}, not https://…")
    require(codec.refresh > 0, f"{venue}: metadata is refreshed every {codec.refresh} nanoseconds")
    instruments = currencies = 0
    damaged = max(_MUTATIONS, wished() // _SHARE // len(samples))
    for sample in samples:
        with trapped() as touched:
            listing = codec.read(HttpResponse(200, sample.body, sample.url))
        require(not touched, f"{venue}: reading {sample.url} touches {touched}")
        _holds(venue, listing)
        _says(f"{venue}, {sample.url}", listing, sample)
        _damaged(venue, codec, sample, damaged)
        instruments, currencies = instruments + len(listing.instruments), currencies + len(listing.currencies)
    told = f"{len(samples)} answers: {instruments} instruments, {currencies} currencies"
    return f"{told}; {damaged * len(samples)} damaged ones" if wished() else told


def _holds(venue: str, listing: Listing) -> None:
    symbols = [one.symbol for one in listing.instruments]
    require(len(symbols) == len(set(symbols)), f"{venue}: an answer gives a symbol twice: {sorted(symbols)[:20]}")
    strange = {one.venue for one in listing.instruments} | {one.venue for one in listing.currencies}
    require(strange <= {venue}, f"{venue}: an answer gives instruments or currencies of {sorted(strange)}")
    for currency in listing.currencies:
        for network in currency.networks:
            for name in network.__struct_fields__:
                value = getattr(network, name)
                require(not isinstance(value, float), f"{venue}: {name} of {currency.code} is a float: {value!r}")


def _says(where: str, listing: Listing, sample: ListingSample) -> None:
    rows: dict[str, Instrument] = {one.symbol: one for one in listing.instruments}
    for symbol, wanted in (sample.instruments or {}).items():
        require(symbol in rows, f"{where}: {symbol} is not read; there are {sorted(rows)[:20]}")
        one = rows[symbol]
        for name, value in wanted.items():
            got = getattr(one, name) if hasattr(one, name) else getattr(one.rules, name)
            require(got == value, f"{where}: {name} of {symbol}: expected {value!r}, read {got!r}")
    codes: dict[str, Currency] = {one.code: one for one in listing.currencies}
    for code, networks in (sample.currencies or {}).items():
        require(code in codes, f"{where}: {code} is not read; there are {sorted(codes)[:20]}")
        found = {network.code: network for network in codes[code].networks}
        for told in networks:
            name = told["code"]
            require(name in found, f"{where}: {code} has no network {name}, but {sorted(found)}")
            for field, value in told.items():
                got = getattr(found[name], field)
                require(got == value, f"{where}: {field} of {code} on {name}: expected {value!r}, read {got!r}")


def _damaged(venue: str, codec: MetadataCodec, sample: ListingSample, count: int) -> None:
    where = f"{venue}, a mutation of the answer of {sample.url}"

    def read(damaged: bytes) -> None:
        for one in codec.read(HttpResponse(200, damaged, sample.url)).instruments:
            finite = one.rules is None or all(isinstance(v, Decimal) and v.is_finite() for v in _rules(one))
            require(finite, f"{where}: {damaged[:200]!r} gave {one}")

    damaged_answers(sample.body, count, read, where)


def _rules(one: Instrument) -> tuple[Any, ...]:
    assert one.rules is not None
    return tuple(getattr(one.rules, name) for name in one.rules.__struct_fields__)
