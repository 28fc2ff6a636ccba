"""The double-entry books of a run, added up again from its postings.

Enters: opening balances, postings, what the run said at its end. Leaves: opening and closing by venue and asset, and
every place where the books do not balance. Never: a figure taken over from the run without being recomputed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from cryptopipe.journal.records import EQUITY, TRANSIT, WALLET
from cryptopipe.model.money import exact, plain

Holding = tuple[str, str]
"""Venue and asset."""

Posting = tuple[int, str, str, Decimal]
"""Transaction, account, asset, amount."""

_ZERO = Decimal(0)


@dataclass
class Books:
    """A run's wallets, what was on its way by asset when it ended, and `faults`: empty if everything balances."""

    opening: dict[Holding, Decimal] = field(default_factory=dict)
    closing: dict[Holding, Decimal] = field(default_factory=dict)
    in_flight: dict[str, Decimal] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def change(self, holding: Holding) -> Decimal:
        """What the run added to a wallet."""
        with exact():
            return self.closing.get(holding, _ZERO) - self.opening.get(holding, _ZERO)


def add_up(
    postings: Iterable[Posting],
    stated_opening: dict[Holding, Decimal],
    stated_closing: dict[Holding, Decimal] | None,
) -> Books:
    """Add a run's postings up.

    A transaction with an entry on `equity` books opening balances; a run that has none opens with what its first
    record states. `stated_closing` None: the run was cut off, and nothing is there to compare with.
    """
    books = Books()
    transactions: dict[int, list[tuple[str, str, Decimal]]] = {}
    for transaction, account, asset, amount in postings:
        transactions.setdefault(transaction, []).append((account, asset, amount))
    with exact():
        for transaction, entries in transactions.items():
            _check_balance(books, transaction, entries)
            opens = any(account == EQUITY for account, _, _ in entries)
            for account, asset, amount in entries:
                if account.startswith(WALLET):
                    holding = account.removeprefix(WALLET), asset
                    if opens:
                        _add(books.opening, holding, amount)
                    _add(books.closing, holding, amount)
                elif account.startswith(TRANSIT):
                    books.in_flight[asset] = books.in_flight.get(asset, _ZERO) + amount
        if not any(account == EQUITY for entries in transactions.values() for account, _, _ in entries):
            for holding, amount in stated_opening.items():
                _add(books.opening, holding, amount)
                _add(books.closing, holding, amount)
    _compare(
        books, "opening", books.opening, {key: stated_opening[key] for key in books.opening & stated_opening.keys()}
    )
    if stated_closing is not None:
        everything = books.closing.keys() | stated_closing.keys()
        _compare(books, "closing", books.closing, {key: stated_closing.get(key, _ZERO) for key in everything})
    return books


def _add(amounts: dict[Holding, Decimal], holding: Holding, amount: Decimal) -> None:
    amounts[holding] = amounts.get(holding, _ZERO) + amount


def _check_balance(books: Books, transaction: int, entries: list[tuple[str, str, Decimal]]) -> None:
    sums: dict[str, Decimal] = {}
    for _, asset, amount in entries:
        sums[asset] = sums.get(asset, _ZERO) + amount
    for asset, total in sums.items():
        if total:
            books.faults.append(f"transaction {transaction} sums to {plain(total)} {asset}, not to 0")


def _compare(books: Books, what: str, found: dict[Holding, Decimal], stated: dict[Holding, Decimal]) -> None:
    for (venue, asset), amount in sorted(stated.items()):
        ours = found.get((venue, asset), _ZERO)
        if ours != amount:
            books.faults.append(
                f"{what} balance of {asset} at {venue}: {plain(ours)} by the postings, {plain(amount)} as stated"
            )
