"""Eight simulated venues in one run: all live to the end, the ledger balanced, and the same again on either core."""

import json
from collections.abc import Iterator
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from longcapture import spawn

VENUES = ("binance", "bybit", "coinbase", "kraken", "gemini", "okx", "bitstamp", "bitfinex")
OPTIONS = (f"--venues={','.join(VENUES)}", "--seed=7")
PROOFS = dict.fromkeys(VENUES, "sequence") | {"kraken": "checksum", "bitstamp": "none"}
"""What each venue's documentation lets a client prove: Kraken sends a checksum, Bitstamp neither that nor numbers."""
SECONDS = 8
MOST = ("BTC/USDT", "ETH/USDT", "ETH/BTC")
"""What all eight list."""


def told(*arguments: str) -> list[dict[str, Any]]:
    """The objects that a command in a process of its own says; it must end well."""
    with spawn(*arguments) as child:
        out, err = child.communicate(timeout=300)
    assert child.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("eight")


@pytest.fixture(scope="module")
def ended(data_dir: Path) -> dict[str, Any]:
    (document,) = told("action", f"--for={SECONDS}s", *OPTIONS, "--json", f"--data-dir={data_dir}")
    return document


@pytest.mark.slow
def test_all_eight_are_live_to_the_end(ended: dict[str, Any]) -> None:
    assert ended["stopped_by"] == "duration"
    venues = ended["venues"]
    assert {name: one["state"] for name, one in venues.items()} == dict.fromkeys(VENUES, "live")
    assert {name: one["proof"] for name, one in venues.items()} == PROOFS
    for name, one in venues.items():
        assert (one["gaps"], one["resyncs"], one["unknown"], one["refused"]) == (0, 0, 0, 0), (name, one)
        books = dict(one["books"])
        assert books.pop("live") >= 6 and not any(books.values()), (name, books)
        assert one["tops"] > 0 and one["trades"] > 0, name
    assert sum(one["frames"] for one in venues.values()) == ended["frames"]


@pytest.mark.slow
def test_what_was_found_is_accepted_or_refused_and_every_coin_is_accounted_for(
    ended: dict[str, Any], data_dir: Path
) -> None:
    (document,) = told("post-mortem", "--json", f"--data-dir={data_dir}")
    counts = document["opportunities"]
    assert counts == ended["opportunities"]
    assert counts["found"] == counts["accepted"] + counts["refused"] > 0
    assert document["ledger_balanced"]
    assert set(document["balances"]) == set(VENUES)
    for asset, profit in document["profit"].items():
        changes = [one[asset] for one in document["balances"].values() if asset in one]
        assert sum(Decimal(one["closing"]) - Decimal(one["opening"]) for one in changes) == Decimal(profit), asset
    traded = {name for name, assets in document["balances"].items() for one in assets.values() if moved(one)}
    assert (len(traded) >= 2) is (document["fills"] > 0)


def moved(balance: dict[str, str]) -> bool:
    return Decimal(balance["opening"]) != Decimal(balance["closing"])


@pytest.mark.slow
@pytest.mark.parametrize("core", ["native", "reference"])
def test_the_run_is_the_same_again(
    ended: dict[str, Any], data_dir: Path, core: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if core == "native" and find_spec("cryptopipe.core._rust") is None:
        pytest.skip("the native core is not built")
    monkeypatch.setenv("CRYPTOPIPE_USE_CORE", core)
    (document,) = told("replay", ended["run_id"], "--verify", "--json", f"--data-dir={data_dir}")
    assert document["identical"] is True and document["first_difference"] is None
    assert document["records"] == ended["journal"]["records"] > 0
    assert document["hash_replay"] == ended["journal"]["hash"]


@pytest.mark.slow
def test_the_unified_record_holds_all_eight(tmp_path: Path) -> None:
    lines = told("watch", "--for=3s", *OPTIONS, "--json", f"--data-dir={tmp_path}")
    newest = {line["instrument"]: line for line in lines}
    for instrument in MOST:
        record = newest[instrument]
        assert [name for name in record if name in VENUES] == list(VENUES)
        assert {record[name]["state"] for name in VENUES} == {"live"}
        tops = list(pairs(record))
        assert all(bid < ask for bid, ask in tops)
        assert max(bid for bid, _ in tops) < min(ask for _, ask in tops) * Decimal("1.02"), "one price of one thing"


def pairs(record: dict[str, Any]) -> Iterator[tuple[Decimal, Decimal]]:
    for name in VENUES:
        yield Decimal(record[name]["top_bid"]), Decimal(record[name]["top_ask"])
