"""Which network a withdrawal by hand takes: the cheapest that both venues state to be open; unknown is shut."""

from decimal import Decimal as D

import pytest

from cryptopipe.cli.deed_transfers import cheapest
from cryptopipe.errors import UsageError
from cryptopipe.model.facts import Asset, Currency, Network, VenueId

X = Asset("X")


def out(code: str, chain: str, fee: str | None = "1", open_: bool | None = True, least: str | None = None,
        contract: str | None = "") -> Network:  # fmt: skip
    return Network(
        code, chain, contract, withdrawals=open_, withdrawal_fee=None if fee is None else D(fee),
        min_withdrawal=None if least is None else D(least),
    )  # fmt: skip


def into(code: str, chain: str, open_: bool | None = True, least: str | None = None,
         contract: str | None = "") -> Network:  # fmt: skip
    return Network(code, chain, contract, deposits=open_, min_deposit=None if least is None else D(least))


def chosen(ways_out: list[Network], ways_in: list[Network], network: str | None = None, amount: str = "10") -> str:
    here, there = (
        Currency(VenueId(v), "X", X, tuple(ways)) for v, ways in (("alpha", ways_out), ("beta", ways_in))
    )  # fmt: skip
    way = cheapest(here, there, network, D(amount))
    return f"{way.out.code}>{way.into.code}"


def test_the_cheapest_of_the_open_ones_by_chain_and_not_by_name() -> None:
    ways_out = [out("ETH", "ethereum", "3"), out("TRX", "tron", "1"), out("SOL", "solana", "0.5")]
    ways_in = [into("erc20", "ethereum"), into("trc20", "tron"), into("SOL", "somewhere")]
    assert chosen(ways_out, ways_in) == "TRX>trc20"
    assert chosen(ways_out, ways_in, "ethereum") == "ETH>erc20"
    assert chosen(ways_out, ways_in, "ETH") == "ETH>erc20"


@pytest.mark.parametrize(
    ("way_out", "way_in", "says"),
    [
        (out("A", "a", open_=False), into("A", "a"), "withdrawals are suspended"),
        (out("A", "a", open_=None), into("A", "a"), "withdrawals are not told to be open"),
        (out("A", "a"), into("A", "a", open_=False), "deposits are suspended"),
        (out("A", "a"), into("A", "a", open_=None), "deposits are not told to be open"),
        (out("A", "a", fee=None), into("A", "a"), "its fee is not told"),
        (out("A", ""), into("A", ""), "have no network in common"),
        (out("A", "a", contract="0x1"), into("A", "a", contract="0x2"), "have no network in common"),
        (out("A", "a", contract="0x1"), into("A", "a", contract=None), "have no network in common"),
        (out("A", "a", least="11"), into("A", "a"), "at least 11 X over a"),
        (out("A", "a"), into("A", "a", least="12"), "at least 12 X over a"),
        (out("A", "a", fee="10"), into("A", "a"), "more than its fee"),
    ],
)
def test_what_is_shut_unknown_or_too_little_is_refused(way_out: Network, way_in: Network, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        chosen([way_out], [way_in])


def test_a_contract_that_one_side_does_not_state_is_the_chains_own_coin() -> None:
    assert chosen([out("A", "a", contract=None)], [into("B", "a", contract="")]) == "A>B"
    assert chosen([out("A", "a", contract="0x1")], [into("B", "a", contract="0x1")]) == "A>B"
