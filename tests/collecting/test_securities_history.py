"""The security master against a straightforward recomputation from the full list of what was told.

A history here is a list of (time, {symbol: told}), where told is (base, tick or None, state): what an exchange's answer
said of a symbol. The recomputation walks it symbol by symbol with plain dictionaries and knows nothing of versions.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from sqlalchemy.exc import SQLAlchemyError

from cryptopipe.model.contracts import Listing
from cryptopipe.model.facts import Asset, Instrument, TradingRules, TradingState, VenueId
from cryptopipe.securities.access import SecuritiesBusy, SecuritiesError, database, opened
from cryptopipe.securities.compare import Changes, Snapshot, SnapshotRefused, between, compare, snapshot_of
from cryptopipe.securities.versions import DELISTED, Version, in_force

Told = tuple[str, str | None, str]
History = Sequence[tuple[int, Mapping[str, Told]]]
MANY = 1000
"""Instruments that a killed process has changed, or has not."""
SYMBOLS = [f"S{number}" for number in range(8)]
TICKS = ("0.1", "0.01", "1", None)
STATES = ("trading", "trading", "halted", "post_only")


def drawn(seed: int, length: int = 10) -> History:
    """Instruments come, change, say nothing of their rules, go, and come again."""
    random, at, history = Random(seed), 0, []
    told: dict[str, Told] = {}
    for _ in range(length):
        at += random.randrange(1, 50)
        for symbol in SYMBOLS:
            what = random.random()
            if what < 0.15:
                told.pop(symbol, None)
            elif what < 0.4:
                told[symbol] = (random.choice(("BTC", "ETH")), random.choice(TICKS), random.choice(STATES))
        told.setdefault("S0", ("BTC", "1", "trading"))
        history.append((at, dict(told)))
    return history


def snapshot(at: int, told: Mapping[str, Told], venue: str = "alpha") -> Snapshot:
    instruments = [
        Instrument(
            VenueId(venue), symbol, Asset(base), Asset("USD"), state=TradingState(state),
            rules=None if tick is None else TradingRules(Decimal(tick), Decimal(1), Decimal(1), Decimal(0)),
        )
        for symbol, (base, tick, state) in told.items()
    ]  # fmt: skip
    return snapshot_of(venue, at, [Listing(instruments)])


Row = tuple[str, int, int | None, bool, str, str | None, str]
"""Symbol, from, to, current, base, tick, state."""


def effective(history: History, symbol: str) -> list[tuple[int, Told | None]]:
    """What held of a symbol from each time on; None where it was not listed."""
    known: Told | None = None
    found: list[tuple[int, Told | None]] = []
    for at, told in history:
        now = told.get(symbol)
        if now is not None and now[1] is None and known is not None and known[0] == now[0]:
            now = (now[0], known[1], known[2] if now[2] == "trading" else now[2])
        known = now
        found.append((at, now))
    return found


def recomputed(history: History) -> list[Row]:
    rows: list[Row] = []
    for symbol in SYMBOLS:
        spans: list[tuple[int, Told | None]] = []
        for at, now in effective(history, symbol):
            if not spans or _unlike(spans[-1][1], now):
                spans.append((at, now))
        last: Told | None = None
        for place, (at, now) in enumerate(spans):
            to = spans[place + 1][0] if place + 1 < len(spans) else None
            if now is not None:
                rows.append((symbol, at, to, to is None, *now))
            elif last is not None:
                rows.append((symbol, at, to, False, last[0], last[1], "delisted"))
            last = now
    return rows


def _unlike(one: Told | None, other: Told | None) -> bool:
    """By value: 1 and 1.0 would be the same tick."""
    return one != other


def rows_of(versions: Sequence[Version]) -> list[Row]:
    return sorted(
        (one.symbol, one.valid_from, one.valid_to, one.is_current, one.terms.base, _text(one.terms.tick),
         one.terms.state)
        for one in versions
    )  # fmt: skip


def _text(tick: Decimal | None) -> str | None:
    return None if tick is None else str(tick)


def applied(versions: list[Version], changes: Changes) -> list[Version]:
    closed = {(one.id, one.valid_from): one for one in changes.closed}
    return [*(closed.get((one.id, one.valid_from), one) for one in versions), *changes.opened]


def played(history: History) -> list[Version]:
    """By `compare` alone, without a database."""
    versions: list[Version] = []
    last = 0
    for at, told in history:
        known = {one.symbol: one for one in versions if one.valid_to is None}
        versions = applied(versions, compare(known, last, snapshot(at, told), "me", accept=True))
        last = at
    return versions


@pytest.mark.parametrize("seed", range(0, 100, 10))
def test_a_hundred_random_histories_equal_their_recomputation(seed: int) -> None:
    for one in range(seed, seed + 10):
        history = drawn(one)
        assert rows_of(played(history)) == recomputed(history), f"seed {one}"


def test_histories_have_every_sort_of_change() -> None:
    """Else the law above would say little."""
    found = {
        change.kind
        for seed in range(20)
        for history in [drawn(seed)]
        for versions in [played(history)]
        for at, _ in history[1:]
        for change in between(versions, at - 1, at)
    }
    assert found == {"new", "changed", "delisted", "listed again"}


@pytest.mark.parametrize("seed", range(10))
def test_what_held_at_a_time_is_the_snapshot_in_force(seed: int) -> None:
    history, random = drawn(seed), Random(seed)
    versions = played(history)
    moments = [random.randrange(history[0][0], history[-1][0] + 20) for _ in range(30)] + [at for at, _ in history]
    for moment in moments:
        listed = {one.symbol: one for one in in_force(versions[::-1], moment).values() if one.listed}
        told = {}
        for symbol in SYMBOLS:
            held = [now for at, now in effective(history, symbol) if at <= moment]
            if held and held[-1] is not None:
                told[symbol] = held[-1]
        assert {s: (one.terms.base, _text(one.terms.tick), one.terms.state) for s, one in listed.items()} == told


@pytest.mark.parametrize("seed", range(10))
def test_the_difference_of_two_times_leads_from_one_to_the_other(seed: int) -> None:
    history, random = drawn(seed), Random(seed)
    versions = played(history)
    for _ in range(20):
        one, other = sorted(random.sample(range(history[-1][0] + 10), 2))
        before = {name: v.terms for name, v in in_force(versions, one).items() if v.listed}
        now = {name: v.terms for name, v in in_force(versions, other).items() if v.listed}
        changes = {f"{c.exchange}:{c.symbol}": c for c in between(versions, one, other)}
        assert {name for name, c in changes.items() if c.kind == DELISTED} == before.keys() - now.keys()
        assert {n for n, c in changes.items() if c.kind in ("new", "listed again")} == now.keys() - before.keys()
        changed = {name for name in before.keys() & now.keys() if before[name] != now[name]}
        assert {name for name, c in changes.items() if c.kind == "changed"} == changed
        for name in changed:
            fields = changes[name].fields
            assert "tick" in fields or "state" in fields or "base" in fields


def kept(directory: Path, history: History) -> None:
    with opened(directory, write=True) as store:
        for at, told in history:
            store.take(snapshot(at, told), "here", "me", accept=True)
            store.take(snapshot(at, told, "beta"), "here", "me", accept=True)


def whole(directory: Path) -> tuple[list[Version], object]:
    with opened(directory) as store:
        return store.versions(), store.syncs()


def check_kept(directory: Path, seed: int, length: int) -> None:
    """Two venues side by side in one file, and everything again, which changes nothing."""
    history = drawn(seed, length)
    kept(directory, history)
    first = whole(directory)
    for venue in ("alpha", "beta"):
        assert rows_of([one for one in first[0] if one.exchange == venue]) == recomputed(history)
    assert all(one.modified_by == "me" for one in first[0])
    assert all(one.modified_at == (one.valid_to or one.valid_from) for one in first[0])
    with opened(directory, write=True) as store:
        for at, told in history:
            assert not store.take(snapshot(at, told), "again", "somebody else").told
    assert whole(directory) == first


def test_the_file_holds_the_same_and_a_second_sync_touches_nothing(tmp_path: Path) -> None:
    check_kept(tmp_path, 3, 3)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_histories_in_files(tmp_path: Path, seed: int) -> None:
    check_kept(tmp_path, seed, 10)


def test_a_short_answer_is_refused_unless_accepted() -> None:
    """Of eight that were listed three are suspicious, four are not; of one kind as of all."""
    full: dict[str, Told] = dict.fromkeys(SYMBOLS, ("BTC", "1", "trading"))
    known = {one.symbol: one for one in played([(10, full)])}
    short = snapshot(20, {symbol: full[symbol] for symbol in SYMBOLS[:3]})
    with pytest.raises(SnapshotRefused, match="suspiciously short: 3 instruments where 8 were listed"):
        compare(known, 10, short, "me")
    assert len(compare(known, 10, short, "me", accept=True).closed) == 5
    half = snapshot(20, {symbol: full[symbol] for symbol in SYMBOLS[:4]})
    assert len(compare(known, 10, half, "me").closed) == 4


def test_a_kind_that_vanishes_is_refused() -> None:
    """An answer about spot alone does not say that no contract is listed any more."""
    perpetual = snapshot(10, {f"P{number}": ("BTC", "1", "trading") for number in range(3)})
    spot = snapshot(10, {f"S{number}": ("BTC", "1", "trading") for number in range(20)})
    import msgspec

    linear = {s: msgspec.structs.replace(one, kind="linear_perpetual") for s, one in perpetual.terms.items()}
    both = Snapshot("alpha", 10, {**spot.terms, **linear})
    known = {one.symbol: one for one in compare({}, 0, both, "me").opened}
    with pytest.raises(SnapshotRefused, match="0 linear_perpetual where 3 were listed"):
        compare(known, 10, Snapshot("alpha", 20, spot.terms), "me")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (Snapshot("alpha", 9, snapshot(9, {"S0": ("BTC", "1", "trading")}).terms), "what is known is of"),
        (Snapshot("alpha", 30, {}), "lists no instrument"),
        (Snapshot("alpha", 30, snapshot(30, {"S0": ("BTC", "1", "trading")}).terms, "no answer to /b"), "/b"),
        (snapshot(10, {"S0": ("BTC", "2", "trading")}), "at the same time"),
    ],
)
def test_what_cannot_be_all_or_comes_too_late_is_refused(told: Snapshot, why: str) -> None:
    known = {one.symbol: one for one in played([(10, {"S0": ("BTC", "1", "trading")})])}
    with pytest.raises(SnapshotRefused, match=why) as refused:
        compare(known, 10, told, "me")
    assert refused.value.where == "alpha"


def test_another_coin_under_an_old_symbol_inherits_no_rules() -> None:
    history: History = [(10, {"S0": ("BTC", "1", "halted")}), (20, {"S0": ("ETH", None, "trading")})]
    assert rows_of(played(history))[1] == ("S0", 20, None, True, "ETH", None, "trading")


KILLED = """
import os, signal, sys, threading
from pathlib import Path
from collecting.test_securities_history import MANY, snapshot
from cryptopipe.securities.access import opened
from cryptopipe.securities.store import Store

