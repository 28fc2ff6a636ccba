"""What it takes to move coins from one venue's account to another's: each side's terms, and the route both allow.

Enters: what venues and plugins state. Leaves: frozen terms and routes, with what of an amount arrives. Never: an
unknown that counts as allowed, or an amount that arrives larger than the venue's own rounding lets it.
"""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from cryptopipe.model.facts import Asset, Network, VenueId, ceil_to, floor_to
from cryptopipe.model.money import exact, plain


class WalletMove(msgspec.Struct, frozen=True):
    """Between two wallets of one account, by the venue's names for them."""

    source: str
    target: str


class CustodyTerms(msgspec.Struct, frozen=True):
    """What a venue asks of an account before coins leave it or count as its own; None is what nobody stated.

    `address_book`: withdrawals go to addresses of its book alone. `travel_rule`: above so many dollars the receiving
    party must be known to it, 0 never. `daily_limit`: dollars that may leave in 24 hours. `trades_from`,
    `withdraws_from` and `credits_to`: the wallets of orders, withdrawals and deposits, by the venue's names; the same
    three times where there is one. `hold_minutes`: from the credit until the coins may be sold.
    """

    source: str
    as_of: str
    address_book: bool | None = None
    travel_rule: Decimal | None = None
    daily_limit: Decimal | None = None
    trades_from: str | None = None
    withdraws_from: str | None = None
    credits_to: str | None = None
    hold_minutes: Decimal | None = None

    @property
    def move_out(self) -> WalletMove | None:
        """What comes before a withdrawal."""
        return _move(self.trades_from, self.withdraws_from)

    @property
    def move_in(self) -> WalletMove | None:
        """What comes after a credit."""
        return _move(self.credits_to, self.trades_from)


def _move(source: str | None, target: str | None) -> WalletMove | None:
    return None if source is None or target is None or source == target else WalletMove(source, target)


class TransferRoute(msgspec.Struct, frozen=True):
    """A network over which `asset` may go from `source` to `target` now: how the one calls it (`out`, `code`), and the
    other (`into`, `target_code`). `daily_limit` and `travel_rule` in dollars; 0 of the latter: never asked, or the
    party is known. `move_out` and `move_in`: what has to be moved between wallets before and after.
    """

    asset: Asset
    source: VenueId
    target: VenueId
    code: str
    target_code: str
    out: Network
    into: Network
    daily_limit: Decimal
    travel_rule: Decimal
    hold_minutes: Decimal
    move_out: WalletMove | None = None
    move_in: WalletMove | None = None

    @property
    def chain(self) -> str:
        """The identity table's name."""
        return self.out.chain

    def fee(self, amount: Decimal) -> Decimal:
        """What the sending venue keeps of `amount`: its fixed part, and its share of the rest, rounded up."""
        with exact():
            fixed, rate = self.out.withdrawal_fee or Decimal(0), self.out.withdrawal_fee_rate or Decimal(0)
            share = (amount - fixed) * rate
            if share > 0 and self.out.precision is not None:
                share = ceil_to(Decimal(1).scaleb(-self.out.precision), share)
            return fixed + max(Decimal(0), share)

    def sendable(self, held: Decimal) -> Decimal:
        """The most that may be sent of what is held: on the network's decimal places, at most its maximum."""
        most = held if self.out.max_withdrawal is None else min(held, self.out.max_withdrawal)
        return most if self.out.precision is None else floor_to(Decimal(1).scaleb(-self.out.precision), most)

    def arrives(self, amount: Decimal) -> Decimal:
        """What is credited of `amount`."""
        with exact():
            return amount - self.fee(amount)

    def problem(self, amount: Decimal, dollars: Decimal | None, sent_today: Decimal = Decimal(0)) -> str:
        """Why `amount`, worth so many dollars (None: nobody knows), cannot be sent; empty if it can. `sent_today` is
        what left the account in the last 24 hours, in dollars.
        """
        if self.sendable(amount) != amount:
            return f"{plain(amount)} {self.asset} has more places than {self.chain} takes, or is above its maximum"
        arriving = self.arrives(amount)
        least = max(self.out.min_withdrawal or Decimal(0), Decimal(0))
        if amount < least or arriving <= 0:
            fee = plain(self.fee(amount))
            return (
                f"{plain(amount)} {self.asset} is below the minimum of {plain(least)}, or no more than the fee of {fee}"
            )
        if self.into.min_deposit is not None and arriving < self.into.min_deposit:
            return f"{plain(arriving)} {self.asset} is below the least deposit of {plain(self.into.min_deposit)}"
        if dollars is None:
            return (
                f"nobody knows what {self.asset} is worth in dollars, and {self.source} limits withdrawals in dollars"
            )
        if sent_today + dollars > self.daily_limit:
            return (
                f"{dollars + sent_today:.0f} dollars in a day, of {plain(self.daily_limit)} that {self.source} lets out"
            )
        if self.travel_rule and dollars > self.travel_rule:
            return f"above {plain(self.travel_rule)} dollars {self.source} must know the receiving party (Travel Rule)"
        return ""


class Closed(NamedTuple):
    """A chain that is no route now, and why."""

    chain: str
    why: str


class Routes(NamedTuple):
    """What is open, and what is not."""

    open: tuple[TransferRoute, ...]
    closed: tuple[Closed, ...]

    @property
    def why(self) -> str:
        """Why nothing is open, in one line."""
        return "; ".join(f"{one.chain}: {one.why}" if one.chain else one.why for one in self.closed)
