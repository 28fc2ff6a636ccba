"""What changed the accounts of a run, line by line, for a tax adviser's or an accountant's books.

Enters: the verified records of a run. Leaves: lines with exact amounts, whose sums are the changes of the ledger.
Never: a value that the journal does not have: where it had no price, the value is empty.

A line is made of the ledger's own transaction, and of the record that says what it was for. A fee stands on the line of
what it was charged for; `fees_of` makes lines of the fees alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from msgspec import UNSET, UnsetType

from cryptopipe.clock import Nanos
from cryptopipe.journal.account_records import TransferCredited, TransferSent
from cryptopipe.journal.reader import Record, decode_body
from cryptopipe.journal.records import TRANSIT, WALLET, Filled, Posted, RunStarted
from cryptopipe.model.money import exact

FEES = "fees:"
LOST = "transfer_lost"
FILLS, TRANSFERS = ("buy", "sell"), ("transfer_out", "transfer_in", "transfer_fee", LOST)
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Line:
    """One change of the accounts.

    `amount` and `counter_amount` are changes of the account at `venue`, below zero what left it; `fee_amount` left it
    besides (a rebate is below zero), and is no part of them. `value` and `fee_value` are in the numeraire, without
    sign: None where the journal has no price. `transfer_fee` and `transfer_lost` concern coins that were on no account:
    their `venue` is empty, and `fee_amount` is what is gone. `order_id` and `transfer_id` are ours, `txid` the chain's;
    `record` is the number in the journal.
    """

    at: Nanos
    venue: str
    kind: str
    record: int
    instrument: str = ""
    asset: str = ""
    amount: Decimal = _ZERO
    counter_asset: str = ""
    counter_amount: Decimal | None = None
    price: Decimal | None = None
    fee_asset: str = ""
    fee_amount: Decimal | None = None
    value: Decimal | None = None
    fee_value: Decimal | None = None
    order_id: str = ""
    transfer_id: str = ""
    txid: str = ""


def lines_of(records: Iterable[Record]) -> Iterator[Line]:
    """The lines of a run, in their order. Raises `JournalError`, after the lines before the damage."""
    numeraire, fill, left = "", None, None
    for record in records:
        if record.kind == RunStarted.kind:
            numeraire = decode_body(record, RunStarted).numeraire
        elif record.kind == Filled.kind:
            fill = decode_body(record, Filled)
        elif record.kind == Posted.kind:
            if left is not None:
                yield from _split(left)
            left, posted = None, decode_body(record, Posted)
            word, _, name = posted.why.partition(" ")
            if word == "fill" and fill is not None and fill.client_id == name:
                yield _filled(record, posted, fill, numeraire)
                fill = None
            elif word in _MOVES:
                left = _moved(record, posted, word, name, numeraire)
        elif left is not None:
            yield from _split(_told(left, record))
            left = None
    if left is not None:
        yield from _split(left)


def fees_of(lines: Iterable[Line]) -> Iterator[Line]:
    """The fees of these lines, each as a line of its own with the fee as its amount."""
    for line in lines:
        if line.fee_amount and line.kind != LOST:
            kind = "transfer_fee" if line.kind in TRANSFERS else "fee"
            yield Line(
                line.at, line.venue, kind, line.record, line.instrument, line.fee_asset, -line.fee_amount,
                value=line.fee_value, order_id=line.order_id, transfer_id=line.transfer_id, txid=line.txid,
            )  # fmt: skip


def _filled(record: Record, posted: Posted, fill: Filled, numeraire: str) -> Line:
    """The market's side of the postings is the other side of ours; its first entry is what was traded."""
    (asset, base), (counter_asset, quote) = [
        (asset, -amount) for account, asset, amount in posted.entries if account.startswith("market:")
    ]
    return Line(
        record.at, fill.instrument.partition(":")[0], fill.side.value, record.n, fill.instrument, asset, base,
        counter_asset, quote, fill.price, fill.fee_asset, fill.fee,
        _value(counter_asset, quote, fill.value, numeraire),
        _value(fill.fee_asset, fill.fee, fill.fee_value, numeraire), order_id=fill.client_id,
    )  # fmt: skip


def _value(asset: str, amount: Decimal, told: Decimal | UnsetType, numeraire: str) -> Decimal | None:
    if told is not UNSET:
        assert isinstance(told, Decimal)
        return told
    return abs(amount) if asset == numeraire or not amount else None


def _moved(record: Record, posted: Posted, word: str, name: str, numeraire: str) -> Line:
    """Coins that left, came, or never will; what the record after it tells is added to it."""
    kind, sums = _MOVES[word], dict.fromkeys((WALLET, TRANSIT, FEES), _ZERO)
    venue, asset = "", posted.entries[0][1]
    with exact():
        for account, _, amount in posted.entries:
            for start in sums:
                sums[start] += amount if account.startswith(start) else _ZERO
            venue = account.removeprefix(WALLET) if account.startswith(WALLET) else venue
        # what leaves an account is told without the network's fee, which stands beside it
        amount = sums[WALLET] + (sums[FEES] if kind == "transfer_out" else _ZERO)
    fee = sums[FEES] if kind != LOST else -sums[TRANSIT]
    line = Line(record.at, venue, kind, record.n, asset=asset, amount=amount, transfer_id=name)
    with_fee = replace(line, fee_asset=asset, fee_amount=fee) if fee else line
    value, fee_value = (_value(asset, part, UNSET, numeraire) for part in (line.amount, fee))
    return replace(with_fee, value=value, fee_value=fee_value if fee else None)


def _told(line: Line, record: Record) -> Line:
    """With the transaction's id and values, if the record is about it."""
    if record.kind == TransferSent.kind and line.kind == "transfer_out":
        sent = decode_body(record, TransferSent)
        value, fee_value = (_or_none(sent.value, line.value), _or_none(sent.fee_value, line.fee_value))
        return replace(line, txid=sent.txid, value=value, fee_value=fee_value)
    if record.kind == TransferCredited.kind and line.kind == "transfer_in":
        came = decode_body(record, TransferCredited)
        return replace(line, txid=came.txid, value=_or_none(came.value, line.value))
    return line


def _split(line: Line) -> Iterator[Line]:
    """What the network kept of coins on their way left no account: it is a line of its own."""
    if line.kind != "transfer_in" or not line.fee_amount:
        yield line
        return
    yield replace(line, fee_asset="", fee_amount=None, fee_value=None)
    yield replace(line, venue="", kind="transfer_fee", amount=_ZERO, value=None)


def _or_none(told: Decimal | UnsetType, known: Decimal | None) -> Decimal | None:
    return known if isinstance(told, UnsetType) else told


_MOVES = {"transfer": "transfer_out", "credit": "transfer_in", "lost": LOST}
