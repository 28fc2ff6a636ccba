"""Versions of instruments, and when each venue was asked."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_VIEW = """
CREATE VIEW securities AS SELECT
    exchange, make_timestamp_ns(valid_from) AS datetime, symbol AS trading_pair, unified, is_current,
    make_timestamp_ns(modified_at) AS last_modified_datetime, modified_by AS last_modified_user,
    kind, base, quote, state, tick, step, min_size, min_notional, price_min, price_max, contract_size,
    CASE WHEN delists_at = 0 THEN NULL ELSE make_timestamp_ns(delists_at) END AS delists_at,
    make_timestamp_ns(valid_to) AS valid_to
FROM version
"""


def upgrade() -> None:
    """Create both tables and the view that people read."""
    op.create_table(
        "version",
        *_columns("exchange symbol unified kind base quote state", sa.Text),
        *_columns("tick step min_size min_notional price_min price_max", sa.Text, nullable=True),
        *_columns("contract_size modified_by", sa.Text),
        *_columns("delists_at valid_from modified_at", sa.BigInteger),
        *_columns("valid_to", sa.BigInteger, nullable=True),
        *_columns("is_current", sa.Boolean),
    )
    op.create_table(
        "sync",
        *_columns("exchange origin user_name", sa.Text),
        *_columns("at listed opened closed", sa.BigInteger),
        *_columns("told", sa.Boolean),
    )
    op.execute(_VIEW)


def _columns(names: str, kind: type[sa.types.TypeEngine[Any]], nullable: bool = False) -> "list[sa.Column[Any]]":
    return [sa.Column(name, kind(), nullable=nullable) for name in names.split()]
