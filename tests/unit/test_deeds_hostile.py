"""Deeds by hand that are interrupted, or asked for in figures that no venue has."""

from decimal import Decimal as D
from pathlib import Path
from typing import Any, cast

import pytest

from cryptopipe.cli import deed_transfers, main
from cryptopipe.cli.deeds import Deeded
from cryptopipe.drivers.stop import Stop
from cryptopipe.errors import CryptopipeError, ProtocolError, RateLimited, VenueUnavailable
from cryptopipe.model.actions import Withdraw
from cryptopipe.model.facts import Asset, Network, VenueId
from cryptopipe.model.outcomes import Reports, TransferReport, TransferState

A, B, SOL = VenueId("a"), VenueId("b"), Asset("SOL")


@pytest.mark.parametrize("size", ["1e400", "1e29", "1e-400", "NaN", "Infinity", "-1", "0"])
def test_a_size_that_no_order_has_is_refused(size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["act", "long", f"--data-dir={tmp_path}", "--venues=binance", "--", size, "BTC/USDT"])
    assert (code, capsys.readouterr().out) == (2, "")


@pytest.mark.parametrize("slack", ["10000", "20000", "1e9"])
def test_a_sale_is_never_offered_below_nothing(slack: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["act", "short", "1", "BTC/USDT", f"--data-dir={tmp_path}", "--venues=binance", f"--slack={slack}"])
    said = capsys.readouterr()
    assert (code, said.out) == (2, "") and "slack" in said.err


class Answers:
    """Venues whose answers are these, one after the other."""

    def __init__(self, *answers: Reports | CryptopipeError) -> None:
        self._answers = list(answers)

    def told(self, question: object) -> Reports:
        answer = self._answers.pop(0)
        if isinstance(answer, CryptopipeError):
            raise answer
        return answer


def test_a_look_that_fails_does_not_end_the_wait_for_a_withdrawal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The withdrawal was accepted: an error in place of its credit would have it asked for again."""
    monkeypatch.setattr(deed_transfers, "LOOK_EVERY_S", 0)
    sent = TransferReport(A, "7", False, SOL, "SOL", "addr", D(1), D(0), TransferState.DONE, "tx")
    came = TransferReport(B, "9", True, SOL, "SOL", "addr", D(1), None, TransferState.DONE, "tx")
    answers = Answers(
        VenueUnavailable("HTTP 503", where="a"), RateLimited("slower"), Reports(transfers=(sent,)),
        ProtocolError("no JSON"), Reports(transfers=(sent,)), Reports(transfers=(came,)),
    )  # fmt: skip
    network = Network("SOL", "solana", D(0), D(0), D(0), True, True, 1)
    withdrawal = Withdraw(A, "SOL", "SOL", "addr", D(1), "ours")
    send = deed_transfers.Send(cast("Any", None), withdrawal, deed_transfers.Way(network, network), B, wait=True)
    asked = Deeded(True, ["accepted as 7"], {"id": "7"})
    end = send._looked_for(cast("Any", answers), asked, Stop())
    assert end.done and end.facts["credited"] == "1"
