"""Withdrawals, answers to signed requests, and what venues said that we hold at the end of a run, have their tables."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_STAMP = ("run_id", "n", "seq", "at")
_INTEGERS = frozenset({"n", "seq", "at", "took_ns", "differences"})


def upgrade() -> None:
    """Create the tables, and let the projection begin anew: it may have passed over records of these kinds."""
    for table in sa.inspect(op.get_bind()).get_table_names():
        if table != "alembic_version":
            op.execute(sa.delete(sa.table(table)))
    _table("transfer_intent", "client_id", "venue", "asset", "target", "network", "address", "memo", "amount")
    _table("action_answer", "venue", "action", "client_id", "outcome", "detail", "took_ns")
    _table("private_state", "venue", "state", "why")
    _table("reckoning", "venue", "differences")
    _table("difference", "venue", "asset", "told", "booked")


def _table(name: str, *columns: str) -> None:
    kinds = ((column, sa.BigInteger if column in _INTEGERS else sa.Text) for column in (*_STAMP, *columns))
    op.create_table(name, *(sa.Column(column, kind(), nullable=False) for column, kind in kinds))
