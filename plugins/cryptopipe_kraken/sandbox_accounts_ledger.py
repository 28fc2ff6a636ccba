"""The ledger of the simulated Kraken: a line for every change of a balance.

Enters: an account's tape. Leaves: lines with amount, fee and balance, by REST newest first. Never: a line for money
that is only held back.

docs.kraken.com/api-reference/account-data, pages get-ledgers-info and query-ledgers; answers kept by JKorf/Kraken.Net.
An execution makes two lines with one `refid`; the fee stands in the quote currency's, beside the amount. On the desk's
tape the balances that an execution changed follow it, and a transfer stands beside those that it changed. What a
network takes of a withdrawal is a line of its own, where the venue has it as the fee of one.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from cryptopipe.api import Asset, DeskEvent, DeskFill, Nanos, exact
from cryptopipe_kraken.sandbox_accounts_door import Call
from cryptopipe_kraken.sandbox_accounts_names import DEPOSITS, LEDGER, TRADES, WITHDRAWALS, padded, seconds
from cryptopipe_kraken.sandbox_assets import asset_entry, rest_code, short_code

_PAGE = 50


class Line(msgspec.Struct, frozen=True):
    """One change; `amount` is without the fee, `balance` after both."""

    number: int
    at: Nanos
    asset: Asset
    kind: str
    refid: str
    amount: Decimal
    fee: Decimal
    balance: Decimal


class Reader:
    """Reads a tape in the order of its events, and remembers by which execution balances change."""

    def __init__(self) -> None:
        self._fill: DeskFill | None = None

    def read(self, events: Sequence[DeskEvent]) -> Iterator[Line]:
        """The lines of these events, which follow those of the last call."""
        for position, event in enumerate(events):
            if event.order is not None or event.transfer is not None:
                self._fill = event.fill
            elif event.balance is not None and event.change:
                yield self._line(event, events[position + 1 :])

    def _line(self, event: DeskEvent, later: Sequence[DeskEvent]) -> Line:
        assert event.balance is not None, "the caller looked"
        fill, fee = self._fill, Decimal(0)
        if fill is not None and event.asset in (fill.instrument.base, fill.instrument.quote):
            kind, refid = "trade", TRADES.text(fill.fill_id)
            fee = fill.fee.amount if event.asset == fill.fee.asset else fee
        else:
            kind = "deposit" if event.change > 0 else "withdrawal"
            told = next((one.transfer for one in later if one.transfer or one.order), None)
            ids = DEPOSITS if kind == "deposit" else WITHDRAWALS
            refid = ids.text(told.transfer_id) if told is not None and told.asset == event.asset else ""
        with exact():
            balance, amount = event.balance.free + event.balance.locked, event.change + fee
        return Line(event.number, event.at, event.asset, kind, refid, amount, fee, balance)


class Ledger:
    """Ledgers and QueryLedgers."""

    def listed(self, call: Call) -> object:
        """Fifty at a time: `{"ledger":{"L4UESK-KG3EQ-UFO4T5":{…}},"count":2}`."""
        wanted, kind = call.arguments.get("asset", "all"), call.arguments.get("type", "all")
        names = set(wanted.split(","))
        lines = [
            one
            for one in _lines(call)
            if (wanted in ("", "all") or names & {one.asset, rest_code(one.asset), short_code(one.asset)})
            and kind in ("", "all", one.kind)
        ]
        start = call.count("ofs", 0)
        page = list(reversed(lines))[start : start + _PAGE]
        return {"ledger": {LEDGER.text(one.number): _entry(one) for one in page}, "count": len(lines)}

    def queried(self, call: Call) -> object:
        """By `id`, up to twenty."""
        wanted = {LEDGER.number(name.strip()) for name in call.need("id").split(",")}
        return {LEDGER.text(one.number): _entry(one) for one in _lines(call) if one.number in wanted}


def _lines(call: Call) -> list[Line]:
    return list(Reader().read(call.account.events(0)))


def _entry(one: Line) -> dict[str, Any]:
    places = int(asset_entry(one.asset)["decimals"])
    return {
        "refid": one.refid,
        "time": seconds(one.at),
        "type": one.kind,
        "subtype": "",
        "aclass": "currency",
        "asset": rest_code(one.asset),
        "wallet": "spot / main",
        "amount": padded(one.amount, places),
        "fee": padded(one.fee, places),
        "balance": padded(one.balance, places),
    }
