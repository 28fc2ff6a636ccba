"""Moves between the wallets of a simulated Binance account, and what the wallets hold.

Enters: a caller whose signature was good, parameters. Leaves: results in the venue's fields, or its refusals. Never: a
wallet but the spot and the funding one.

developers.binance.com "Wallet", "User Universal Transfer", "Funding Wallet", "User Asset", as their answers are kept by
JKorf/Binance.Net's tests (2026-07).
"""

from cryptopipe.api import FUNDING, TRADING, Asset, DeskRefusal, plain
from cryptopipe_binance.sandbox_account import Asked
from cryptopipe_binance.sandbox_private_words import IN_A_MOVE, decimal, refuse, whole
from cryptopipe_binance.sandbox_rest import Wrong, mandatory
from cryptopipe_binance.sandbox_ticker import Fields
from cryptopipe_binance.sandbox_wire import millis

_WALLETS = {"MAIN": TRADING, "FUNDING": FUNDING}


def move(one: Asked) -> Fields:
    """Between the spot and the funding wallet."""
    source, _, target = mandatory(one.query, "type").partition("_")
    if source not in _WALLETS or target not in _WALLETS or source == target:
        raise Wrong(-1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed.")
    asset, amount = mandatory(one.query, "asset"), decimal(one.query, "amount")
    if not amount:
        raise Wrong(-1102, "Mandatory parameter 'amount' was not sent, was empty/null, or malformed.")
    try:
        made = one.account.move(Asset(asset), amount, _WALLETS[source], _WALLETS[target])
    except DeskRefusal as refusal:
        refuse(refusal, IN_A_MOVE)
    return {"tranId": made.move_id}


def moves(one: Asked) -> Fields:
    """Those of one type, newest first, by page."""
    kind = mandatory(one.query, "type")
    names = {wallet: name for name, wallet in _WALLETS.items()}
    found = [each for each in one.account.moves() if f"{names[each.source]}_{names[each.target]}" == kind]
    size, page = whole(one.query, "size") or 10, whole(one.query, "current") or 1
    rows = [
        {"asset": each.asset, "amount": plain(each.amount), "type": kind, "status": "CONFIRMED",
         "tranId": each.move_id, "timestamp": millis(each.at)}
        for each in reversed(found)
    ]  # fmt: skip
    return {"total": len(rows), "rows": rows[size * (page - 1) : size * page]}


def funding(one: Asked) -> list[Fields]:
    """What the funding wallet holds."""
    wanted = one.query.get("asset")
    return [
        {"asset": asset, "free": plain(has.free), "locked": plain(has.locked), "freeze": "0", "withdrawing": "0",
         "btcValuation": "0"}
        for asset, has in one.account.balances(FUNDING).items()
        if (has.free or has.locked) and wanted in (None, asset)
    ]  # fmt: skip


def held(one: Asked) -> list[Fields]:
    """What the spot wallet holds."""
    wanted = one.query.get("asset")
    return [
        {"asset": asset, "free": plain(has.free), "locked": plain(has.locked), "freeze": "0", "withdrawing": "0",
         "ipoable": "0", "btcValuation": "0"}
        for asset, has in one.account.balances().items()
        if (has.free or has.locked) and wanted in (None, asset)
    ]  # fmt: skip
