"""What venues told of their instruments and fees in a run has its tables."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_STAMP = ("run_id", "n", "seq", "at")


def upgrade() -> None:
    """Create both tables, and let the projection begin anew: it may have passed over records of these kinds."""
    for table in sa.inspect(op.get_bind()).get_table_names():
        if table != "alembic_version":
            op.execute(sa.delete(sa.table(table)))
    _table("instrument_change", "instrument", "field", "old", "new", "why", "told_by")
    _table("told_fee", "venue", "source", "as_of", "maker", "taker", "maker_in_force", "taker_in_force", "told_by")


def _table(name: str, *columns: str) -> None:
    integers = {"n", "seq", "at", "told_by"}
    kinds = ((column, sa.BigInteger if column in integers else sa.Text) for column in (*_STAMP, *columns))
    op.create_table(name, *(sa.Column(column, kind(), nullable=False) for column, kind in kinds))
