"""Legal streams of a plugin's other dialects: recorded ones, or those of a simulated venue that speaks them.

Enters: a plugin, its recordings, the dialects that have a stream already. Leaves: streams for check 8, and the names of
the dialects for which there is none. Never: a simulated venue's stream in a dialect that it does not speak.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from cryptopipe.api import BookDelta, BookSnapshot, Channel, ExchangePlugin, Instrument
from cryptopipe.testing.corpus import AT, codec_of
from cryptopipe.testing.recorded import Recorded
from cryptopipe.testing.streams import Arrival, Stream, stream_of_sandbox

_LEAST, _MOST, _LONGEST = 12, 40, 800
"""Changes of a recorded book that are enough and that are taken; lines that they may be spread over."""


def other_streams(
    plugin: ExchangePlugin, instruments: Sequence[Instrument], recordings: Sequence[Recorded], covered: Iterable[str]
) -> tuple[list[Stream], list[str]]:
    """The recorded streams of levels; one of a simulated venue for each dialect that has none yet; and the names of the
    dialects that nobody shows one of."""
    streams = [found for one in recordings if (found := _of_recording(plugin, one)) is not None]
    told, missing = {*covered, *(one.dialect for one in streams)}, []
    for dialect in plugin.dialects:
        if dialect.name not in told and Channel.ORDERS not in dialect.channels:
            stream = _of_sandbox(plugin, (*instruments, *plugin.instruments.listed()), dialect.name)
            if stream is None:
                missing.append(dialect.name)
            else:
                streams.append(stream)
    return streams, missing


def _of_recording(plugin: ExchangePlugin, told: Recorded) -> Stream | None:
    """Of the book that changes most, with whatever else came over its connection, whose numbers may be common; None
    where too few frames change it."""
    rule = codec_of(plugin, told.dialect).rule
    changed = _changed(plugin, told)
    asked = [symbol for _, symbol in told.told if symbol in changed]
    known = asked if rule.snapshot_by_request else list(changed)
    if rule.orders is not None or not known:
        return None
    symbol = max(known, key=lambda one: len(changed[one]))
    answer = next((number for number, line in enumerate(told.told) if line[1] == symbol), 0)
    last = next(iter([number for number in changed[symbol] if number > answer][_MOST - 1 :]), changed[symbol][-1])
    lines = [line for line in enumerate(told.told) if line[0] <= last and line[1][1] in ("", symbol)]
    if len(changed[symbol]) < _LEAST or len(lines) > _LONGEST:
        return None
    arrivals = tuple(Arrival(payload, name, f"line {number} of {told.name}") for number, (payload, name) in lines)
    return Stream(replace(plugin.instruments.find(symbol), symbol=symbol), arrivals, told.dialect)


def _changed(plugin: ExchangePlugin, told: Recorded) -> dict[str, list[int]]:
    """By symbol, the lines that change its book; where snapshots are not asked for, those after its first one."""
    codec, found = codec_of(plugin, told.dialect), dict[str, list[int]]()
    for number, (payload, symbol) in enumerate(told.told):
        for event in codec.decode(payload, AT) if not symbol else ():
            if isinstance(event, BookSnapshot):
                found.setdefault(event.symbol, [])
            elif isinstance(event, BookDelta) and codec.rule.snapshot_by_request:
                found.setdefault(event.symbol, []).append(number)
            elif isinstance(event, BookDelta) and event.symbol in found:
                found[event.symbol].append(number)
    return found


def _of_sandbox(plugin: ExchangePlugin, instruments: Sequence[Instrument], dialect: str) -> Stream | None:
    """Of a simulated venue, where what it opens is what the dialect speaks."""
    listed = {one.symbol for one in plugin.instruments.listed()}
    able = [one for one in instruments if one.rules and one.symbol in listed and not one.book_of]
    if plugin.sandbox is None or not able:
        return None
    speaks = next(one.speaks for one in plugin.dialects if one.name == dialect)
    for one in {instrument.kind: instrument for instrument in reversed(able)}.values():
        stream = stream_of_sandbox(plugin, one, Channel.DEPTH, dialect)
        if speaks(stream.url, stream.arrivals[0].frame if stream.arrivals else b""):
            return stream
    return None
