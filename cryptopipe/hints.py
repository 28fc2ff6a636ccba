"""Why a run found nothing, where its market alone explains it.

Enters: the market and the summary at a run's end. Leaves: sentences for a person. Never: a judgement of a strategy.
"""

from collections import defaultdict
from collections.abc import Iterable

from cryptopipe.market.market import Market
from cryptopipe.model.facts import Asset, Instrument, Kind, VenueId
from cryptopipe.model.naming import pair_of
from cryptopipe.summary import Summary

_MORE = "name several venues (--venues A,B) and assets that they have in common (--set assets=A,B,C)"


def hints(market: Market, summary: Summary) -> list[str]:
    """Empty if something was found, or if something could have been."""
    if summary.found or summary.quotes:
        return []
    if not summary.tops:
        told = "; ".join(f"{venue}: {_state(counts)}" for venue, counts in summary.venues.items())
        return [f"no book ever went live, so nothing could be found ({told or 'no venue'})"]
    instruments = [sync.instrument for books in market.books.values() for sync in books.values()]
    if not (_on_several(instruments) or _way_round(instruments)):
        seen = ", ".join(sorted({f"{pair_of(one)} on {one.venue}" for one in instruments})[:6])
        return [f"no two instruments were comparable, so nothing could be found ({seen}): {_MORE}"]
    if len({one.venue for one in instruments}) == 1:
        return [f"only {instruments[0].venue} was there, so its prices were compared with each other alone: {_MORE}"]
    return []


def _state(counts: dict[str, object]) -> str:
    why = f", {counts['last_refusal']}" if counts["last_refusal"] else ""
    return f"{counts['state']}, {counts['frames']} frames{why}"


def _on_several(instruments: Iterable[Instrument]) -> bool:
    """Whether one pair of assets is traded in two places, or as two kinds of thing."""
    places: dict[tuple[Asset, Asset], set[tuple[VenueId, Kind]]] = defaultdict(set)
    for one in instruments:
        places[one.base, one.quote].add((one.venue, one.kind))
    return any(len(found) > 1 for found in places.values())


def _way_round(instruments: Iterable[Instrument]) -> bool:
    """Whether three spot markets of one venue lead back to where one started."""
    beside: dict[tuple[VenueId, Asset], set[Asset]] = defaultdict(set)
    spot = [one for one in instruments if one.kind is Kind.SPOT]
    for one in spot:
        beside[one.venue, one.base].add(one.quote)
        beside[one.venue, one.quote].add(one.base)
    return any(beside[one.venue, one.base] & beside[one.venue, one.quote] for one in spot)
