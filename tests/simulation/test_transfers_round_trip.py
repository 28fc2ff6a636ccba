"""Buy at one venue, withdraw, arrive, sell at the other: every amount reconciled to the last unit.

What is expected is added up from the fills, the transfers and the networks' stated fees; the balances, the tapes and
the ledger of coins must agree with it.
"""

from decimal import Decimal
from itertools import permutations

import pytest
from msgspec.structs import replace
from simulation.arena import START
from simulation.bitfoo_trading import trading
from simulation.transfers_bench import Days

from cryptopipe.clock import SECOND
from cryptopipe.model.desk import FUNDING, TRADING, NewOrder, OrderStatus, TransferStatus
from cryptopipe.model.facts import Asset, Currency, Network, Side, VenueId, floor_to
from cryptopipe.model.money import exact
from cryptopipe.registry import exchanges
from cryptopipe.sandbox.accounts import Account
from cryptopipe.sandbox.accounts_wallets import Tally, Wallets
from cryptopipe.sandbox.chain_parameters import Delay
from cryptopipe.sandbox.parameters import Parameters
from cryptopipe.sandbox.transfers import Custody
from cryptopipe.sandbox.transfers_coins import Place
from cryptopipe.sandbox.transfers_venue import chain_name
from cryptopipe.sandbox.world import World

D = Decimal
EAST, WEST = VenueId("east"), VenueId("west")
BTC, USDT = Asset("BTC"), Asset("USDT")
ASSETS = (BTC, USDT)


def the_world(charged_in: str, seed: int, **more: object) -> World:
    parameters = Parameters.load()
    rule = replace(
        parameters.processing["default"], review=Delay(2, 0.5), manual=0.0, refill=0.0, credit=Delay(1, 0.5), **more
    )
    plugins = {}
    for venue in (EAST, WEST):
        plugin = trading(venue)
        fees = replace(plugin.fees, charged_in=charged_in)
        plugins[venue] = type(plugin)(**{**vars(plugin), "fees": fees})
    return World(plugins, replace(parameters, rate=0.2, processing={"default": rule}), seed, START)


def holds(account: Account) -> dict[Asset, Decimal]:
    """Free and locked, of both wallets."""
    with exact():
        return {
            asset: sum(
                (one.free + one.locked for wallet in (TRADING, FUNDING)
                 if (one := account.balances(wallet).get(asset)) is not None), D(0),
            ) for asset in ASSETS
        }  # fmt: skip


def trade(account: Account, side: Side, size: Decimal, world: World, venue: VenueId) -> dict[Asset, Decimal]:
    """At the market; what the account should have more of afterwards, by its fills."""
    instrument = next(iter(world.books[venue].values())).instrument
    done = account.place(NewOrder(instrument, side, size, None, client_id=f"{side.value} {size}"))
    assert done.status is OrderStatus.FILLED
    sums = dict.fromkeys(ASSETS, D(0))
    sign = 1 if side is Side.BUY else -1
    with exact():
        for fill in account.fills(order_id=done.order_id):
            sums[BTC] += sign * fill.size
            sums[USDT] -= sign * fill.size * fill.price
            sums[fill.fee.asset] -= fill.fee.amount
    return sums


