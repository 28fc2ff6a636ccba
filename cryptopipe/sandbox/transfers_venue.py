"""One simulated venue's side of transfers: its wallets as they are now, how long it takes, and what it refuses.

Enters: the venue's currencies with their networks, its `processing` parameters, a request to withdraw. Leaves: a fee,
a delay, a wallet's state, or a `DeskRefusal`. Never: a customer's money, a clock.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from math import exp
from random import Random

import msgspec

from cryptopipe.clock import SECOND, Nanos
from cryptopipe.model.desk import DeskRefusal, Refusal
from cryptopipe.model.facts import Asset, Currency, Network, VenueId, ceil_to
from cryptopipe.model.money import exact
from cryptopipe.sandbox.chain_addresses import chains_of, may_be_address
from cryptopipe.sandbox.chain_parameters import Delay, Processing

DAY: Nanos = 86_400 * SECOND
ZERO = Decimal(0)
DIGITS = 30
DEPOSITS = "deposits"
WITHDRAWALS = "withdrawals"


class Wanted(msgspec.Struct, frozen=True):
    """A withdrawal as it is asked for; `amount` with the fee in it."""

    asset: Asset
    network: Network
    address: str
    memo: str
    amount: Decimal
    wallet: str


def chain_name(network: Network) -> str:
    """The chain of a network; one that the identity table does not know is taken by the venue's own word for it."""
    return network.chain or network.code.casefold()


class VenueWallets:
    """`shut` gives what is suspended of what the currencies say is open: (asset, code of the network, `deposits` or
    `withdrawals`); another may be put in its place.
    """

    def __init__(
        self,
        venue: VenueId,
        currencies: Sequence[Currency],
        processing: Processing,
        dollars: Callable[[Asset], Decimal],
    ) -> None:
        self.venue = venue
        self.processing = processing
        self._currencies = currencies
        self._dollars = dollars
        own: set[tuple[Asset, str, str]] = set()
        self.shut: Callable[[], set[tuple[Asset, str, str]]] = lambda: own

    def currencies(self) -> Sequence[Currency]:
        """With each network's deposits and withdrawals as they are now, yes or no."""
        return [
            msgspec.structs.replace(one, networks=tuple(self._as_now(one.asset, network) for network in one.networks))
            for one in self._currencies
        ]

    def network(self, asset: Asset, code: str) -> Network:
        """As it is now. Raises `DeskRefusal`: UNKNOWN_ASSET, UNKNOWN_NETWORK."""
        known = [one for one in self._currencies if one.asset == asset]
        if not known:
            raise DeskRefusal(Refusal.UNKNOWN_ASSET, asset=asset)
        for network in (network for one in known for network in one.networks):
            if network.code == code:
                return self._as_now(asset, network)
        raise DeskRefusal(Refusal.UNKNOWN_NETWORK, asset=asset, network=code)

    def taking(self, asset: Asset, chain: str) -> Network | None:
        """The network by which it takes in this asset on this chain, suspended or not; None if it never does."""
        found = (net for one in self._currencies if one.asset == asset for net in one.networks)
        return next((self._as_now(asset, network) for network in found if chain_name(network) == chain), None)

    def suspend(self, asset: Asset | None, code: str | None, deposits: bool, withdrawals: bool) -> None:
        """Of one asset or all, one network or all."""
        self.shut().update(self._named(asset, code, deposits, withdrawals))

    def resume(self, asset: Asset | None, code: str | None, deposits: bool, withdrawals: bool) -> None:
        """What `suspend` shut."""
        self.shut().difference_update(self._named(asset, code, deposits, withdrawals))

    def fee(self, network: Network, amount: Decimal) -> Decimal:
        """Of a withdrawal of `amount`, itself in it: the fixed part, and the rate of what is beside that, rounded up to
        what the network can carry. What the venue does not state is free.
        """
        fixed, rate = network.withdrawal_fee or ZERO, network.withdrawal_fee_rate or ZERO
        with exact():
            fee = fixed + rate * max(ZERO, amount - fixed)
        places = network.precision
        return fee if places is None or not rate else ceil_to(Decimal(1).scaleb(-places), fee)

    def dollars(self, asset: Asset, amount: Decimal) -> Decimal:
        """What an amount is taken to be worth for limits: by the price at which the simulated market begins."""
        with exact():
            return self._dollars(asset) * amount

    def check(self, wanted: Wanted, listed: bool, sent_today: Decimal) -> None:
        """Raises `DeskRefusal` for what this venue does not send. `listed`: the account's book has the address;
        `sent_today` is what it sent in the last 24 hours, in dollars.
        """
        rule, network = self.processing, wanted.network
        refuse_number(wanted.amount)
        if wanted.wallet != rule.withdraw_from:
            raise DeskRefusal(Refusal.WRONG_WALLET, wallet=wanted.wallet, required=rule.withdraw_from)
        if not network.withdrawals:
            raise DeskRefusal(Refusal.WALLET_SUSPENDED, asset=wanted.asset, network=network.code)
        self._check_target(wanted)
        self._check_amount(wanted)
        worth = self.dollars(wanted.asset, wanted.amount)
        if rule.address_book == "required" and not listed:
            raise DeskRefusal(Refusal.ADDRESS_NOT_LISTED, address=wanted.address)
        if rule.travel_rule_usd and worth > Decimal(rule.travel_rule_usd) and not listed:
            raise DeskRefusal(Refusal.TRAVEL_RULE, worth=worth, above=rule.travel_rule_usd, address=wanted.address)
        if sent_today + worth > Decimal(rule.daily_usd):
            raise DeskRefusal(Refusal.ABOVE_MAXIMUM, daily_usd=rule.daily_usd, sent_usd=sent_today, worth_usd=worth)

    def _check_target(self, wanted: Wanted) -> None:
        chain = chain_name(wanted.network)
        if not may_be_address(chain, wanted.address):
            meant = sorted(chains_of(wanted.address))
            raise DeskRefusal(Refusal.BAD_ADDRESS, address=wanted.address, chain=chain, chains_of_it=meant)
        if wanted.network.memo and not wanted.memo:
            raise DeskRefusal(Refusal.MEMO_MISSING, network=wanted.network.code, address=wanted.address)

    def _check_amount(self, wanted: Wanted) -> None:
        amount, network = wanted.amount, wanted.network
        if network.precision is not None and _places(amount) > network.precision:
            raise DeskRefusal(Refusal.AMOUNT_GRID, amount=amount, places=network.precision)
        fee = self.fee(network, amount)
        least = network.min_withdrawal or ZERO
        if amount <= fee or amount < least:
            raise DeskRefusal(Refusal.BELOW_MINIMUM, amount=amount, minimum=least, fee=fee)
        if network.max_withdrawal is not None and amount > network.max_withdrawal:
            raise DeskRefusal(Refusal.ABOVE_MAXIMUM, amount=amount, maximum=network.max_withdrawal)

    def _as_now(self, asset: Asset, network: Network) -> Network:
        shut = self.shut()
        taken_in, sent = (
            stated is not False and (asset, network.code, way) not in shut
            for stated, way in ((network.deposits, DEPOSITS), (network.withdrawals, WITHDRAWALS))
        )
        return msgspec.structs.replace(network, deposits=taken_in, withdrawals=sent)

    def _named(
        self, asset: Asset | None, code: str | None, deposits: bool, withdrawals: bool
    ) -> set[tuple[Asset, str, str]]:
        ways = [way for way, meant in ((DEPOSITS, deposits), (WITHDRAWALS, withdrawals)) if meant]
        return {
            (one.asset, network.code, way)
            for one in self._currencies
            if asset in (None, one.asset)
            for network in one.networks
            if code in (None, network.code)
            for way in ways
        }


