"""What somebody asks a collector for, in their own words, as a plan.

Enters: words of a command line or of the configuration, a venue's plugin. Leaves: kinds of rows, instruments. Never: a
guess: a word that means nothing is refused with the nearest one that does.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from cryptopipe.clock import MILLISECOND, parse_duration
from cryptopipe.collect.plan import DEPTH, INTERVALS_MS, Wanted
from cryptopipe.collect.schema import KINDS
from cryptopipe.errors import CryptopipeError, UsageError, did_you_mean
from cryptopipe.model.contracts import ExchangePlugin
from cryptopipe.model.facts import Instrument, Kind, TradingState
from cryptopipe.model.stream import USUAL_CHANNELS, Channel, Subscription

_SEPARATORS = re.compile(r"[/\-_:]")


def wanted_of(words: Sequence[str], intervals: Sequence[str], depth: int | None) -> tuple[Wanted, ...]:
    """Of `trade,book` or `book-100ms`: kinds of rows. Raises `UsageError`."""
    names = [one for word in words for one in (part.strip().lower() for part in word.split(",")) if one]
    if not names:
        raise UsageError("no kind of data", where="--data_type", fix=f"name some of {', '.join(KINDS)}")
    found: dict[str, Wanted] = {}
    for name in names:
        kind, mark, own = name.partition("-")
        if kind not in KINDS:
            near = did_you_mean(kind, KINDS)
            fix = f"some of {', '.join(KINDS)}: --data_type trade,book"
            raise UsageError(f"no such kind of data: {name!r}{near}", where="--data_type", fix=fix)
        if kind not in INTERVALS_MS:
            if mark:
                raise UsageError(f"{kind} has no interval: {name!r}", where="--data_type", fix=f"write {kind}")
            found[kind] = Wanted(kind)
            continue
        for text in [own] if mark else intervals or [f"{INTERVALS_MS[kind]}ms"]:
            one = Wanted(kind, interval_ms(text), (depth or DEPTH) if kind == "book" else None)
            found[one.folder] = one
    _refuse_idle(found, intervals, depth)
    return tuple(found.values())


def _refuse_idle(found: Iterable[str], intervals: Sequence[str], depth: int | None) -> None:
    kinds = {name.partition("-")[0] for name in found}
    if intervals and not kinds & set(INTERVALS_MS):
        raise UsageError("only books and candles have intervals", where="--interval", fix="leave it out")
    if depth is not None and "book" not in kinds:
        raise UsageError("only books have a depth", where="--depth", fix="leave it out, or --data_type book")


def interval_ms(text: str) -> int:
    """Milliseconds of `100ms`, `1m`, `1d`. Raises `UsageError`."""
    days = text.endswith("d") and text[:-1].isdecimal()
    try:
        nanos = parse_duration(f"{int(text[:-1]) * 24}h" if days else text)
    except ValueError:
        nanos = 0
    if nanos <= 0 or nanos % MILLISECOND or nanos > 31 * 86_400_000 * MILLISECOND:
        fix = "write it as 100ms, 1000ms, 1m, 1h or 1d"
        raise UsageError(f"not an interval of whole milliseconds up to 31 days: {text!r}", where="--interval", fix=fix)
    return nanos // MILLISECOND


def instruments_of(plugin: ExchangePlugin, words: Sequence[str]) -> list[Instrument]:
    """Of symbols as the venue spells them or unified (`BTC/USDT`, `BTC-USDT`), each once. Raises `UsageError`."""
    listed = list(plugin.instruments.listed())
    found: dict[str, Instrument] = {}
    for name in (part.strip() for word in words for part in word.split(",")):
        if name:
            one = _instrument(plugin, listed, name)
            found.setdefault(one.symbol, one)
    if not found:
        raise UsageError("no symbol", where="--symbol", fix=f"name some, such as {_samples(listed)}, or --all")
    return list(found.values())


def everything(plugin: ExchangePlugin) -> list[Instrument]:
    """All that a venue lists and trades. Raises `UsageError` for one whose plugin lists nothing."""
    found = [one for one in plugin.instruments.listed() if one.state is TradingState.TRADING]
    if not found:
        fix = "name symbols: --symbol S"
        raise UsageError(f"{plugin.venue}'s plugin lists no instrument", where="--all", fix=fix)
    return found


def subscriptions_of(plugin: ExchangePlugin, ones: Sequence[Instrument], kinds: Iterable[str]) -> list[Subscription]:
    """The usual channels of each, so that any kind of rows can be made of the capture; single orders where rows of them
    are wanted. Raises `UsageError` where the venue tells none.
    """
    channels = list(USUAL_CHANNELS)
    if "l3" in kinds:
        if not any(Channel.ORDERS in one.channels for one in plugin.dialects):
            fix = "leave l3 out: `cryptopipe plugins list` says which venues have `orders`"
            raise UsageError(f"{plugin.venue} tells no single orders", where="--data_type l3", fix=fix)
        channels.append(Channel.ORDERS)
    return [Subscription(one, channel) for one in ones for channel in channels]


def _instrument(plugin: ExchangePlugin, listed: Sequence[Instrument], word: str) -> Instrument:
    exact = [one for one in listed if one.symbol == word] or [
        one for one in listed if one.symbol.lower() == word.lower()
    ]
    if exact:
        return exact[0]
    parts = _SEPARATORS.split(word.upper())
    pairs = [one for one in listed if len(parts) == 2 and [one.base.upper(), one.quote.upper()] == parts]
    for one in [pair for pair in pairs if pair.kind is Kind.SPOT] + pairs:
        return one
    try:
        unlisted = plugin.instruments.find(word)
    except CryptopipeError:
        unlisted = None
    if unlisted is not None and any(unlisted.quote == one.quote for one in listed):
        return unlisted
    known = {one.symbol: one.symbol for one in listed} | {f"{one.base}/{one.quote}": one.symbol for one in listed}
    by_case = {name.lower(): name for name in known}
    near = [by_case[name] for name in get_close_matches(word.lower(), by_case, n=3, cutoff=0.6)]
    hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
    fix = f"name one as the venue spells it, or as BASE/QUOTE: {_samples(listed)}"
    raise UsageError(f"{plugin.venue} lists no {word!r}{hint}", where="--symbol", fix=fix)


def _samples(listed: Sequence[Instrument]) -> str:
    return ", ".join(one.symbol for one in listed[:3]) or "what it trades"
