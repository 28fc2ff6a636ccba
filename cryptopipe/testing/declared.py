"""Check 6: what a plugin says about itself can be held against a page.

Enters: a plugin. Leaves: nothing, or what lacks a source, a date or a value. Never: a judgement whether a fee is right.
"""

import re

from cryptopipe.api import API_VERSION, ExchangePlugin, FeeSchedule, Instrument, Proof, ProtocolError, SyncRule
from cryptopipe.testing.checks import require
from cryptopipe.testing.corpus import codec_of

_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_HIGHEST_RATE = 0.05
_SHORTEST_SPAN = 1_000_000
"""Nanoseconds: no venue counts in less than a millisecond, and who writes less means seconds."""
_CHECKSUMMED = "a rule of proof checksum"


def judge_declared(plugin: ExchangePlugin, fees_are_zero: str) -> str:
    """What was counted. Raises `AssertionError`."""
    venue = plugin.venue
    require(_NAME.fullmatch(venue) is not None, f"venue {venue!r} is not spelt a-z, 0-9, _")
    require(plugin.api_version == API_VERSION, f"{venue} is of api_version {plugin.api_version}, this is {API_VERSION}")
    require(
        plugin.docs.startswith("https://"), f"{venue}: docs is {plugin.docs!r}, not the address of the venue's pages"
    )
    _fees(venue, plugin.fees, fees_are_zero)
    for dialect in ("", *(d.name for d in plugin.dialects)):
        _rule(f"{venue} {dialect}".strip(), codec_of(plugin, dialect).rule)
    limits = _limits(plugin)
    return f"{_instruments(plugin)} instruments, {limits} limits, fees of {plugin.fees.as_of}"


def _fees(venue: str, fees: FeeSchedule, fees_are_zero: str) -> None:
    require(
        _DAY.fullmatch(fees.as_of) is not None,
        f"{venue}: fees were read on {fees.as_of!r}, which is no day such as 2026-11-21",
    )
    require(
        fees.taker_rate != 0 or bool(fees_are_zero),
        f"{venue}: a taker fee of 0 says that trading is free; a fee nobody knows is the highest heard of, and one "
        f"that is zero has its reason in fees_are_zero",
    )
    for name, rate in (("maker", fees.maker_rate), ("taker", fees.taker_rate)):
        require(
            -_HIGHEST_RATE < rate < _HIGHEST_RATE,
            f"{venue}: a {name} fee of {rate} is {rate * 100} %: rates are fractions, 0.1 % is 0.001",
        )


def _rule(where: str, rule: SyncRule) -> None:
    if rule.proof is Proof.CHECKSUM:
        named = bool(rule.checksum) and rule.checksum_levels > 0
        require(named, f"{where}: {_CHECKSUMMED} names no checksum of the core and its levels")
    require(rule.proof is not Proof.NONE or not rule.checksum, f"{where}: proof none, and a checksum {rule.checksum!r}")
    require(
        rule.orders is not None or not rule.transient_cross,
        f"{where}: transient_cross on levels: a book of levels that crosses is wrong",
    )


def _limits(plugin: ExchangePlugin) -> int:
    require(
        bool(plugin.dial_limits) or plugin.source is not None,
        f"{plugin.venue}: no dial_limits: how often may one connect? Where no page says it, five a minute, and say so",
    )
    asks = any((plugin.snapshots, plugin.clock, plugin.metadata, plugin.signer))
    require(
        bool(plugin.fetch_limits) or not asks, f"{plugin.venue}: requests are made, and no fetch_limits: how often?"
    )
    for limit in (*plugin.dial_limits, *plugin.fetch_limits):
        source = limit.source
        dated = re.search(_DAY.pattern, source) is not None
        require(dated, f"{plugin.venue}: the source of {limit} names no page with the day it was read")
        allowed = f"{plugin.venue}: {limit.count} in {limit.per} nanoseconds"
        require(limit.per >= _SHORTEST_SPAN, f"{allowed} is no limit: a second is 1_000_000_000 ({limit.source})")
    return len(plugin.dial_limits) + len(plugin.fetch_limits)


def _instruments(plugin: ExchangePlugin) -> int:
    venue, listed = plugin.venue, tuple(plugin.instruments.listed())
    watched = plugin.source is not None and codec_of(plugin).rule.proof is Proof.NONE
    symbols = [one.symbol for one in listed]
    require(len(set(symbols)) == len(symbols), f"{venue} lists a symbol twice: {sorted(symbols)}")
    for one in listed:
        require(one.venue == venue, f"{venue} lists {one.id}, of another venue")
        known = one.rules is not None or watched
        require(known, f"{one.id} is listed without rules: only unproven books of a source, which are watched, may be")
        found = plugin.instruments.find(one.symbol)
        require(found == one, f"{one.id} is listed as {one}, found as {found}")
    try:
        stranger: Instrument | None = plugin.instruments.find("no such symbol, anywhere")
    except ProtocolError:
        stranger = None
    require(
        stranger is None or stranger.rules is None,
        f"{venue} invents rules for a symbol that it does not know: {stranger}",
    )
    return len(listed)