def refuse_number(amount: Decimal) -> None:
    """Raises `DeskRefusal` AMOUNT_GRID for what no venue reads as an amount: no finite number, or one with more digits
    before or behind the point than any asset has.
    """
    if not amount.is_finite() or _places(amount) > DIGITS or amount.adjusted() >= DIGITS:
        raise DeskRefusal(Refusal.AMOUNT_GRID, amount=amount, places=DIGITS)


def sends_at(processing: Processing, asked_at: Nanos, random: Random) -> Nanos:
    """When a withdrawal leaves that was asked for at a moment: its reviews, the hot wallet, the next batch."""
    wait = drawn(processing.review, random)
    manual, refill, stuck = random.random(), random.random(), random.random()
    extra = drawn(processing.manual_review, random), drawn(processing.refill_wait, random)
    if manual < processing.manual:
        wait += extra[0]
    if refill < processing.refill:
        wait += extra[1]
    if stuck < processing.stuck:
        wait += round(processing.stuck_s * SECOND)
    at, batch = asked_at + wait, round(processing.batch_s * SECOND)
    return at if not batch else -(-at // batch) * batch


def drawn(delay: Delay, random: Random) -> Nanos:
    """A lognormal wait: its mean is median · exp(spread²/2)."""
    return round(delay.median_s * exp(delay.spread * random.gauss(0, 1)) * SECOND)


def _places(amount: Decimal) -> int:
    """Without zeros at the end."""
    _, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int), f"an amount is finite: {amount}"
    zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    return max(0, -exponent - zeros)
