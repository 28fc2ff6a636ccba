"""The tables of the journal's projection.

Enters: nothing. Leaves: SQLAlchemy tables; each row names its run, most the record (`n`) it comes from. Never: a
FOREIGN KEY, an id made by the database, or a decimal that lost a digit.

Amounts have no scale limit (tokens with 18 decimals, prices of 10⁻¹²), and DECIMAL(38, s) has one for every s. So an
amount is TEXT, exact and without exponent; beside what one sorts or plots by stands a DOUBLE named `…_approx`. Money
is summed from the text. There are no keys or indexes: a run's progress is written in the transaction of its rows,
which is what keeps a record from being projected twice, and DuckDB refuses to alter an indexed table.
"""

from decimal import Decimal
from typing import TYPE_CHECKING

import sqlalchemy as sa

REVISION = "0004"
"""The newest migration; a database at another revision is migrated, or dropped and rebuilt."""

metadata = sa.MetaData()

if TYPE_CHECKING:
    _DecimalText = sa.types.TypeDecorator[Decimal]
else:
    _DecimalText = sa.types.TypeDecorator


class Exact(_DecimalText):
    """A decimal as text, without exponent."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> str | None:
        """As text."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Decimal | None:
        """As a decimal."""
        return None if value is None else Decimal(value)


def _table(name: str, *columns: "sa.Column[object]", record: bool = True) -> sa.Table:
    stamp = [sa.Column(column, sa.BigInteger, nullable=False) for column in ("n", "seq", "at")] if record else []
    return sa.Table(name, metadata, sa.Column("run_id", sa.Text, nullable=False), *stamp, *columns)


def _text(*names: str) -> list["sa.Column[object]"]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _integer(*names: str) -> list["sa.Column[object]"]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _flag(*names: str) -> list["sa.Column[object]"]:
    return [sa.Column(name, sa.Boolean, nullable=False) for name in names]


def _exact(*names: str, nullable: bool = False) -> list["sa.Column[object]"]:
    return [sa.Column(name, Exact, nullable=nullable) for name in names]


def _approx(*names: str) -> list["sa.Column[object]"]:
    return [sa.Column(f"{name}_approx", sa.Double, nullable=False) for name in names]


progress = _table("progress", *_integer("segment", "position", "records"), *_text("crc"), record=False)
run = _table(
    "run", *_text("strategy", "config_hash", "settings", "venues", "numeraire", "label"), *_flag("simultaneous")
)
instrument = _table("instrument", *_text("instrument", "base", "quote", "kind"))
book_state = _table("book_state", *_text("instrument", "state", "proof", "why"))
instrument_change = _table(
    "instrument_change", *_text("instrument", "field", "old", "new", "why"), *_integer("told_by")
)
told_fee = _table(
    "told_fee",
    *_text("venue", "source", "as_of"),
    *_exact("maker", "taker", "maker_in_force", "taker_in_force"),
    *_integer("told_by"),
)
decision = _table(
    "decision",
    *_integer("decision_id", "episode"),
    *_text("phase", "edge", "numeraire"),
    *_exact("gross_bps", "net_bps", "value", "notional", "best_gross_bps", "best_net_bps"),
    *_flag("accepted"),
    *_integer("duration_ns", "evaluations"),
    *_approx("gross_bps", "net_bps", "value", "notional", "best_gross_bps", "best_net_bps"),
)
leg = _table(
    "leg",
    *_integer("decision_id", "place"),
    *_text("instrument", "side", "fee_asset"),
    *_exact("quantity", "limit_price", "vwap", "fee"),
)
cost = _table("cost", *_integer("decision_id", "place"), *_text("name"), *_exact("bps"), *_approx("bps"))
reason = _table(
    "reason",
    *_integer("decision_id", "episode", "place"),
    *_text("check_name", "limit_text", "measured"),
    *_flag("passed"),
)
expected_profit = _table("expected_profit", *_integer("decision_id"), *_text("asset"), *_exact("amount"))
order_intent = _table(
    "order_intent",
    *_text("client_id", "instrument", "side"),
    *_integer("decision_id"),
    *_exact("quantity", "limit_price"),
)
fill = _table(
    "fill",
    *_text("client_id", "instrument", "side", "fee_asset"),
    *_exact("price", "quantity", "fee"),
    *_approx("price", "quantity"),
)
order_end = _table("order_end", *_text("client_id", "why"), *_exact("filled", "unfilled"))
plan_end = _table("plan_end", *_integer("decision_id"), *_exact("restoring"))
plan_rest = _table("plan_rest", *_integer("decision_id"), *_text("sort", "asset"), *_exact("amount"))
posting = _table(
    "posting",
    *_integer("transaction_id", "place"),
    *_text("why", "account", "asset"),
    *_exact("amount"),
    *_approx("amount"),
)
transfer_intent = _table(
    "transfer_intent",
    *_text("client_id", "venue", "asset", "target", "network", "address", "memo"),
    *_exact("amount"),
)
action_answer = _table(
    "action_answer", *_text("venue", "action", "client_id", "outcome", "detail"), *_integer("took_ns")
)
private_state = _table("private_state", *_text("venue", "state", "why"))
reckoning = _table("reckoning", *_text("venue"), *_integer("differences"))
difference = _table("difference", *_text("venue", "asset"), *_exact("told", "booked"))
quote = _table("quote", *_text("quote_id", "instrument", "side", "slot"), *_exact("price", "quantity"))
quote_refusal = _table(
    "quote_refusal",
    *_text("quote_id", "instrument", "side", "slot", "checks", "measured"),
    *_exact("price", "quantity"),
)
quote_cancel = _table("quote_cancel", *_text("quote_id", "why"))
quote_end = _table("quote_end", *_text("quote_id", "why"), *_exact("filled", "unfilled"))
halt = _table("halt", *_text("why"))
run_end = _table(
    "run_end",
    *_text("stopped_by", "numeraire"),
    *_integer("frames", "tops", "turns", "found", "accepted", "refused", "fills"),
    *_exact("trading", "revaluation", nullable=True),
    *_exact("restoring"),
    *_text("unpriced"),
)
stated_refusal = _table("stated_refusal", *_text("check_name"), *_integer("episodes"))
stated_profit = _table("stated_profit", *_text("asset"), *_exact("amount"))
stated_balance = _table("stated_balance", *_text("phase", "venue", "asset"), *_exact("amount"))
mark = _table("mark", *_text("asset"), *_exact("price"))
best_edge = _table("best_edge", *_text("which", "buy", "sell", "instruments"), *_exact("bps"), *_integer("seen_at"))
