"""Double-entry books per venue and asset: the only source of profit.

Enters: opening balances and fills. Leaves: transactions that sum to zero per asset, balances, the change of each asset.
Never: an amount without its counter-entry, or a rounding.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from cryptopipe.errors import LedgerError
from cryptopipe.model.facts import Asset, Side, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.trading import Fill

Entry = tuple[str, Asset, Decimal]
"""(account, asset, amount); accounts are `wallet:<v>` (ours), `market:<v>`, `fees:<v>` and `equity` (the others')."""


class Ledger:
    """Balances by account and asset."""

    def __init__(self) -> None:
        self._balances: dict[tuple[str, Asset], Decimal] = {}
        self._opening: dict[tuple[str, Asset], Decimal] = {}
        self.transactions = 0

    def open(self, venue: VenueId, amounts: Mapping[Asset, Decimal]) -> list[Entry]:
        """What a venue's account holds when the run first meets it."""
        entries = []
        for asset, amount in sorted(amounts.items()):
            entries += [(f"wallet:{venue}", asset, amount), ("equity", asset, -amount)]
            self._opening[f"wallet:{venue}", asset] = amount
        self.post(entries)
        return entries

    def fill(self, fill: Fill) -> list[Entry]:
        """Book one execution: the assets change hands, the fee goes to the venue."""
        venue, instrument = fill.instrument.venue, fill.instrument
        sign = 1 if fill.side is Side.BUY else -1
        with exact():
            base, quote = sign * fill.quantity, -sign * fill.spent
            fee = fill.fee.amount
        entries = [
            (f"wallet:{venue}", instrument.holding, base),
            (f"market:{venue}", instrument.holding, -base),
            (f"wallet:{venue}", instrument.quote, quote),
            (f"market:{venue}", instrument.quote, -quote),
        ]
        if fee:
            entries += [(f"wallet:{venue}", fill.fee.asset, -fee), (f"fees:{venue}", fill.fee.asset, fee)]
        self.post(entries)
        return entries

    def post(self, entries: Sequence[Entry]) -> None:
        """Book one transaction. Raises `LedgerError` if it does not sum to zero in every asset; nothing is booked."""
        with exact():
            sums: dict[Asset, Decimal] = {}
            for _, asset, amount in entries:
                sums[asset] = sums.get(asset, Decimal(0)) + amount
            wrong = {asset: total for asset, total in sums.items() if total}
            if wrong:
                raise LedgerError(f"a transaction does not sum to zero: {wrong} in {list(entries)}")
            for account, asset, amount in entries:
                self._balances[account, asset] = self._balances.get((account, asset), Decimal(0)) + amount
        self.transactions += 1

    def opened(self, venue: VenueId, asset: Asset) -> bool:
        """Whether an opening balance was booked."""
        return (f"wallet:{venue}", asset) in self._opening

    def balance(self, venue: VenueId, asset: Asset) -> Decimal:
        """What our account at a venue holds of an asset."""
        return self._balances.get((f"wallet:{venue}", asset), Decimal(0))

    def balances(self) -> dict[VenueId, dict[Asset, tuple[Decimal, Decimal]]]:
        """(opening, current) by venue and asset."""
        found: dict[VenueId, dict[Asset, tuple[Decimal, Decimal]]] = {}
        for (account, asset), amount in sorted(self._balances.items()):
            owner, _, venue = account.partition(":")
            if owner == "wallet":
                opening = self._opening.get((account, asset), Decimal(0))
                found.setdefault(VenueId(venue), {})[asset] = (opening, amount)
        return found

    def profit(self) -> dict[Asset, Decimal]:
        """Change of our holdings since opening, by asset; assets that did not change are left out."""
        total: dict[Asset, Decimal] = {}
        with exact():
            for amounts in self.balances().values():
                for asset, (opening, closing) in amounts.items():
                    total[asset] = total.get(asset, Decimal(0)) + closing - opening
        return {asset: amount for asset, amount in sorted(total.items()) if amount}
