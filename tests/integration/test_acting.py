"""The commands that ask and act by hand, against simulated venues: signed requests, plans, JSON and words."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from cryptopipe.cli import main
from cryptopipe.cli.accounts import Need, judge
from cryptopipe.cli.standing import FILE, standing
from cryptopipe.errors import ConfigError
from cryptopipe.journal.reader import Records
from cryptopipe.journal.runs import list_runs
from cryptopipe.model.outcomes import KeyReport

VENUES = ("binance", "bybit")
ONE = f"--venues={VENUES[0]}"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document.pop("schema") == 1
    return document


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The data directory of a sandbox that serves while the module's tests run."""
    place = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-P", "-m", "cryptopipe", "sandbox", "--json", f"--venues={','.join(VENUES)}"]
    environment = {**os.environ, "CRYPTOPIPE_DATA_DIR": str(place)}
    process = subprocess.Popen([*command, "--seed=7"], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    assert "venues" in json.loads(process.stdout.readline())
    yield f"--data-dir={place}"
    process.terminate()
    process.wait(10)
    process.stdout.close()
    assert not (place / FILE).exists(), "who serves no longer is not found"


def held(capsys: pytest.CaptureFixture[str], sandbox: str, venue: str, what: str = "total") -> dict[str, D]:
    rows = printed(capsys, "balances", sandbox, f"--venues={venue}")["balances"][venue]
    return {row["asset"]: D(row[what]) for row in rows}


def test_balances_fees_and_networks_of_every_venue(sandbox: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "balances", sandbox)
    assert (told["market"], set(told["balances"]), told["failed"]) == ("sandbox", set(VENUES), {})
    for venue in VENUES:
        assert {row["asset"]: D(row["total"]) for row in told["balances"][venue]}["BTC"] > 0
        assert told["keys"][venue]["reads"] is True and told["keys"][venue]["withdraws"] is False
    fees = printed(capsys, "fees", sandbox)["fees"]
    assert {D(row["taker_bps"]) for row in fees["binance"]} == {D(10)}  # the regular user's, of the venue's fee page
    networks = printed(capsys, "networks", sandbox, "--asset=USDT")["networks"]
    chains = [{row["chain"] for row in networks[venue]} for venue in VENUES]
    assert "tron" in chains[0] & chains[1]


def test_a_plan_is_not_carried_out(sandbox: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = held(capsys, sandbox, VENUES[0])
    told = printed(capsys, "act", "long", "0.01", "BTC/USDT", sandbox, ONE)
    assert told["applied"] is False and told["plan"]["side"] == "buy"
    assert D(told["plan"]["worst"]) <= D(told["plan"]["limit"]) <= D(told["plan"]["worst"]) * D("1.001")
    assert held(capsys, sandbox, VENUES[0]) == before


def test_long_and_close_move_exactly_what_they_say(sandbox: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = held(capsys, sandbox, VENUES[0])
    bought = printed(capsys, "act", "long", "0.01", "BTC/USDT", sandbox, ONE, "--apply")
    assert (bought["done"], bought["filled"], bought["why"]) == (True, "0.01", "filled")
    after = held(capsys, sandbox, VENUES[0])
    assert after["BTC"] - before["BTC"] == D("0.01") - D(bought["fees"]["BTC"])
    assert before["USDT"] - after["USDT"] == D(bought["spent"])
    sold = printed(capsys, "act", "close", "0.005", "BTCUSDT", sandbox, ONE, "--apply")
    end = held(capsys, sandbox, VENUES[0])
    assert after["BTC"] - end["BTC"] == D("0.005")
    assert end["USDT"] - after["USDT"] == D(sold["spent"]) - D(sold["fees"]["USDT"])


def test_each_deed_has_a_journal_with_its_intent_first(sandbox: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(capsys, "act", "long", "0.001", "BTC/USDT", sandbox, ONE, "--apply")
    run = list_runs(Path(sandbox.partition("=")[2]) / "acts")[-1]
    records = list(Records(run.journal))
    kinds = [record.kind for record in records]
    assert kinds[0] == "intended" and kinds[-1] == "order_ended"
    assert kinds.index("intended") < kinds.index("action_answered") < kinds.index("filled")
    assert told["client_id"].encode() in b"".join(line for _, line in Records(run.journal).lines())


def test_a_transfer_between_wallets_and_a_withdrawal_are_accepted(
    sandbox: str, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = printed(
        capsys, "act", "transfer", "10", "USDT", "--from=UNIFIED", "--to=FUND", sandbox, "--venues=bybit", "--apply"
    )
    assert moved["done"] is True
    plan = printed(capsys, "act", "withdraw", "1", "SOL", "--from=binance", "--to=bybit", sandbox)["plan"]
    assert plan["chain"] == "solana" and D(plan["arrives"]) == 1 - D(plan["fee"])
    before = held(capsys, sandbox, "binance", "free")
    sent = printed(capsys, "act", "withdraw", "1", "SOL", "--from=binance", "--to=bybit", sandbox, "--apply")
    assert sent["done"] is True and sent["id"]
    assert before["SOL"] - held(capsys, sandbox, "binance", "free")["SOL"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("long", "0", "BTC/USDT"), 2, "expected a number above zero"),
        (("long", "x", "BTC/USDT"), 2, "expected a number above zero"),
        (("long", "0.01", "NO/PE"), 2, "no spot market 'NO/PE'"),
        (("long", "0.01", "BTC/USDT", "--perpetual"), 2, "no linear perpetual"),
        (("long", "1000000", "BTC/USDT"), 2, "its book shows"),
        (("long", "0.0000001", "BTC/USDT"), 2, "is below its step"),
        (("withdraw", "1", "SOL", "--from=binance", "--to=binance"), 2, "two venues that can be asked"),
        (("withdraw", "1", "SOL", "--from=binance", "--to=bybit", "--network=moon"), 2, "no moon in common"),
        (("withdraw", "0.001", "SOL", "--from=binance", "--to=bybit"), 2, "at least"),
        (("withdraw", "1", "NOPE", "--from=binance", "--to=bybit"), 2, "has no NOPE"),
        (("long", "0.01", "BTC/USDT", "--market=live", "--execution=venue"), 2, "orders are not sent to real venues"),
        (
            ("withdraw", "1", "SOL", "--from=binance", "--to=bybit", "--market=live"),
            2,
            "nothing is withdrawn from real",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    sandbox: str, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, says: str
) -> None:
    own = [ONE] if arguments[0] == "long" else []
    assert main(["act", *arguments, sandbox, *own, "--apply"]) == code
    assert says in capsys.readouterr().err


def test_a_venue_refuses_what_the_account_does_not_have(sandbox: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = printed(
        capsys, "act", "withdraw", "999999", "SOL", "--from=binance", "--to=bybit", sandbox, "--apply", code=1
    )
    assert told["done"] is False and told["code"]


def test_a_sandbox_whose_process_is_gone_is_not_found(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    (tmp_path / FILE).write_text(json.dumps({"pid": process.pid, "venues": {}}))
    assert standing(tmp_path) is None
    (tmp_path / FILE).write_text("not JSON")
    assert standing(tmp_path) is None


READS, TRADES, ALL = (
    KeyReport(True, False, False, None, None),
    KeyReport(True, True, False, False, 0),
    KeyReport(True, True, True, True, 0),
)


@pytest.mark.parametrize(
    ("key", "need", "says"),
    [
        (READS, Need.READ, ""),
        (READS, Need.TRADE, "the key may not trade"),
        (READS, Need.WITHDRAW, "the key may not withdraw"),
        (TRADES, Need.READ, "the key may trade, which"),
        (TRADES, Need.TRADE, ""),
        (ALL, Need.READ, "the key may trade and withdraw, which"),
        (ALL, Need.TRADE, "the key may withdraw, which"),
        (ALL, Need.WITHDRAW, ""),
        (KeyReport(None, None, None, None, None), Need.TRADE, ""),  # what a venue does not say is not held against it
    ],
)
def test_a_key_has_what_is_needed_and_no_more(key: KeyReport, need: Need, says: str) -> None:
    if not says:
        judge("alpha", key, need)
        return
    with pytest.raises(ConfigError, match=says):
        judge("alpha", key, need)
    if "may not" not in says:
        judge("alpha", key, need, any_key=True)
