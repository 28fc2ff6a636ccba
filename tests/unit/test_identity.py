"""Which tickers are one asset: by the table, by contracts, and never by spelling alone."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from cryptopipe.model.facts import Asset, Network, VenueId
from cryptopipe.model.identity import asset_of, chain_of, contract_on, identified

VENUE, OTHER = VenueId("alpha"), VenueId("beta")
TABLE = json.loads(files("cryptopipe.model").joinpath("assets.json").read_bytes())
USDC_ON_ETHEREUM = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
"""As Circle writes it (the table has it in lower case)."""
BRIDGED_USDC_ON_POLYGON = "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174"
"""USDC.e: the bridged token that was called USDC there before Circle issued its own."""


def test_a_known_ticker_is_one_asset_everywhere_and_an_unknown_one_its_venues_own() -> None:
    assert asset_of(VENUE, "BTC") == asset_of(OTHER, "BTC") == "BTC"
    assert asset_of(VENUE, "FROG") == "FROG@alpha" != asset_of(OTHER, "FROG")


def test_an_alias_is_read_and_a_look_alike_says_nothing_without_one() -> None:
    assert asset_of(VENUE, "XBT", {"XBT": "BTC"}) == "BTC"
    assert asset_of(VENUE, "LUNA") == "LUNA@alpha"
    assert asset_of(VENUE, "LUNA", {"LUNA": "LUNC"}) == "LUNC"


def test_a_contract_confirms_a_ticker_in_whatever_case() -> None:
    networks = [Network("ERC20", "ethereum", USDC_ON_ETHEREUM.upper().replace("0X", "0x"))]
    assert identified(VENUE, "USDC", networks) == "USDC"


def test_a_contract_that_the_table_gives_to_another_asset_is_that_asset() -> None:
    assert identified(VENUE, "DOLLAR", [Network("ERC20", "ethereum", USDC_ON_ETHEREUM)]) == "USDC"
    assert identified(VENUE, "USDT", [Network("ERC20", "ethereum", USDC_ON_ETHEREUM)]) == "USDC"


def test_a_look_alike_contract_of_a_known_ticker_is_another_asset() -> None:
    fake = identified(VENUE, "USDC", [Network("MATIC", "polygon", BRIDGED_USDC_ON_POLYGON)])
    assert fake == f"USDC@polygon:{BRIDGED_USDC_ON_POLYGON.lower()}"
    assert fake == identified(OTHER, "USDC", [Network("Polygon", "polygon", BRIDGED_USDC_ON_POLYGON.lower())])


def test_one_confirming_network_is_enough_beside_others() -> None:
    networks = [Network("MATIC", "polygon", BRIDGED_USDC_ON_POLYGON), Network("ETH", "ethereum", USDC_ON_ETHEREUM)]
    assert identified(VENUE, "USDC", networks) == "USDC"


def test_a_chains_own_coin_is_known_by_its_chain() -> None:
    wrapped_too = [
        Network("BSC", "bnb_smart_chain", "0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c"),
        Network("BTC", "bitcoin", ""),
    ]
    assert identified(VENUE, "BTC", wrapped_too) == "BTC"


def test_a_token_that_is_called_like_a_chains_own_coin_is_not_that_coin() -> None:
    weth = next(one for one in TABLE["assets"] if one["asset"] == "WETH")["contracts"]["ethereum"]
    assert identified(VENUE, "ETH", [Network("ERC20", "ethereum", weth)]) == "WETH"
    assert identified(VENUE, "ETH", [Network("ERC20", "ethereum", "0xab")]) == "ETH@ethereum:0xab"
    assert identified(VENUE, "SOL", [Network("SPL", "solana", "Mint1")]) == "SOL@solana:Mint1"


def test_a_contract_that_nobody_knows_does_not_confirm_a_known_ticker_on_any_chain() -> None:
    assert "base" not in next(one for one in TABLE["assets"] if one["asset"] == "PEPE")["contracts"]
    assert identified(VENUE, "PEPE", [Network("BASE", "base", "0xab")]) == "PEPE@base:0xab"
    assert identified(VENUE, "PEPE", [Network("BASE", "", "0xab")]) == "PEPE", "of a chain that nobody knows: no word"


def test_two_venues_share_an_unknown_token_only_by_its_contract() -> None:
    one = identified(VENUE, "FROG", [Network("ERC20", "ethereum", "0xAB")])
    assert one == identified(OTHER, "FROG", [Network("ETH", "ethereum", "0xab")]) == "FROG@ethereum:0xab"
    assert one != identified(OTHER, "FROG", [Network("ETH", "ethereum", "0xac")])
    assert identified(VENUE, "FROG", [Network("ETH", "", "0xab")]) == "FROG@alpha"


def test_contracts_of_two_assets_make_it_nobodys() -> None:
    tether = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
    networks = [
        Network("ETH", "ethereum", tether),
        Network("POLYGON", "base", "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"),
    ]
    assert identified(VENUE, "DOLLAR", networks) == "DOLLAR@alpha"


@pytest.mark.parametrize(
    ("code", "chain"),
    [("ERC20", "ethereum"), ("ETH", "ethereum"), ("trc20", "tron"), ("Bitcoin", "bitcoin"), ("BEP2", ""), ("", "")],
)
def test_a_venues_word_for_a_chain(code: str, chain: str) -> None:
    assert chain_of(code) == chain


def test_a_venues_own_word_for_a_chain_comes_first() -> None:
    assert chain_of("ETH2", {"ETH2": "ethereum"}) == "ethereum"


def test_solana_addresses_tell_cases_apart_and_ethereums_do_not() -> None:
    assert contract_on("solana", "EPjF") != contract_on("solana", "epjf")
    assert contract_on("ethereum", "0xAb") == contract_on("ethereum", "0xaB ")


def test_the_table_is_consistent() -> None:
    chains = [one["chain"] for one in TABLE["chains"]]
    words = [code.casefold() for one in TABLE["chains"] for code in {one["chain"], *one["codes"]}]
    held = [(chain, at) for one in TABLE["assets"] for chain, at in one["contracts"].items()]
    names = [one["asset"] for one in TABLE["assets"]]
    assert len(set(chains)) == len(chains)
    assert {word for word in words if words.count(word) > 1} <= {one.casefold() for one in chains}
    assert len(set(held)) == len(held), "one contract, two assets"
    assert len(set(names)) == len(names)
    assert {chain for chain, _ in held} <= set(chains)
    assert all(one["source"] for one in (*TABLE["assets"], *TABLE["look_alikes"]))
    assert all(contract_on(chain, at) == at for chain, at in held)


def test_no_venue_calls_a_wrapped_asset_by_the_name_of_what_it_wraps() -> None:
    wraps = {one["asset"]: one["wraps"] for one in TABLE["assets"] if one.get("wraps")}
    assert wraps["WBTC"] == "BTC"
    found = sorted(Path(__file__).parents[2].glob("plugins/*/aliases.json"))
    for path in found:
        told = json.loads(path.read_bytes())
        for code, name in told["aliases"].items():
            assert wraps.get(code.upper()) != name, f"{path.parent.name} takes {code} for {name}"
            assert told["source"], path
    assert asset_of(VENUE, "WBTC") == Asset("WBTC")
