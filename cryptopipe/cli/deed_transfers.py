"""A move between wallets, or a withdrawal to another venue's account, by hand.

Enters: accounts, an amount, where from, where to. Leaves: a plan with network, address, fee and what arrives; what came
of it. Never: a chain that one side does not state to be open, an address that the receiving venue did not just tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from cryptopipe.cli.accounts import Accounts
from cryptopipe.cli.deeds import Deeded, asked_once, recorded
from cryptopipe.drivers.errand import Errands
from cryptopipe.drivers.stop import Stop, stop_on_interrupt
from cryptopipe.errors import CryptopipeError, UsageError
from cryptopipe.journal.account_records import TransferIntended
from cryptopipe.market.routes import agree, shut
from cryptopipe.model.actions import FetchAddress, FetchCurrencies, ListTransfers, MoveFunds, Withdraw
from cryptopipe.model.facts import Asset, Currency, Network, VenueId
from cryptopipe.model.money import exact, plain
from cryptopipe.model.outcomes import Accepted, NotFound, Outcome, Refused, TransferReport, TransferState

LOOK_EVERY_S = 5
"""Between two looks at a transfer that is waited for: what venues let one ask in a minute lasts for that."""


@dataclass(frozen=True)
class Move:
    """A plan of one move between two wallets of a venue."""

    accounts: Accounts
    action: MoveFunds

    def lines(self) -> Sequence[str]:
        """One line."""
        one = self.action
        return [f"move {plain(one.amount)} {one.code} at {one.venue} from {one.source} to {one.target}"]

    def document(self) -> dict[str, Any]:
        """The same as facts."""
        one = self.action
        return {
            "act": "transfer",
            "venue": one.venue,
            "asset": one.code,
            "amount": plain(one.amount),
            "from": one.source,
            "to": one.target,
            "client_id": one.client_id,
        }

    def do(self, data_dir: Path) -> Deeded:
        """Ask for it once."""
        one = self.action
        with recorded(data_dir, self.lines()[0]) as record:
            record.intend(TransferIntended(one.client_id, one.venue, one.code, one.amount, one.target))
            with self.accounts.asked(record.heard) as errands, asked_once("move", one.client_id):
                return _answered(errands.ask(one))


@dataclass(frozen=True)
class Way:
    """A network that both venues have open: how the one calls it, and how the other does."""

    asset: Asset
    out: Network
    into: Network

    @property
    def shut(self) -> str:
        """Why coins cannot go by it; empty if they can."""
        return shut(self.asset, self.out, self.into)

    def fee(self, amount: Decimal) -> Decimal:
        """What the sending venue keeps of a withdrawal: its fixed part, and its share where it states one."""
        with exact():
            return (self.out.withdrawal_fee or Decimal(0)) + amount * (self.out.withdrawal_fee_rate or Decimal(0))


@dataclass(frozen=True)
class Send:
    """A plan of one withdrawal to an address that the receiving venue told for our account."""

    accounts: Accounts
    action: Withdraw
    way: Way
    target: VenueId
    wait: bool

    @property
    def arrives(self) -> Decimal:
        """What is left of the amount after the sending venue's fee."""
        with exact():
            return self.action.amount - self.way.fee(self.action.amount)

    def lines(self) -> Sequence[str]:
        """Three lines."""
        one, out, into = self.action, self.way.out, self.way.into
        fee = plain(self.way.fee(one.amount))
        after = "" if into.confirmations is None else f", credited after {into.confirmations} confirmations"
        return [
            f"withdraw {plain(one.amount)} {one.code} from {one.venue} to {self.target} over {out.chain or out.code}",
            f"  fee {fee} {one.code}: {plain(self.arrives)} arrive{after}",
            f"  to {one.address}" + (f", memo {one.memo}" if one.memo else ""),
        ]

    def document(self) -> dict[str, Any]:
        """The same as facts."""
        one, out = self.action, self.way.out
        return {
            "act": "withdraw",
            "venue": one.venue,
            "target": self.target,
            "asset": one.code,
            "amount": plain(one.amount),
            "network": out.code,
            "chain": out.chain,
            "fee": plain(self.way.fee(one.amount)),
            "arrives": plain(self.arrives),
            "address": one.address,
            "memo": one.memo,
            "confirmations": self.way.into.confirmations,
            "client_id": one.client_id,
        }

    def do(self, data_dir: Path) -> Deeded:
        """Ask for it once; with `wait`, look until it is credited."""
        one = self.action
        intent = TransferIntended(
            one.client_id, one.venue, one.code, one.amount, self.target, one.network, one.address, one.memo
        )  # fmt: skip
        with recorded(data_dir, self.lines()[0]) as record:
            record.intend(intent)
            with self.accounts.asked(record.heard) as errands:
                with asked_once("withdrawal", one.client_id):
                    asked = _answered(errands.ask(one))
                return self._awaited(errands, asked) if asked.done and self.wait else asked

    def _awaited(self, errands: Errands, asked: Deeded) -> Deeded:
        """Until it is credited at the receiving venue, or failed at the sending one."""
        with stop_on_interrupt() as stop:
            return self._looked_for(errands, asked, stop)

    def _looked_for(self, errands: Errands, asked: Deeded, stop: Stop) -> Deeded:
        transfer_id = asked.facts["id"]
        click.echo(f"{asked.words[0]}; waiting for the credit, Ctrl-C leaves it alone", err=True)
        why = ""
        while not stop.requested:
            try:
                if (end := self._end(errands, asked, transfer_id)) is not None:
                    return end
            except CryptopipeError as error:  # the withdrawal goes on, whether or not its venue answers
                if str(error) != why:
                    why = str(error)
                    click.echo(f"cannot look: {why}", err=True)
            stop.wait(LOOK_EVERY_S)
        return Deeded(True, [*asked.words, "not waited for any longer"], asked.facts)

    def _end(self, errands: Errands, asked: Deeded, transfer_id: str) -> Deeded | None:
        one = self.action
        sent = errands.told(ListTransfers(one.venue, deposits=False, code=one.code))
        own = next((line for line in sent.transfers if line.transfer_id == transfer_id), None)
        if own is not None and own.state in (TransferState.FAILED, TransferState.CANCELLED):
            return Deeded(False, [f"the withdrawal {own.state.value}"], asked.facts)
        if own is not None and own.txid:
            came = errands.told(ListTransfers(self.target, deposits=True, code=one.code))
            credit = next((line for line in came.transfers if line.txid == own.txid), None)
            if credit is not None and credit.state is TransferState.DONE:
                return self._credited(asked, credit)
        return None

    def _credited(self, asked: Deeded, credit: TransferReport) -> Deeded:
        words = [*asked.words, f"credited at {self.target}: {plain(credit.amount)} {self.action.code}, {credit.txid}"]
        return Deeded(True, words, {**asked.facts, "credited": plain(credit.amount), "txid": credit.txid})


