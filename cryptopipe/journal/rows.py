"""What a record becomes in the projection.

Enters: a verified record. Leaves: rows, as values in the order of the table's columns behind run, n, seq and at.
Never: a rounding; the `…_approx` columns repeat an exact one as a float.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from cryptopipe.journal.account_records import (
    ActionAnswered,
    PrivateChanged,
    Reckoned,
    TransferCredited,
    TransferIntended,
    TransferSent,
    TransitChanged,
    TransitEnded,
)
from cryptopipe.journal.quote_records import QuoteCancelled, QuoteEnded, QuotePlaced, QuoteRefused
from cryptopipe.journal.reader import Record, decode_body
from cryptopipe.journal.records import (
    BODIES,
    BookChanged,
    Decided,
    FeesTold,
    Filled,
    Halted,
    InstrumentChanged,
    Intended,
    OrderEnded,
    PlanEnded,
    Posted,
    RunEnded,
    RunStarted,
)

Row = tuple[str, tuple[Any, ...]]
"""The table's name, and the values behind (run_id, n, seq, at)."""


def rows_of(record: Record) -> Iterator[Row]:
    """The rows of a record; none for a kind that this version does not know. Raises `JournalError`."""
    body = BODIES.get(record.kind)
    if body is None:
        return iter(())
    return _ROWS[record.kind](decode_body(record, body))


def _text(amount: Decimal) -> str:
    return format(amount, "f")