@pytest.mark.parametrize("charged_in", ["quote", "received"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_round_trip_is_reconciled_to_the_last_unit(charged_in: str, seed: int) -> None:
    world = the_world(charged_in, seed)
    world.advance(START + 2 * SECOND)
    east, west = (world.desks[venue].accounts[1] for venue in (EAST, WEST))
    opening = {venue: holds(account) for venue, account in ((EAST, east), (WEST, west))}
    bought = trade(east, Side.BUY, D("0.5"), world, EAST)

    (currency,) = world.desks[EAST].currencies
    network = next(one for one in currency.networks if one.code == "quick")
    there = next(one for one in world.desks[WEST].currencies[0].networks if one.code == "quick")
    amount = floor_to(D("0.00000001"), bought[BTC])
    to = west.deposit_address(BTC, there)
    sent = east.withdraw(BTC, network, to.address, to.memo, amount, "trip")
    assert network.withdrawal_fee is not None
    assert (sent.amount, sent.fee) == (amount - network.withdrawal_fee, network.withdrawal_fee)
    while not (deposits := west.transfers(True)) or deposits[0].status is not TransferStatus.DONE:
        world.advance(world.now + SECOND)
        in_flight = world.custody.coins.of(Place.IN_FLIGHT, BTC)
        with exact():
            coins = holds(east)[BTC] + holds(west)[BTC] + world.custody.coins.total(BTC)
            assert coins == opening[EAST][BTC] + opening[WEST][BTC] + bought[BTC]
        assert in_flight in (0, sent.amount)
    sold = trade(west, Side.SELL, floor_to(D("0.00001"), sent.amount), world, WEST)
    world.advance(world.now + 10 * SECOND)
    assert east.transfers(False)[0].status is TransferStatus.DONE

    with exact():
        at_east = {asset: opening[EAST][asset] + bought[asset] - (amount if asset == BTC else 0) for asset in ASSETS}
        arrives = {BTC: sent.amount, USDT: D(0)}
        at_west = {asset: opening[WEST][asset] + arrives[asset] + sold[asset] for asset in ASSETS}
    assert (holds(east), holds(west)) == (at_east, at_west)
    assert world.custody.coins.all_of(Place.FEES) == {BTC: sent.fee}
    assert world.custody.coins.total(BTC) == sent.fee
    assert world.custody.coins.losses == []
    for account, before, after in ((east, opening[EAST], at_east), (west, opening[WEST], at_west)):
        told = dict.fromkeys(ASSETS, D(0))
        for event in account.events(0):
            if event.balance is not None:
                with exact():
                    told[event.asset] += event.change
        assert {asset: after[asset] - before[asset] for asset in ASSETS} == told
    for desk in world.desks.values():
        total = {asset: sum((holds(one)[asset] for one in desk.accounts.values()), D(0)) for asset in ASSETS}
        assert {asset: -desk.tally.total(asset) for asset in ASSETS} == total


def test_the_tapes_tell_a_transfer_in_its_order() -> None:
    world = the_world("quote", 3)
    east, west = (world.desks[venue].accounts[1] for venue in (EAST, WEST))
    (currency,) = world.desks[EAST].currencies
    quick = next(one for one in currency.networks if one.code == "quick")
    to = west.deposit_address(BTC, quick)
    east.withdraw(BTC, quick, to.address, "", D(1))
    world.advance(START + 60 * SECOND)
    told = [[one.transfer.status.value for one in account.events(0) if one.transfer] for account in (east, west)]
    assert told == [["review", "sent", "confirming", "done"], ["confirming", "done"]]
    changes = [(one.change, one.balance.free) for one in east.events(0) if one.balance is not None]
    assert changes == [(D(0), D(1)), (D(-1), D(1))]  # held, then gone
    assert all(one.at <= two.at for one, two in zip(east.events(0), east.events(0)[1:], strict=False))


def test_a_move_is_told_in_both_wallets() -> None:
    world = the_world("quote", 3, wallets="two")
    east = world.desks[EAST].accounts[1]
    opening = east.balances()[BTC].free
    east.move(BTC, D("0.5"), TRADING, FUNDING)
    told = {one.wallet: (one.change, one.balance and one.balance.free) for one in east.events(0)}
    assert told == {TRADING: (D("-0.5"), opening - D("0.5")), FUNDING: (D("0.5"), D("0.5"))}


# Between the venues that are installed, as their own tables of networks have it.

TABLES: dict[VenueId, tuple[Currency, ...]] = {
    plugin.venue: tuple(plugin.wallets()) for plugin in exchanges().values() if plugin.wallets is not None
}


def ways() -> list[tuple[VenueId, VenueId, Asset, Network, Network]]:
    """Each coin that one venue sends by a chain on which another takes it."""
    return [
        (here, there, mine.asset, out, back)
        for here, there in permutations(TABLES, 2)
        for mine in TABLES[here]
        for out in mine.networks
        for its in TABLES[there]
        for back in its.networks
        if mine.asset == its.asset and chain_name(out) == chain_name(back) and out.withdrawals and back.deposits
    ]


def test_every_way_between_installed_venues_arrives() -> None:
    """A day is enough for each of them, on each chain, by its own minimums, precision and confirmations."""
    world, parameters, tally = Days(), Parameters.load(), Tally()
    custody = Custody(parameters.chains, parameters.processing, 1, world, TABLES, lambda asset: D("0.01"))
    purses = {venue: Wallets(tally) for venue in TABLES}
    offices = {venue: custody.open(venue, 1, purses[venue], lambda transfer: None) for venue in TABLES}
    for here, there, asset, out, back in ways():
        wallet = custody.wallets(here).processing.withdraw_from
        to = offices[there].deposit_address(asset, back)
        amount = max(out.min_withdrawal or D(0), 2 * (out.withdrawal_fee or D(0)), D(1)) + 2 * (back.min_deposit or 0)
        purses[here].credit(asset, amount, "opening", wallet)
        sent = offices[here].withdraw(asset, out, to.address, to.memo, amount, "", wallet)
        world.advance(world.now + 86_400 * SECOND)
        arrived = offices[there].transfers(True)[-1]
        assert arrived.txid == offices[here].transfers(False)[-1].txid != ""
        assert (arrived.status, arrived.amount) == (TransferStatus.DONE, amount - (out.withdrawal_fee or 0))
        assert arrived.confirmations == (back.confirmations or parameters.chains[chain_name(out)].confirmations)
        assert sent.amount == arrived.amount
    assert custody.coins.losses == []
    assert not any(custody.coins.all_of(Place.IN_FLIGHT).values())
