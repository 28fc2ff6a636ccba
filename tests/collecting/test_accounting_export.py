"""Lines for other people's books: they sum up to the ledger, say no value that nobody knew, and are no formulas."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest
from collecting.quotes_stage import LIMITS, Stage, Step, fees, histories, play
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cryptopipe.act.ledger import Ledger
from cryptopipe.cli import main
from cryptopipe.journal import told
from cryptopipe.journal.account_records import TransferCredited, TransferSent
from cryptopipe.journal.log import Log, MemoryLog
from cryptopipe.journal.reader import Record
from cryptopipe.journal.records import Halted, RunStarted
from cryptopipe.journal.runs import create, find
from cryptopipe.model.facts import Asset, Fee, Instrument, Side, VenueId
from cryptopipe.model.money import exact
from cryptopipe.model.trading import Fill
from cryptopipe.postmortem.accounting import Line, fees_of, lines_of
from cryptopipe.postmortem.accounting_file import COLUMNS, cell

pytestmark = pytest.mark.core

START = RunStarted("s", "0", {}, (), (), {}, "USDT")
A, B = VenueId("a"), VenueId("b")
XY = Instrument(A, "XY", Asset("X"), Asset("Y"))
amounts = st.decimals("0.001", "50", places=3)


def records(log: MemoryLog) -> list[Record]:
    return [msgspec.json.decode(line, type=Record) for line in log.lines]


def sums(lines: Iterable[Line]) -> dict[tuple[str, str], D]:
    """By venue and asset, as docs/accounting.md says that they are added up."""
    found: dict[tuple[str, str], D] = defaultdict(D)
    with exact():
        for one in lines:
            if one.venue:
                found[one.venue, one.asset] += one.amount
                if one.counter_amount is not None:
                    found[one.venue, one.counter_asset] += one.counter_amount
                if one.fee_amount is not None:
                    found[one.venue, one.fee_asset] -= one.fee_amount
    return {holding: amount for holding, amount in found.items() if amount}


def changes(ledger: Ledger) -> dict[tuple[str, str], D]:
    with exact():
        return {
            (str(venue), str(asset)): closing - opening
            for venue, assets in ledger.balances().items()
            for asset, (opening, closing) in assets.items()
            if closing - opening
        }


@given(histories(), st.sampled_from(["0.001", "-0.0002", "0"]), st.sampled_from(["quote", "received"]))
@settings(max_examples=15)
def test_the_lines_of_a_maker_sum_up_to_the_ledger(steps: list[Step], maker: str, charged_in: str) -> None:
    stage = Stage(fees(maker, charged_in))
    stage.pipe.tell_start(START)
    play(steps, stage)
    stage.finish()
    lines = list(lines_of(records(stage.log)))
    assert sums(lines) == changes(stage.pipe.ledger)
    assert len(lines) == len(stage.told("filled"))
    assert all(one.value == abs(one.counter_amount or 0) for one in lines)


@st.composite
def ways(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Fills, and coins that leave, come (more or less than was sent) or are lost."""
    found: list[tuple[Any, ...]] = []
    flying: list[int] = []
    for number in range(draw(st.integers(1, 12))):
        kind = draw(st.sampled_from(["fill", "leave", "come", "lose"]))
        if kind == "fill":
            asset = draw(st.sampled_from(["X", "Y"]))
            found.append(
                (kind, number, draw(st.sampled_from(Side)), draw(amounts), draw(amounts), draw(amounts), asset)
            )
        elif kind == "leave":
            flying.append(number)
            found.append((kind, number, draw(amounts) + 1, draw(st.sampled_from([D(0), D("0.5")]))))
        elif flying:
            found.append((kind, flying.pop(draw(st.integers(0, len(flying) - 1))), draw(amounts)))
    return found


def journalled(ways: Sequence[Any], cut_off: bool = False) -> tuple[Ledger, list[Record]]:
    """What a run writes of these; `cut_off`: it ended before the record that follows each transaction of a transfer."""
    ledger, log = Ledger(), MemoryLog()

    def tell(body: Any) -> None:
        log.append(1, len(log.lines), body.kind, body)

    def post(why: str, entries: Any) -> None:
        tell(told.posted(ledger.transactions, why, entries))

    tell(START)
    post("opening", ledger.open(A, {Asset("X"): D(1000), Asset("Y"): D(10)}))
    rest: list[Any]
    for kind, number, *rest in ways:
        name = f"d{number}"
        if kind == "fill":
            side, price, quantity, fee, asset = rest
            fill = Fill(name, XY, side, price, quantity, Fee(fee, Asset(asset)), 1, D("0.0000001"))
            tell(told.filled(fill))
            post(f"fill {name}", ledger.fill(fill))
        elif kind == "leave":
            post(f"transfer {name}", ledger.leave(number, A, B, Asset("X"), *rest))
            if not cut_off:
                tell(TransferSent(number, name, A, "X", *rest, "tx"))
        elif kind == "come":
            post(f"credit {name}", ledger.come(number, A, B, Asset("X"), *rest))
            if not cut_off:
                tell(TransferCredited(number, name, B, "X", *rest, "tx", 1))
        else:
            post(f"lost {name}", ledger.lose(number, B, Asset("X")))
    return ledger, records(log)


