"""What an amount of an asset is worth in the numeraire, at prices one could trade at now.

Enters: an asset, an amount (negative: owed), the view. Leaves: its value, or None where no live book leads to the
numeraire. Never: a mid price, or one asset taken for another because its name resembles it.
"""

from decimal import Decimal

from cryptopipe.model.facts import Asset, Instrument, Kind
from cryptopipe.model.money import exact, ratio
from cryptopipe.model.strategies import MarketView


def executable_value(view: MarketView, asset: Asset, amount: Decimal, numeraire: Asset) -> Decimal | None:
    """Value of `amount` in `numeraire`: what is held is sold at the best bid, what is owed is bought at the best ask,
    directly or through one asset between. None if there is no such price.
    """
    if asset == numeraire or not amount:
        return amount
    direct = _converted(view, asset, amount, numeraire)
    if direct is not None:
        return direct
    between = sorted({other for i in view.instruments for other in (i.holding, i.quote)} - {asset, numeraire})
    for other in between:
        first = _converted(view, asset, amount, other)
        second = None if first is None else _converted(view, other, first, numeraire)
        if second is not None:
            return second
    return None


def _converted(view: MarketView, asset: Asset, amount: Decimal, into: Asset) -> Decimal | None:
    """The best conversion over all live books between the two assets."""
    found = [
        value
        for instrument in view.instruments
        if instrument.kind is not Kind.INVERSE_PERPETUAL and {instrument.holding, instrument.quote} == {asset, into}
        if (value := _at(view, instrument, asset, amount)) is not None
    ]
    return max(found, default=None)


def _at(view: MarketView, instrument: Instrument, asset: Asset, amount: Decimal) -> Decimal | None:
    top = view.top(instrument)
    if top is None or top.bid is None or top.ask is None:
        return None
    if asset == instrument.holding:
        with exact():
            return amount * (top.bid if amount > 0 else top.ask)
    return ratio(amount, top.ask if amount > 0 else top.bid)
