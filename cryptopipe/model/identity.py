"""Which tickers of which venues are the same asset.

Enters: a venue's code and its own aliases. Leaves: the venue-independent `Asset`. Never: two venues' unknown tickers
taken for one asset because they are spelt alike.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from cryptopipe.model.facts import Asset, VenueId


class _Known(msgspec.Struct, forbid_unknown_fields=True):
    asset: str
    source: str


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    note: str
    assets: list[_Known]


@cache
def _known() -> frozenset[str]:
    text = files("cryptopipe.model").joinpath("assets.json").read_bytes()
    return frozenset(row.asset for row in msgspec.json.decode(text, type=_Table).assets)


def asset_of(venue: VenueId, code: str, aliases: Mapping[str, str] | None = None) -> Asset:
    """What a venue calls `code`: `BTC` where its `aliases` (its code: ours) or the table know it, else `CODE@venue`,
    which is comparable with nothing elsewhere.
    """
    name = (aliases or {}).get(code, code)
    return Asset(name) if name in _known() else Asset(f"{code}@{venue}")