@given(ways(), st.booleans())
@settings(max_examples=60)
def test_fills_and_transfers_sum_up_to_the_ledger_and_so_does_what_is_gone(
    ways: list[tuple[Any, ...]], cut_off: bool
) -> None:
    ledger, written = journalled(ways, cut_off)
    lines = list(lines_of(written))
    assert sums(lines) == changes(ledger)
    with exact():
        gone = sum((one.fee_amount or D(0) for one in lines if not one.venue), D(0))
        left = sum((-one.amount for one in lines if one.kind == "transfer_out"), D(0))
        came = sum((one.amount for one in lines if one.kind == "transfer_in"), D(0))
        assert left - came - gone == sum((amount for _, _, amount in ledger.in_flight()), D(0))
    assert cut_off or all(one.txid == "tx" for one in lines if one.kind in ("transfer_out", "transfer_in"))


@given(ways())
@settings(max_examples=30)
def test_the_fees_alone_are_those_of_all_lines(ways: list[tuple[Any, ...]]) -> None:
    lines = list(lines_of(journalled(ways)[1]))
    charged: dict[tuple[str, str], D] = defaultdict(D)
    for one in lines:
        if one.fee_amount and one.kind != "transfer_lost":
            charged[one.venue, one.fee_asset] -= one.fee_amount
    alone: dict[tuple[str, str], D] = defaultdict(D)
    for fee in fees_of(lines):
        assert fee.fee_amount is None and fee.counter_amount is None and fee.kind in ("fee", "transfer_fee")
        alone[fee.venue, fee.asset] += fee.amount
    assert alone == charged


def test_an_unpriced_asset_has_no_value() -> None:
    """Y is not the numeraire, and this journal says no price of it."""
    (line,) = lines_of(journalled([("fill", 1, Side.BUY, D(2), D(3), D("0.1"), "X")])[1])
    assert (line.value, line.fee_value) == (None, None)
    assert (line.asset, line.amount, line.counter_asset, line.counter_amount) == ("X", D(3), "Y", D("-6.0000001"))


@pytest.mark.parametrize("priced", [True, False])
def test_a_value_in_another_asset_is_at_the_price_one_could_have_traded_at(priced: bool) -> None:
    """2 X bought for 198 USDT, which cost 1.02 dollars each; the fee of 0.1 % in USDT cost 1.02 dollars each, too."""
    stage = Stage(limits=replace(LIMITS, numeraire=Asset("USD"), max_loss=D(10**6)))
    stage.pipe.tell_start(replace_numeraire(START, "USD"))
    stage.book("1.01", "1.02", symbol="USDT-USD")
    stage.want(bids=[("99", "2")])
    stage.book("99.5", "100.5")
    stage.book("99.5", "100.6", 60)
    if not priced:
        from cryptopipe.capture.inputs import Direction

        stage.give(b"gone", conn="a2", direction=Direction.CLOSE)
        stage.pipe.market.books[A]["USDT-USD"].lose("test")
    stage.trade(98, 2)
    (line,) = lines_of(records(stage.log))
    if priced:
        assert (line.value, line.fee_value) == (D(198) * D("1.02"), D("0.198") * D("1.02"))
    else:
        assert (line.value, line.fee_value) == (None, None)


def replace_numeraire(start: RunStarted, numeraire: str) -> RunStarted:
    return msgspec.structs.replace(start, numeraire=numeraire)


