"""By which networks coins of an asset may go from one venue to another now, and why not by the others.

Enters: both venues' currencies and terms as they are told now, which addresses are in whose book. Leaves: open routes,
and the reason for each chain that is none. Never: a route whose existence rests on something that nobody stated.
"""

from collections.abc import Callable
from decimal import Decimal

from cryptopipe.model.custody import Closed, CustodyTerms, Routes, TransferRoute
from cryptopipe.model.facts import Asset, Currency, Network
from cryptopipe.model.identity import contract_on, owner_of

InBook = Callable[[str], bool]
"""Whether the address book of the source has our address at the target, by the chain's name."""


def routes(
    out: Currency | None,
    into: Currency | None,
    source: CustodyTerms | None,
    target: CustodyTerms | None,
    in_book: InBook,
) -> Routes:
    """Over each network that both sides name by a chain that the identity table knows. `out` and `into` are what the
    venues tell of one asset, None where they told nothing.
    """
    if out is None or into is None:
        return Routes((), (Closed("", "networks are not told by " + ("the source" if out is None else "the target")),))
    if out.asset != into.asset or out.venue == into.venue:
        return Routes((), (Closed("", f"{out.asset} on {out.venue} is not {into.asset} on {into.venue}"),))
    pairs = [(a, b) for a in out.networks for b in into.networks if a.chain and a.chain == b.chain]
    found, closed = [], []
    for a, b in pairs:
        why = shut(out.asset, a, b) or _terms(source, target, a.chain, in_book)
        if why:
            closed.append(Closed(a.chain, why))
        else:
            assert source is not None and target is not None, "terms that are not stated shut the route"
            found.append(_route(out, into, a, b, source, target, in_book))
    if not pairs:
        closed.append(Closed("", f"{out.venue} and {into.venue} have no chain in common for {out.asset}"))
    return Routes(tuple(found), tuple(closed))


def shut(asset: Asset, out: Network, into: Network) -> str:
    """Why coins cannot go by this pair of networks of one chain now; empty if they can."""
    if not agree(asset, out, into):
        return f"contract {out.contract or 'none stated'} there, {into.contract or 'none stated'} here"
    if not out.withdrawals:
        return "withdrawals are " + ("not told to be open" if out.withdrawals is None else "suspended")
    if not into.deposits:
        return "deposits are " + ("not told to be open" if into.deposits is None else "suspended")
    return "its fee is not told" if out.withdrawal_fee is None else ""


def agree(asset: Asset, out: Network, into: Network) -> bool:
    """Whether both mean the same contract. Where one side states none: the chain's own coin, or the contract that the
    table of assets knows to be this asset's there.
    """
    one, other = (None if n.contract is None else contract_on(n.chain, n.contract) for n in (out, into))
    if one == other or {one, other} == {None, ""}:
        return True
    stated = [each for each in (one, other) if each is not None]
    return len(stated) == 1 and owner_of(out.chain, stated[0]) == asset


def _terms(source: CustodyTerms | None, target: CustodyTerms | None, chain: str, in_book: InBook) -> str:
    """What of the venues' terms forbids it, or is not known."""
    if source is None or target is None:
        return "the terms of custody are not known of " + ("the source" if source is None else "the target")
    unknown = [
        name
        for name, value in (
            ("whether it asks for an address book", source.address_book),
            ("from which amount it applies the Travel Rule", source.travel_rule),
            ("its daily limit", source.daily_limit),
            ("from which wallet it sends", source.withdraws_from),
            ("to which wallet the target credits", target.credits_to),
            ("the wallet that orders are paid from at the source", source.trades_from),
            ("the wallet that orders are paid from at the target", target.trades_from),
            ("how long the target holds deposits", target.hold_minutes),
        )
        if value is None
    ]
    if unknown:
        return "not known: " + ", ".join(unknown)
    if source.address_book and not in_book(chain):
        return "the address is not in the source's address book"
    return ""


def _route(
    out: Currency, into: Currency, a: Network, b: Network, source: CustodyTerms, target: CustodyTerms, in_book: InBook
) -> TransferRoute:
    limit, rule, hold = source.daily_limit, source.travel_rule, target.hold_minutes
    assert limit is not None and rule is not None and hold is not None
    known_party = Decimal(0) if in_book(a.chain) else rule
    return TransferRoute(
        out.asset, out.venue, into.venue, out.code, into.code, a, b, limit, known_party, hold,
        source.move_out, target.move_in,
    )  # fmt: skip
