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
"""(account, asset, amount). Accounts are ours, `wallet:<v>` and `transit:<v>/<n>` (on its way to a venue, by plan), and
the others', `market:<v>`, `fees:<v>`, `lost:<v>` and `equity`.
"""

_ZERO = Decimal(0)


class Ledger:
    """Balances by account and asset."""

    def __init__(self) -> None:
        self._balances: dict[tuple[str, Asset], Decimal] = {}
        self._opening: dict[tuple[str, Asset], Decimal] = {}
        self._held: dict[tuple[VenueId, Asset], Decimal] = {}
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

    def hold(self, venue: VenueId, asset: Asset, amount: Decimal) -> None:
        """Set so much more aside for a plan on its way; below zero less."""
        with exact():
            self._held[venue, asset] = self._held.get((venue, asset), _ZERO) + amount

    def free(self, venue: VenueId, asset: Asset) -> Decimal:
        """What may be spent: the balance without what is set aside."""
        held = self._held.get((venue, asset))
        if not held:
            return self.balance(venue, asset)
        with exact():
            return self.balance(venue, asset) - held

    def leave(
        self, number: int, source: VenueId, target: VenueId, asset: Asset, amount: Decimal, fee: Decimal
    ) -> list[Entry]:
        """Coins of a plan leave `source`: `amount`, of which the network has `fee`."""
        with exact():
            rest = amount - fee
        entries = [(f"wallet:{source}", asset, -amount), (_transit(target, number), asset, rest)]
        entries += [(f"fees:{source}", asset, fee)] if fee else []
        self.post(entries)
        return entries

    def come(self, number: int, source: VenueId, target: VenueId, asset: Asset, amount: Decimal) -> list[Entry]:
        """They are credited at `target`; what `amount` differs from what left was the network's. Raises
        `LedgerError` if nothing of the plan is on its way.
        """
        on_the_way = self._on_the_way(number, target, asset)
        with exact():
            more = on_the_way - amount
        entries = [(_transit(target, number), asset, -on_the_way), (f"wallet:{target}", asset, amount)]
        entries += [(f"fees:{source}", asset, more)] if more else []
        self.post(entries)
        return entries

    def lose(self, number: int, target: VenueId, asset: Asset) -> list[Entry]:
        """They will never be credited. Raises as `come`."""
        on_the_way = self._on_the_way(number, target, asset)
        entries = [(_transit(target, number), asset, -on_the_way), (f"lost:{target}", asset, on_the_way)]
        self.post(entries)
        return entries

    def _on_the_way(self, number: int, target: VenueId, asset: Asset) -> Decimal:
        amount = self._balances.get((_transit(target, number), asset), _ZERO)
        if amount <= 0:
            raise LedgerError(f"nothing of plan {number} is on its way to {target} in {asset}")
        return amount

    def in_flight(self) -> list[tuple[VenueId, Asset, Decimal]]:
        """What is on its way, with the venue that it goes to."""
        return [
            (VenueId(account.removeprefix(_TRANSIT).partition("/")[0]), asset, amount)
            for (account, asset), amount in sorted(self._balances.items())
            if amount and account.startswith(_TRANSIT)
        ]

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
        """Change of our holdings since opening, by asset, what is on its way among them; assets that did not change are
        left out.
        """
        total: dict[Asset, Decimal] = {}
        with exact():
            for _, asset, amount in self.in_flight():
                total[asset] = total.get(asset, _ZERO) + amount
            for amounts in self.balances().values():
                for asset, (opening, closing) in amounts.items():
                    total[asset] = total.get(asset, Decimal(0)) + closing - opening
        return {asset: amount for asset, amount in sorted(total.items()) if amount}


_TRANSIT = "transit:"


def _transit(target: VenueId, number: int) -> str:
    return f"{_TRANSIT}{target}/d{number}"
