"""What became of quotes that rested on paper, by instrument.

Enters: a connection, runs. Leaves: a line for each instrument. Never: a count that a run only claimed, or a sum of
money made by the database.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import sqlalchemy as sa

from cryptopipe.journal import schema
from cryptopipe.model.facts import Side
from cryptopipe.model.money import exact


class QuoteFigures(msgspec.Struct):
    """One instrument: `refused` by the gate or on arrival, `bought` and `sold` in the base by `fills`, `inventory` the
    one less the other.
    """

    instrument: str
    placed: int = 0
    refused: int = 0
    cancelled: int = 0
    fills: int = 0
    bought: Decimal = Decimal(0)
    sold: Decimal = Decimal(0)
    inventory: Decimal = Decimal(0)


def quote_figures(connection: sa.Connection, run_ids: Sequence[str]) -> list[QuoteFigures]:
    """Every instrument of these runs together in which a quote was proposed, by its name."""
    found: dict[str, QuoteFigures] = {}
    quote, refusal, cancel = schema.quote, schema.quote_refusal, schema.quote_cancel
    of_quote = sa.and_(quote.c.run_id == cancel.c.run_id, quote.c.quote_id == cancel.c.quote_id)
    questions = {
        "placed": sa.select(quote.c.instrument, sa.func.count()).where(quote.c.run_id.in_(run_ids)),
        "refused": sa.select(refusal.c.instrument, sa.func.count()).where(refusal.c.run_id.in_(run_ids)),
        "cancelled": sa.select(quote.c.instrument, sa.func.count())
        .join(cancel, of_quote)
        .where(quote.c.run_id.in_(run_ids)),
    }
    for name, question in questions.items():
        for instrument, count in connection.execute(question.group_by(sa.text("1"))):
            setattr(found.setdefault(instrument, QuoteFigures(instrument)), name, count)
    _add_fills(connection, run_ids, found)
    return [line for _, line in sorted(found.items())]


def _add_fills(connection: sa.Connection, run_ids: Sequence[str], found: dict[str, QuoteFigures]) -> None:
    fill, quote = schema.fill, schema.quote
    same = sa.and_(quote.c.run_id == fill.c.run_id, quote.c.quote_id == fill.c.client_id)
    question = sa.select(fill.c.instrument, fill.c.side, fill.c.quantity).join(quote, same)
    with exact():
        for instrument, side, quantity in connection.execute(question.where(fill.c.run_id.in_(run_ids))):
            line, buying = found[instrument], side == Side.BUY.value
            line.fills += 1
            line.bought += quantity if buying else 0
            line.sold += 0 if buying else quantity
            line.inventory = line.bought - line.sold
