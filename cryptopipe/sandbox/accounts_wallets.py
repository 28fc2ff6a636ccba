"""What one customer of a simulated venue holds: free and locked amounts, wallet by wallet.

Enters: amounts to hold, release, pay out and credit, each with the reason for it. Leaves: balances, and for every
change the other side's entry in the venue's tally. Never: an amount below zero, a rounding, a one-sided entry.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal

from cryptopipe.model.desk import TRADING, DeskBalance, DeskRefusal, Refusal
from cryptopipe.model.facts import Asset
from cryptopipe.model.money import exact

ZERO = Decimal(0)
_NOTHING = DeskBalance(ZERO, ZERO)


class Tally:
    """Where a venue's customers' money came from and went to, by reason and asset: the other side of every entry.

    The sum over all reasons and all customers is zero in every asset, whatever happens.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, Asset], Decimal] = {}

    def add(self, why: str, asset: Asset, amount: Decimal) -> None:
        """Above zero: `why` got it from a customer."""
        with exact():
            self._sums[why, asset] = self._sums.get((why, asset), ZERO) + amount

    def reasons(self) -> Collection[tuple[str, Asset]]:
        """Every reason that there was, with its asset."""
        return tuple(self._sums)

    def of(self, why: str, asset: Asset) -> Decimal:
        """What this reason has got of all customers together."""
        return self._sums.get((why, asset), ZERO)

    def total(self, asset: Asset) -> Decimal:
        """Over all reasons."""
        with exact():
            return sum((amount for (_, one), amount in self._sums.items() if one == asset), ZERO)


class Wallets:
    """The wallets of one customer. Raises `DeskRefusal` where free money is not enough, `ValueError` where what is
    locked is not, or an amount is below zero: the former is a customer's doing, the latter a fault of the caller.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._balances: dict[tuple[str, Asset], DeskBalance] = {}
        self._before: dict[tuple[str, Asset], DeskBalance] = {}

    def balance(self, asset: Asset, wallet: str = TRADING) -> DeskBalance:
        """Nothing where it never held the asset."""
        return self._balances.get((wallet, asset), _NOTHING)

    def balances(self, wallet: str) -> Mapping[Asset, DeskBalance]:
        """Every asset that it ever held there."""
        return {asset: one for (where, asset), one in self._balances.items() if where == wallet}

    def hold(self, asset: Asset, amount: Decimal, wallet: str = TRADING) -> None:
        """From free to locked."""
        self.require(asset, amount, wallet)
        self._move(asset, wallet, -amount, amount)

    def require(self, asset: Asset, amount: Decimal, wallet: str = TRADING) -> None:
        """Raises `DeskRefusal` where less than that is free."""
        free = self.balance(asset, wallet).free
        if free < amount:
            raise DeskRefusal(Refusal.INSUFFICIENT_FUNDS, asset=asset, wallet=wallet, free=free, wanted=amount)

    def release(self, asset: Asset, amount: Decimal, wallet: str = TRADING) -> None:
        """From locked to free."""
        self._move(asset, wallet, amount, -amount)

    def settle(self, asset: Asset, amount: Decimal, why: str, wallet: str = TRADING) -> None:
        """Locked money leaves the account for `why`."""
        self._move(asset, wallet, ZERO, -amount)
        self._tally.add(why, asset, amount)

    def credit(self, asset: Asset, amount: Decimal, why: str, wallet: str = TRADING) -> None:
        """Money comes, free to use."""
        self._move(asset, wallet, amount, ZERO)
        self._tally.add(why, asset, -amount)

    def changed(self) -> list[tuple[str, Asset, DeskBalance, Decimal]]:
        """Every balance that differs from what it was at the last call: (wallet, asset, balance, change of the sum)."""
        result = []
        with exact():
            for (wallet, asset), before in self._before.items():
                now = self._balances[wallet, asset]
                if now != before:
                    result.append((wallet, asset, now, now.free + now.locked - before.free - before.locked))
        self._before.clear()
        return result

    def _move(self, asset: Asset, wallet: str, free: Decimal, locked: Decimal) -> None:
        key = wallet, asset
        before = self._balances.get(key, _NOTHING)
        with exact():
            after = DeskBalance(before.free + free, before.locked + locked)
        if after.free < 0 or after.locked < 0:
            raise ValueError(f"{asset} in wallet {wallet} would become {after.free} free and {after.locked} locked")
        self._before.setdefault(key, before)
        self._balances[key] = after
