"""Deeds by hand that are interrupted, or asked for in figures that no venue has."""

import socket
from collections.abc import Sequence
from decimal import Decimal as D
from pathlib import Path
from typing import Any, cast

import pytest

from cryptopipe.cli import deed_transfers, main
from cryptopipe.cli.deeds import Deeded
from cryptopipe.drivers.errand import errands
from cryptopipe.drivers.stop import Stop
from cryptopipe.errors import CryptopipeError, ProtocolError, RateLimited, VenueUnavailable
from cryptopipe.model.actions import FetchTime, Withdraw
from cryptopipe.model.facts import Asset, Currency, Network, VenueId
from cryptopipe.model.outcomes import Outcome, Reports, TransferReport, TransferState
from cryptopipe.model.stream import Credentials, HttpRequest, HttpResponse

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
    network = Network("SOL", "solana", "", True, True, D(0))
    withdrawal = Withdraw(A, "SOL", "SOL", "addr", D(1), "ours")
    send = deed_transfers.Send(
        cast("Any", None), withdrawal, deed_transfers.Way(Asset("X"), network, network), B, wait=True
    )
    asked = Deeded(True, ["accepted as 7"], {"id": "7"})
    end = send._looked_for(cast("Any", answers), asked, Stop())
    assert end.done and end.facts["credited"] == "1"


def test_a_fee_that_is_a_share_of_the_amount_is_in_the_plan_and_in_the_choice() -> None:
    """Of 100: one percent and 0.01 by the first chain, 0.5 by the second, which is cheaper; of 10 the first is."""
    first = Network("ONE", "one", "", True, True, D("0.01"), D("0.01"))
    second = Network("TWO", "two", "", True, True, D("0.5"))
    out, into = (Currency(venue, SOL, "SOL", (first, second)) for venue in (A, B))
    way = deed_transfers.cheapest(out, into, None, D(100))
    assert (way.out.code, way.fee(D(100))) == ("TWO", D("0.5"))
    assert deed_transfers.cheapest(out, into, None, D(10)).out.code == "ONE"
    one = deed_transfers.cheapest(out, into, "one", D(100))
    send = deed_transfers.Send(cast("Any", None), Withdraw(A, "SOL", "ONE", "addr", D(100), "ours"), one, B, wait=False)
    assert (send.document()["fee"], send.document()["arrives"]) == ("1.01", "98.99")


class Quiet:
    """A codec whose one question goes where nobody listens."""

    supports = frozenset({FetchTime})

    def __init__(self, url: str) -> None:
        self._url = url

    def build(self, action: Any, credentials: Any, at: int, earlier: Sequence[HttpResponse] = ()) -> HttpRequest:
        return HttpRequest("GET", self._url)

    def parse(self, action: Any, response: HttpResponse, earlier: Sequence[HttpResponse] = ()) -> Outcome:
        return Reports()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_venue_that_nobody_can_reach_is_unavailable_in_words_that_are_the_same_each_time(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    codec = Quiet(f"{scheme}://127.0.0.1:{port}/time")
    with (
        errands({A: codec}, {A: Credentials("key", "secret-of-a-key")}, lambda venue, url: url) as means,
        pytest.raises(VenueUnavailable) as raised,
    ):
        means.ask(FetchTime(A))
    assert raised.value.exit_code == 69 and "<" not in str(raised.value)
    assert f"127.0.0.1:{port}" in str(raised.value)