def move(accounts: Accounts, amount: Decimal, asset: str, source: str, target: str) -> Move:
    """The plan. Raises `UsageError` unless it is one venue's."""
    if len(accounts.codecs) != 1:
        raise UsageError(f"one venue's wallets, not those of {', '.join(accounts.codecs)}", where="--venues")
    venue = next(iter(accounts.codecs))
    return Move(accounts, MoveFunds(venue, asset, amount, source, target, str(uuid4())))


def send(
    accounts: Accounts, amount: Decimal, asset: str, source: str, target: str, network: str | None, wait: bool
) -> Send:
    """The plan, by the cheapest network that both venues have open, or the one that is named by its chain or by the
    sending venue's word. Raises `UsageError` where there is none, `VenueError`.
    """
    missing = [name for name in (source, target) if name not in accounts.codecs]
    if missing or source == target:
        raise UsageError(f"two venues that can be asked, not {source} and {target}", where="--from and --to")
    out_of, into = VenueId(source), VenueId(target)

    with accounts.asked() as errands:
        here, there = (_currency(errands, venue, asset) for venue in (out_of, into))
        way = cheapest(here, there, network, amount)
        address = errands.told(FetchAddress(into, there.code, way.into.code)).address
    if address is None:
        raise UsageError(f"{into} told no address for {asset} over {way.into.code}", where="--to")
    action = Withdraw(out_of, here.code, way.out.code, address.address, amount, str(uuid4()), address.memo)
    return Send(accounts, action, way, into, wait)


def _currency(errands: Errands, venue: VenueId, asset: str) -> Currency:
    told = errands.told(FetchCurrencies(venue))
    found = next((one for one in told.currencies if one.asset == asset), None)
    if found is None:
        raise UsageError(f"{venue} has no {asset}", where="ASSET")
    return found


def cheapest(out: Currency, into: Currency, network: str | None, amount: Decimal) -> Way:
    """Unknown is closed, and a fee that nobody stated is not zero."""
    pairs = [Way(out.asset, a, b) for a in out.networks for b in into.networks if a.chain]
    ways = [way for way in pairs if way.out.chain == way.into.chain and agree(out.asset, way.out, way.into)]
    named = [way for way in ways if network in (None, way.out.chain, way.out.code)]
    if not named:
        chains = ", ".join(sorted({way.out.chain for way in ways})) or "none"
        message = f"{out.venue} and {into.venue} have no {network or 'network'} in common for {out.asset}"
        raise UsageError(f"{message}; in common: {chains}", where="--network")
    open_ones = [way for way in named if not way.shut]
    if not open_ones:
        why = ", ".join(f"{way.out.chain}: {way.shut}" for way in named)
        raise UsageError(f"no way from {out.venue} to {into.venue} is open: {why}", where="--network")
    best = min(open_ones, key=lambda way: (way.fee(amount), way.out.chain))
    least = max(best.out.min_withdrawal or Decimal(0), best.into.min_deposit or Decimal(0))
    fee = best.fee(amount)
    if amount < least or amount <= fee:
        needed = f"at least {plain(least)} {out.asset} over {best.out.chain}, and more than its fee of {plain(fee)}"
        raise UsageError(f"{needed}, not {plain(amount)}", where="AMOUNT")
    return best


def _answered(outcome: Outcome) -> Deeded:
    match outcome:
        case Accepted(venue_id=venue_id, state=state):
            return Deeded(True, [f"accepted as {venue_id} {state}".rstrip()], {"id": venue_id, "state": state})
        case Refused(code=code, reason=reason) | NotFound(code=code, reason=reason):
            return Deeded(False, [f"refused: {code} {reason}".strip()], {"code": code, "reason": reason})
        case _:
            raise AssertionError(f"a deed is accepted or refused, not {outcome!r}")
