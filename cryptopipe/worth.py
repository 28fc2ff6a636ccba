"""What a change of an account was worth when it happened, for the books of others.

Enters: the view, an amount. Leaves: an amount in the numeraire for its record. Never: a guess, or a second statement of
what is in the numeraire anyway.
"""

from decimal import Decimal

from msgspec import UNSET, UnsetType

from cryptopipe.evaluate.value import executable_value
from cryptopipe.market.view import View
from cryptopipe.model.facts import Asset


def worth(view: View, asset: Asset, amount: Decimal, numeraire: Asset) -> Decimal | UnsetType:
    """Without sign: what `amount` of an asset would bring, or below zero cost, at prices one could trade at now. Unset
    for the numeraire itself, for nothing, and where there is no such price.
    """
    if asset == numeraire or not amount:
        return UNSET
    value = executable_value(view, asset, amount, numeraire)
    return UNSET if value is None else abs(value)