def _text_or_none(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")


def _exact_then_approx(*amounts: Decimal) -> tuple[list[str], list[float]]:
    return [_text(amount) for amount in amounts], [float(amount) for amount in amounts]


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _run_started(body: RunStarted) -> Iterator[Row]:
    settings, venues = _json(body.settings), _json(body.venues)
    facts = (body.strategy, body.config_hash, settings, venues, body.numeraire, body.label, body.simultaneous)
    yield "run", facts
    for listed in body.instruments:
        yield "instrument", (listed.id, listed.base, listed.quote, listed.kind)
    yield from _balances("opening", body.opening)


def _balances(phase: str, balances: dict[str, dict[str, Decimal]]) -> Iterator[Row]:
    for venue, amounts in balances.items():
        for asset, amount in amounts.items():
            yield "stated_balance", (phase, venue, asset, _text(amount))


def _book_changed(body: BookChanged) -> Iterator[Row]:
    yield "book_state", (body.instrument, body.state, body.proof, body.reason)


def _instrument_changed(body: InstrumentChanged) -> Iterator[Row]:
    yield "instrument_change", (body.instrument, body.field, body.old, body.new, body.reason, body.told_by)


def _fees_told(body: FeesTold) -> Iterator[Row]:
    rates = map(_text, (body.maker, body.taker, body.maker_in_force, body.taker_in_force))
    yield "told_fee", (body.venue, body.source, body.as_of, *rates, body.told_by)


def _decided(body: Decided) -> Iterator[Row]:
    texts, floats = _exact_then_approx(
        body.gross_bps, body.net_bps, body.value, body.notional, body.best_gross_bps, body.best_net_bps
    )
    names = (body.decision_id, body.episode, body.phase, body.edge, body.numeraire)
    yield "decision", (*names, *texts, body.accepted, body.duration_ns, body.evaluations, *floats)
    for place, leg in enumerate(body.legs):
        amounts = (_text(leg.quantity), _text(leg.limit), _text(leg.vwap), _text(leg.fee))
        yield "leg", (body.decision_id, place, leg.instrument, leg.side.value, leg.fee_asset, *amounts)
    for place, cost in enumerate(body.costs):
        yield "cost", (body.decision_id, place, cost.name, _text(cost.bps), float(cost.bps))
    for place, reason in enumerate(body.reasons):
        check = (reason.check, reason.limit, reason.measured, reason.passed)
        yield "reason", (body.decision_id, body.episode, place, *check)
    for asset, amount in body.profit.items():
        yield "expected_profit", (body.decision_id, asset, _text(amount))


def _intended(body: Intended) -> Iterator[Row]:
    names = (body.client_id, body.instrument, body.side.value, body.decision_id)
    yield "order_intent", (*names, _text(body.quantity), _text(body.limit))


def _filled(body: Filled) -> Iterator[Row]:
    texts, floats = _exact_then_approx(body.price, body.quantity)
    names = (body.client_id, body.instrument, body.side.value, body.fee_asset)
    yield "fill", (*names, *texts, _text(body.fee), *floats)


def _order_ended(body: OrderEnded) -> Iterator[Row]:
    yield "order_end", (body.client_id, body.why, _text(body.filled), _text(body.unfilled))


def _plan_ended(body: PlanEnded) -> Iterator[Row]:
    yield "plan_end", (body.decision_id, _text(body.restoring))
    for sort, amounts in (("dust", body.dust), ("exposure", body.exposure)):
        for asset, amount in amounts.items():
            yield "plan_rest", (body.decision_id, sort, asset, _text(amount))


def _posted(body: Posted) -> Iterator[Row]:
    for place, (account, asset, amount) in enumerate(body.entries):
        yield "posting", (body.transaction, place, body.why, account, asset, _text(amount), float(amount))


def _transfer_intended(body: TransferIntended) -> Iterator[Row]:
    words = (body.client_id, body.venue, body.asset, body.target, body.network, body.address, body.memo)
    yield "transfer_intent", (*words, _text(body.amount))


def _of_the_log_alone(body: object) -> Iterator[Row]:
    """What is read from the log itself, where it is wanted: of coins that travel."""
    return iter(())


def _action_answered(body: ActionAnswered) -> Iterator[Row]:
    yield "action_answer", (body.venue, body.action, body.client_id, body.outcome, body.detail, body.took_ns)


def _private_changed(body: PrivateChanged) -> Iterator[Row]:
    yield "private_state", (body.venue, "up" if body.up else "down", body.reason)


def _reckoned(body: Reckoned) -> Iterator[Row]:
    yield "reckoning", (body.venue, len(body.differs))
    for asset, (told, booked) in body.differs.items():
        yield "difference", (body.venue, asset, _text(told), _text(booked))


def _quote_placed(body: QuotePlaced) -> Iterator[Row]:
    names = (body.quote_id, body.instrument, body.side.value, body.slot)
    yield "quote", (*names, _text(body.price), _text(body.quantity))


def _quote_refused(body: QuoteRefused) -> Iterator[Row]:
    names = (body.quote_id, body.instrument, body.side.value, body.slot)
    checks, measured = (", ".join(getattr(one, name) for one in body.reasons) for name in ("check", "measured"))
    yield "quote_refusal", (*names, checks, measured, str(body.price), str(body.quantity))


def _quote_cancelled(body: QuoteCancelled) -> Iterator[Row]:
    yield "quote_cancel", (body.quote_id, body.why)


def _quote_ended(body: QuoteEnded) -> Iterator[Row]:
    yield "quote_end", (body.quote_id, body.why, _text(body.filled), _text(body.unfilled))


def _halted(body: Halted) -> Iterator[Row]:
    yield "halt", (body.reason,)


def _run_ended(body: RunEnded) -> Iterator[Row]:
    counts, value = body.opportunities, body.value
    numbers = (body.frames, body.tops, body.turns, counts.found, counts.accepted, counts.refused, body.fills)
    lines = (_text_or_none(value.trading), _text_or_none(value.revaluation), _text(value.restoring))
    yield "run_end", (body.stopped_by, value.numeraire, *numbers, *lines, _json(value.unpriced))
    for check, episodes in body.refusals.items():
        yield "stated_refusal", (check, episodes)
    for asset, amount in body.profit.items():
        yield "stated_profit", (asset, _text(amount))
    yield from _balances("closing", body.closing)
    for asset, price in body.marks.items():
        yield "mark", (asset, _text(price))
    for which, edge in body.best_edges.items():
        instruments = _json(edge.instruments)
        yield "best_edge", (which, edge.buy, edge.sell, instruments, _text(edge.bps), edge.at)


_ROWS: dict[str, Callable[[Any], Iterator[Row]]] = {
    RunStarted.kind: _run_started,
    BookChanged.kind: _book_changed,
    InstrumentChanged.kind: _instrument_changed,
    FeesTold.kind: _fees_told,
    Decided.kind: _decided,
    Intended.kind: _intended,
    Filled.kind: _filled,
    OrderEnded.kind: _order_ended,
    PlanEnded.kind: _plan_ended,
    Posted.kind: _posted,
    TransferIntended.kind: _transfer_intended,
    TransferSent.kind: _of_the_log_alone,
    TransferCredited.kind: _of_the_log_alone,
    TransitChanged.kind: _of_the_log_alone,
    TransitEnded.kind: _of_the_log_alone,
    ActionAnswered.kind: _action_answered,
    PrivateChanged.kind: _private_changed,
    Reckoned.kind: _reckoned,
    QuotePlaced.kind: _quote_placed,
    QuoteRefused.kind: _quote_refused,
    QuoteCancelled.kind: _quote_cancelled,
    QuoteEnded.kind: _quote_ended,
    Halted.kind: _halted,
    RunEnded.kind: _run_ended,
}
