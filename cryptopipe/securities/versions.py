"""What an instrument was, from when until when: one version after the other.

Enters: instruments as a venue's answers tell them. Leaves: `Terms`, `Version`s, and what held at a time. Never: two
versions of one instrument at one time, or a rule that is unknown because one answer did not repeat it.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from cryptopipe.clock import Nanos, format_at
from cryptopipe.model.facts import Instrument, TradingState
from cryptopipe.model.money import plain
from cryptopipe.model.naming import pair_of

DELISTED = "delisted"
"""The state of an instrument that its venue no longer lists, beside those of `TradingState`."""


class Terms(msgspec.Struct, frozen=True):
    """What is tracked of an instrument. A number is None where no answer ever told it; `delists_at` is 0 then.

    `tick`, `price_min`, `price_max` and `min_notional` are in quote, `step` and `min_size` in base, or in contracts of
    `contract_size`. `unified` is what the pair is called at every venue.
    """

    unified: str
    kind: str
    base: str
    quote: str
    state: str
    tick: Decimal | None = None
    step: Decimal | None = None
    min_size: Decimal | None = None
    min_notional: Decimal | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    contract_size: Decimal = Decimal(1)
    delists_at: Nanos = 0

    @property
    def has_rules(self) -> bool:
        """Whether an answer told the grid."""
        return self.tick is not None


RULES = ("tick", "step", "min_size", "min_notional", "price_min", "price_max")
"""Those of the terms that come together with the grid."""


class Version(msgspec.Struct, frozen=True):
    """One row: the terms of an instrument from `valid_from` until `valid_to` (None: still).

    `is_current` says that the venue lists the instrument, and by these terms: at most one version of an instrument is.
    The last version of a delisted one has the state `delisted` and is not current. `modified_at` and `modified_by` are
    of the sync that wrote the row last: the one that opened it, then the one that closed it.
    """

    exchange: str
    symbol: str
    terms: Terms
    valid_from: Nanos
    valid_to: Nanos | None
    is_current: bool
    modified_at: Nanos
    modified_by: str

    @property
    def id(self) -> str:
        """`alpha:BTCUSDT`."""
        return f"{self.exchange}:{self.symbol}"

    @property
    def listed(self) -> bool:
        """Whether the venue listed the instrument then."""
        return self.terms.state != DELISTED

    def covers(self, at: Nanos) -> bool:
        """Whether it was in force at that time."""
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


def terms_of(told: Instrument, delists_at: Nanos = 0) -> Terms:
    """An instrument's terms as one answer tells them; `delists_at`: as another answer tells that alone."""
    rules = told.rules
    ends = [at for at in (told.delists_at, delists_at) if at]
    return Terms(
        unified=pair_of(told),
        kind=told.kind.value,
        base=told.base,
        quote=told.quote,
        state=told.state.value,
        contract_size=told.contract_size,
        delists_at=min(ends, default=0),
        **{name: getattr(rules, name, None) for name in RULES},
    )


def after(before: Terms | None, told: Terms) -> Terms:
    """The terms in force once an answer told `told`: what it did not speak of stays.

    An answer without rules lists an instrument at most: then only a state that is not the usual one is its word, and
    the rules told before hold (docs/metadata.md). Another base, quote or kind makes it another thing: nothing stays.
    """
    if before is None or told.has_rules or _what(before) != _what(told):
        return told
    silent = told.state == TradingState.TRADING.value
    return msgspec.structs.replace(
        told,
        state=before.state if silent else told.state,
        contract_size=before.contract_size,
        delists_at=told.delists_at or (before.delists_at if silent else 0),
        **{name: getattr(before, name) for name in RULES},
    )


def _what(terms: Terms) -> tuple[str, ...]:
    return terms.base, terms.quote, terms.kind


def differences(before: Terms, now: Terms) -> dict[str, tuple[str, str]]:
    """By field what it was and what it is, as text; numbers that are equal are the same in any digits."""
    return {
        name: (text_of(name, old), text_of(name, new))
        for name in Terms.__struct_fields__
        if (old := getattr(before, name)) != (new := getattr(now, name))
    }


def text_of(name: str, value: object) -> str:
    """A field of the terms as text; empty where it is not told."""
    if name == "delists_at":
        return format_at(value) if isinstance(value, int) and value else ""
    if isinstance(value, Decimal):
        return plain(value)
    return "" if value is None else str(value)


def in_force(versions: Iterable[Version], at: Nanos) -> Mapping[str, Version]:
    """By id what held at a time, delisted instruments too; those that nobody knew yet are not in it."""
    return {one.id: one for one in versions if one.covers(at)}