class Dying(Store):
    def _note(self, done):
        super()._note(done)
        if sys.argv[2] == "within":
            os.kill(os.getpid(), signal.SIGKILL)

def many(tick):
    return {f"S{n}": ("ETH", tick, "trading") for n in range(MANY)}

with opened(Path(sys.argv[1]), write=True) as store:
    store.take(snapshot(10, many("1")), "here", "me")
    if sys.argv[2].startswith("0."):
        threading.Timer(float(sys.argv[2]), os.kill, (os.getpid(), signal.SIGKILL)).start()
    Dying(store._connection).take(snapshot(20, many("2")), "here", "me")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(directory: Path, when: str) -> tuple[list[Version], int]:
    """The versions and the newest sync after a process took a change of every instrument and was killed: before its
    transaction ended, right after, or after so many seconds.
    """
    here = [str(path) for path in (Path(__file__).parent.parent, Path(__file__).parent.parent.parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(here)}
    child = subprocess.run([sys.executable, "-c", KILLED, str(directory), when], env=environment, check=False)
    assert child.returncode == -signal.SIGKILL
    with opened(directory, write=True) as store:
        return store.versions(), max(one.at for one in store.syncs())


def test_killed_before_the_end_nothing_is_changed(tmp_path: Path) -> None:
    versions, last = killed(tmp_path, "within")
    assert (len(versions), last) == (MANY, 10)
    assert {(one.valid_from, one.valid_to, one.is_current) for one in versions} == {(10, None, True)}


@pytest.mark.long
def test_killed_after_the_end_all_is_changed(tmp_path: Path) -> None:
    versions, last = killed(tmp_path, "after")
    assert (len(versions), last) == (2 * MANY, 20)
    assert {(one.valid_from, one.valid_to) for one in versions} == {(10, 20), (20, None)}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_killed_at_any_time_there_is_one_transaction_or_none(tmp_path: Path, seed: int) -> None:
    versions, last = killed(tmp_path, f"{Random(seed).uniform(0, 0.25):.4f}")
    assert (len(versions), last) in ((MANY, 10), (2 * MANY, 20))
    assert len([one for one in versions if one.is_current]) == MANY


def test_who_comes_meanwhile_is_told_so(tmp_path: Path) -> None:
    kept(tmp_path, [(10, {"S0": ("BTC", "1", "trading")})])
    with opened(tmp_path, write=True), pytest.raises(SecuritiesBusy) as refused, opened(tmp_path, wait_s=0):
        pass
    assert refused.value.exit_code == 75 and refused.value.fix
    with opened(tmp_path) as one, opened(tmp_path, wait_s=0) as other:
        assert one.versions() == other.versions()
        with pytest.raises(SQLAlchemyError, match="read-only"):
            one.tell(one.syncs())


def test_a_reader_makes_no_file_and_a_newer_schema_is_refused(tmp_path: Path) -> None:
    import duckdb

    with pytest.raises(SecuritiesError, match="no security master"), opened(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
    kept(tmp_path, [(10, {"S0": ("BTC", "1", "trading")})])
    with duckdb.connect(database(tmp_path)) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(SecuritiesError, match="9999"), opened(tmp_path, write=True):
        pass


def test_the_view_is_for_people_and_tables_are_as_declared(tmp_path: Path) -> None:
    """The migration makes what `schema` declares; times are timestamps in the view."""
    import duckdb

    from cryptopipe.securities.schema import metadata

    second = 1_000_000_000
    kept(tmp_path, [(second, {"S0": ("BTC", "0.10", "trading")}), (3 * second, {"S1": ("ETH", "1", "halted")})])
    with duckdb.connect(database(tmp_path), read_only=True) as connection:
        for name, table in metadata.tables.items():
            made = [row[0] for row in connection.execute(f"describe {name}").fetchall()]
            assert made == [column.name for column in table.columns]
        rows = connection.execute(
            "select trading_pair, epoch_ns(datetime), is_current, state, epoch_ns(valid_to), last_modified_user"
            " from securities where exchange = 'alpha' order by trading_pair, datetime"
        ).fetchall()
    assert rows == [
        ("S0", second, False, "trading", 3 * second, "me"),
        ("S0", 3 * second, False, "delisted", None, "me"),
        ("S1", 3 * second, True, "halted", None, "me"),
    ]
