"""Every record of the journal has its tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables. `text`, `integer`, `float`, `flag`; a question mark allows NULL."""
    for create in (_runs, _decisions, _actions, _ends):
        create()


TYPES = {"text": sa.Text, "integer": sa.BigInteger, "float": sa.Double, "flag": sa.Boolean}
STAMP = "run_id text, n integer, seq integer, at integer, "


def _table(name: str, columns: str) -> None:
    made = []
    for column in columns.split(", "):
        label, kind = column.split(" ")
        made.append(sa.Column(label, TYPES[kind.rstrip("?")](), nullable=kind.endswith("?")))
    op.create_table(name, *made)


def _runs() -> None:
    _table("progress", "run_id text, segment integer, position integer, records integer, crc text")
    _table(
        "run",
        STAMP + "strategy text, config_hash text, settings text, venues text, numeraire text, label text, "
        "simultaneous flag",
    )
    _table("instrument", STAMP + "instrument text, base text, quote text, kind text")
    _table("book_state", STAMP + "instrument text, state text, proof text, why text")
    _table("stated_balance", STAMP + "phase text, venue text, asset text, amount text")


def _decisions() -> None:
    _table(
        "decision",
        STAMP + "decision_id integer, episode integer, phase text, edge text, numeraire text, gross_bps text, "
        "net_bps text, value text, notional text, best_gross_bps text, best_net_bps text, accepted flag, "
        "duration_ns integer, evaluations integer, gross_bps_approx float, net_bps_approx float, "
        "value_approx float, notional_approx float, best_gross_bps_approx float, "
        "best_net_bps_approx float",
    )
    _table(
        "leg",
        STAMP + "decision_id integer, place integer, instrument text, side text, fee_asset text, quantity text, "
        "limit_price text, vwap text, fee text",
    )
    _table("cost", STAMP + "decision_id integer, place integer, name text, bps text, bps_approx float")
    _table(
        "reason",
        STAMP + "decision_id integer, episode integer, place integer, check_name text, limit_text text, "
        "measured text, passed flag",
    )
    _table("expected_profit", STAMP + "decision_id integer, asset text, amount text")


def _actions() -> None:
    _table(
        "order_intent",
        STAMP + "client_id text, instrument text, side text, decision_id integer, quantity text, limit_price text",
    )
    _table(
        "fill",
        STAMP + "client_id text, instrument text, side text, fee_asset text, price text, quantity text, fee text, "
        "price_approx float, quantity_approx float",
    )
    _table("order_end", STAMP + "client_id text, why text, filled text, unfilled text")
    _table("plan_end", STAMP + "decision_id integer, restoring text")
    _table("plan_rest", STAMP + "decision_id integer, sort text, asset text, amount text")
    _table(
        "posting",
        STAMP + "transaction_id integer, place integer, why text, account text, asset text, amount text, "
        "amount_approx float",
    )
    _table("halt", STAMP + "why text")


def _ends() -> None:
    _table(
        "run_end",
        STAMP + "stopped_by text, numeraire text, frames integer, tops integer, turns integer, found integer, "
        "accepted integer, refused integer, fills integer, trading text?, revaluation text?, "
        "restoring text, unpriced text",
    )
    _table("stated_refusal", STAMP + "check_name text, episodes integer")
    _table("stated_profit", STAMP + "asset text, amount text")
    _table("mark", STAMP + "asset text, price text")
    _table("best_edge", STAMP + "which text, buy text, sell text, instruments text, bps text, seen_at integer")