@example("=cmd|' /C calc'!A0")
@example(" @SUM(A1:A9)")
@example("\r=1+1")
@given(
    st.text(max_size=12)
    | st.text("=+-@ \t\r\n'1", max_size=4)
    | st.decimals(allow_nan=False, allow_infinity=False, places=9)
    | st.none()
)
def test_no_cell_is_a_formula_and_every_number_is_exact(value: object) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(["x", cell(value)])
    ((_, read),) = csv.reader(io.StringIO(written.getvalue()))
    if isinstance(value, D):
        assert D(read) == value and "E" not in read
    else:
        assert not read.lstrip().startswith(("=", "+", "-", "@"))
        text = "" if value is None else str(value)
        assert not text.isprintable() or read.removeprefix("'") == text.removeprefix("'")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A run with a fill whose order is named like a formula, and coins that left; and an older one, damaged."""
    for at, damage in ((1, True), (10**10, False)):
        run = create(tmp_path, at)
        run.describe({"execution": "venue", "market": "sandbox"})
        ways = [("fill", 1, Side.BUY, D(2), D(3), D("0.1"), "X"), ("leave", 7, D(5), D("0.5"))]
        with Log.open(run.journal) as log:
            for record in journalled(ways)[1]:
                body = json.loads(bytes(record.body))
                text = json.dumps(body).replace("d1", "=d1")
                log.append(record.seq, record.at, record.kind, msgspec.Raw(text.encode()))
            log.append(1, 99, Halted.kind, Halted("end"))
        if damage:
            path = next(run.journal.glob("*.jsonl"))
            path.write_bytes(path.read_bytes().replace(b"transfer d7", b"transfer d8"))
    return tmp_path


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_command_writes_a_whole_file(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data_dir / "out.csv"
    assert main(["journal", "export", "--csv", str(path), "--runs", "last", "--data-dir", str(data_dir), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["lines"], document["without_value"], document["damaged"]) == (2, 2, {})
    bought, left = read_csv(path)
    assert tuple(bought) == COLUMNS
    assert (bought["kind"], bought["order_id"], bought["mode"]) == ("buy", "'=d1", "sandbox")
    assert (D(bought["amount"]), D(bought["counter_amount"]), D(bought["price"])) == (D(3), D("-6.0000001"), D(2))
    assert (D(left["amount"]), D(left["fee_amount"]), left["txid"]) == (D("-4.5"), D("0.5"), "tx")
    assert {row["run"] for row in (bought, left)} == {find(data_dir, "last")[0].id}
    assert [name for name in data_dir.iterdir() if name.suffix == ".new"] == []


@pytest.mark.parametrize(("what", "kinds"), [("fills", ["buy"]), ("transfers", []), ("fees", ["fee"])])
def test_of_a_damaged_journal_only_what_is_proven_is_written_and_the_code_says_so(
    what: str, kinds: list[str], data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, damaged = data_dir / "out.csv", find(data_dir, "all")[0].id
    arguments = ["journal", "export", "--csv", str(path), "--runs", damaged, "--what", what]
    assert main([*arguments, "--data-dir", str(data_dir)]) == 1
    assert "is damaged" in capsys.readouterr().err
    assert [row["kind"] for row in read_csv(path)] == kinds


def test_a_file_that_cannot_be_made_whole_leaves_the_old_one(data_dir: Path) -> None:
    path = data_dir / "out.csv"
    path.write_text("old")
    (find(data_dir, "last")[0].path / "run.json").write_text("[]")
    assert main(["journal", "export", "--csv", str(path), "--data-dir", str(data_dir)]) != 0
    assert path.read_text() == "old" and [one for one in data_dir.iterdir() if one.name.startswith(".out")] == []


def test_a_place_where_no_file_can_be_is_refused(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["journal", "export", "--csv", str(data_dir / "none" / "x.csv"), "--data-dir", str(data_dir)]
    assert main(arguments) == 2
    assert "no file can be at" in capsys.readouterr().err


def test_a_recorded_run_sums_up_to_what_it_said_that_it_held(tmp_path: Path) -> None:
    """Plans of the generated capture: opening balances and lines are the closing balances of its last record."""
    from cryptopipe.journal.reader import read

    assert main(["action", "--replay=generated", "--data-dir", str(tmp_path), "--json"]) == 0
    (run,) = find(tmp_path, "last")
    found = {record.kind: json.loads(bytes(record.body)) for record in read(run.journal)}
    opening: dict[tuple[str, str], D] = defaultdict(D)
    for record in read(run.journal):
        body = json.loads(bytes(record.body))
        if record.kind == "posted" and body["why"] == "opening":
            for account, asset, amount in body["entries"]:
                if account.startswith("wallet:"):
                    opening[account.removeprefix("wallet:"), asset] += D(amount)
    lines = list(lines_of(read(run.journal)))
    assert len(lines) == found["run_ended"]["fills"] > 0
    for holding, change in sums(lines).items():
        opening[holding] += change
    closing = {(v, a): D(x) for v, assets in found["run_ended"]["closing"].items() for a, x in assets.items()}
    assert {key: value for key, value in opening.items() if value} == {k: v for k, v in closing.items() if v}


def test_a_directory_without_runs_leaves_the_file_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "year.csv"
    file.write_text("last year's")
    assert main(["journal", "export", "--csv", str(file), "--data-dir", str(tmp_path / "typo")]) == 2
    assert "no run is kept here" in capsys.readouterr().err and file.read_text() == "last year's"
