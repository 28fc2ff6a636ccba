"""A plugin's table of currencies and networks: what it states is told, what not is None, no other form is read."""

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cryptopipe.model.facts import Asset, VenueId
from cryptopipe.model.identity import Codes
from cryptopipe.model.wallets import WalletTable

VENUE = VenueId("bitfoo")
TETHER = "0xdac17f958d2ee523a2206206994597c13d831ec7"
"""USDT on Ethereum, as its issuer publishes it (tether.to, 2026-11-21)."""
ROW = {"code": "ERC20", "fee": "1", "minimum": "2.5", "places": 6}


def table(*networks: dict[str, Any], **more: Any) -> bytes:
    currencies = [{"code": "USDT", "networks": networks}]
    return json.dumps({"source": "nobody", "as_of": "2026-11-21", "currencies": currencies, **more}).encode()


def read(monkeypatch: pytest.MonkeyPatch, folder: Path, text: bytes) -> WalletTable:
    """From a package, as a plugin's is."""
    package = folder / "bitfoo_with_wallets"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "wallets.json").write_bytes(text)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    return WalletTable.read(package.name)


def test_a_row_is_a_network_open_both_ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = table({**ROW, "contract": TETHER, "maximum": "9"})
    (usdt,) = read(monkeypatch, tmp_path, text).of(VENUE, Codes("", {}, {}))
    (network,) = usdt.networks
    assert (usdt.venue, usdt.code, usdt.asset) == (VENUE, "USDT", Asset("USDT"))
    assert (network.code, network.chain, network.contract) == ("ERC20", "ethereum", TETHER)
    assert (network.deposits, network.withdrawals, network.memo) == (True, True, False)
    assert (network.withdrawal_fee, network.min_withdrawal, network.max_withdrawal) == (1, Decimal("2.5"), 9)
    assert network.precision == 6
    assert network.min_deposit is network.confirmations is network.withdrawal_fee_rate is None


def test_the_venues_own_words_are_looked_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = table({**ROW, "code": "Foo Chain", "least_deposit": "3", "confirmations": 20, "fee_rate": "0"})
    (dollars,) = read(monkeypatch, tmp_path, text).of(VENUE, Codes("", {"USDT": "USDC"}, {"Foo Chain": "tron"}))
    (network,) = dollars.networks
    assert (dollars.asset, network.chain, network.contract) == (Asset("USDC"), "tron", None)
    assert (network.min_deposit, network.confirmations, network.withdrawal_fee_rate) == (3, 20, 0)


def test_another_contract_is_another_asset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (fake,) = read(monkeypatch, tmp_path, table({**ROW, "contract": "0x" + "1" * 40})).of(VENUE, Codes("", {}, {}))
    assert fake.asset == Asset("USDT@ethereum:0x" + "1" * 40)


@pytest.mark.parametrize("text", [table({**ROW, "most": "9"}), table({"code": "ERC20"}), table(ROW, note="x")])
def test_a_table_of_another_form_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"unknown field|required field"):
        read(monkeypatch, tmp_path, text)
