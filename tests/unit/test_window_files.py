"""A window as a file: exact, refused when it is not whole, and readable by others.

Enters: streams of tops, damaged bytes. Leaves: a verdict. Never: an expected value that the file's writer computed.
"""

import json
import random
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from differential.sequences import lawful
from differential.tops import EVERYTHING, Flow, Row, buffers, flows, units_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from cryptopipe.capture.files import DISK, Disk
from cryptopipe.core import Window
from cryptopipe.drivers.replay import packaged_replay
from cryptopipe.errors import WindowFileError
from cryptopipe.journal.log import MemoryLog
from cryptopipe.market.window_files import KEY, load_window, save_window, window_table
from cryptopipe.registry import strategy
from cryptopipe.settings import load_settings
from cryptopipe.wiring import Wiring

pytestmark = pytest.mark.core

DAY = 86_400 * 10**9
AT = 1_700_000_000 * 10**9
FIVE = [
    (AT, AT - 10**6, 5 * 10**12, 10**11, 6 * 10**12, 10**12),
    (AT + 1, 0, 0, 0, 625 * 10**10, 2 * 10**12),
    (AT + 2, AT, 5 * 10**12, 10**12, 0, 0),
    (AT + 3, AT + 3, 5 * 10**12, 10**11, 6 * 10**12, 2**127 - 1),
    (AT + 4, AT + 3, 125 * 10**9, 1, 6 * 10**12, 10**12),
]


def filled(rows: list[Row], span: int = DAY, hot: int = 0) -> Window:
    window = Window(span, hot)
    window.extend(*buffers(rows))
    return window


def all_of(window: Any) -> dict[str, object]:
    return {name: (units_of(told := window.column(name, *EVERYTHING), name), told[1]) for name in window.COLUMNS}


@settings(lawful, max_examples=6)
@given(flows(), st.sampled_from([0, 10**9, DAY]))
def test_saving_and_loading_changes_nothing(flow: Flow, hot: int) -> None:
    from tempfile import TemporaryDirectory

    window = filled(flow.stream(), hot=hot)
    with TemporaryDirectory() as directory:
        path = Path(directory) / "x.feather"
        save_window(window, "alpha:XY", path)
        newest = max(window.column("received_at", *EVERYTHING)[0].tolist(), default=0)
        restored = load_window(path, newest)
    assert (restored.instrument, restored.left_out) == ("alpha:XY", 0)
    assert all_of(restored.window) == all_of(window)
    assert (restored.window.span, restored.window.hot, restored.window.max_bytes) == (DAY, hot, None)


def test_others_read_the_file(tmp_path: Path) -> None:
    """By pyarrow's own reader: exact decimals, null for an empty side, UTC stamps."""
    path = tmp_path / "x.feather"
    save_window(filled(FIVE), "alpha:XY", path)
    table = feather.read_table(path)
    assert table.column("bid").to_pylist() == [Decimal("5.000"), None, Decimal(5), Decimal(5), Decimal("0.125")]
    assert [str(one) for one in table.column("ask").to_pylist()] == ["6.00", "6.25", "None", "6.00", "6.00"]
    sizes = table.column("ask_size").to_pylist()
    assert sizes[:3] == [1, 2, None] and sizes[3] == Decimal("170141183460469231731687303.715884105727")
    assert table.column("received_at").cast(pa.int64()).to_pylist() == [AT + i for i in range(5)]
    assert table.column("event_time").is_null().to_pylist() == [False, True, False, False, False]
    assert table.schema.field("bid").type == pa.decimal128(38, 3)
    assert table.schema.field("ask_size").type == pa.decimal256(76, 12)
    told = json.loads(table.schema.metadata[KEY])
    assert (told["instrument"], told["rows"], told["span"], told["places"]["ask"]) == ("alpha:XY", 5, DAY, 2)
    assert table.equals(window_table(filled(FIVE), "alpha:XY"))


def test_rows_that_now_is_too_far_from_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x.feather"
    save_window(filled(FIVE, span=10), "alpha:XY", path)
    for now, stamps in ((AT + 12, [AT + 3, AT + 4]), (AT + 2, [AT, AT + 1, AT + 2]), (AT + 99, []), (AT - 1, [])):
        restored = load_window(path, now)
        assert restored.window.column("received_at", *EVERYTHING)[0].tolist() == stamps
        assert restored.left_out == 5 - len(stamps)
        assert restored.window.column("bid_size", *EVERYTHING)[1] == 12


def test_an_empty_window_is_a_file_too(tmp_path: Path) -> None:
    save_window(Window(5, 3, 7), "alpha:XY", tmp_path / "x")
    restored = load_window(tmp_path / "x", 0)
    assert (len(restored.window), restored.window.span, restored.window.hot, restored.window.max_bytes) == (0, 5, 3, 7)


def test_what_is_no_window_is_refused(tmp_path: Path) -> None:
    foreign = pa.table({"bid": [1]})
    cases = {"text": b"bid,ask\n1,2\n", "nothing": b""}
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
    feather.write_feather(foreign, tmp_path / "foreign")
    later = window_table(filled(FIVE), "alpha:XY")
    told = json.loads(later.schema.metadata[KEY]) | {"schema": 2}
    feather.write_feather(later.replace_schema_metadata({KEY: json.dumps(told)}), tmp_path / "later")
    feather.write_feather(later, tmp_path / "without digests")
    for name, message in {
        "missing": "there is no such file",
        "text": "not a saved window, or a damaged one: ",
        "nothing": "not a saved window, or a damaged one: ",
        "foreign": f"foreign: expected a window of {', '.join(Window.COLUMNS)}, got a table of bid",
        "later": "written by another version: expected schema 1, got 2",
        "without digests": "damaged: the values of its batch 0 differ from their digest",
    }.items():
        with pytest.raises(WindowFileError) as caught:
            load_window(tmp_path / name, AT)
        assert caught.value.message.startswith(message) and caught.value.where == str(tmp_path / name)
        assert caught.value.fix


def test_a_batch_that_was_taken_out_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "x.feather"
    save_window(filled(Flow(1, 2500).stream()), "alpha:XY", path, batch_rows=1000)
    assert len(load_window(path, AT + DAY // 2).window) == 2500
    with pa.ipc.open_file(str(path)) as reader:
        batches = [reader.get_batch_with_custom_metadata(number) for number in range(2)]
        schema = reader.schema
    for chosen, message in ((batches[:1], "cut: 1000 rows, and its head tells of 2500"), (batches[::-1], "damaged")):
        with pa.ipc.new_file(str(path), schema) as writer:
            for batch, meta in chosen:
                writer.write_batch(batch, custom_metadata=meta)
        with pytest.raises(WindowFileError, match=message):
            load_window(path, AT + DAY // 2)


def test_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    """Each file with some bytes changed or its end cut is refused, or it gives back what was saved."""
    path, draw = tmp_path / "x.feather", random.Random(5)
    window = filled(Flow(3, 3000, dust=50, empty=50).stream())
    save_window(window, "alpha:XY", path)
    whole, expected, refused = path.read_bytes(), all_of(window), 0
    for number in range(150):
        data = bytearray(whole)
        if number % 5:
            for _ in range(draw.choice((1, 1, 4))):
                data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        else:
            del data[draw.randrange(len(data)) :]
        path.write_bytes(data)
        try:
            restored = load_window(path, AT + DAY // 2)
        except WindowFileError:
            refused += 1
        else:
            assert (all_of(restored.window), restored.instrument) == (expected, "alpha:XY")
    assert refused > 120


class Failing(Disk):
    """A disk that breaks at one of its calls."""

    def __init__(self, call: str) -> None:
        self._call = call

    def create(self, path: Path) -> Any:
        file = DISK.create(path)

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        setattr(file, self._call, fail)
        return file


@pytest.mark.parametrize("call", ["append", "sync"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, call: str) -> None:
    path = tmp_path / "x.feather"
    save_window(filled(FIVE[:2]), "alpha:XY", path)
    before = path.read_bytes()
    with pytest.raises(WindowFileError, match="the window of alpha:XY cannot be written: No space left on device"):
        save_window(filled(FIVE), "alpha:XY", path, Failing(call))
    assert path.read_bytes() == before
    save_window(filled(FIVE), "alpha:XY", path)
    assert [one.name for one in tmp_path.iterdir()] == ["x.feather"]
    assert len(load_window(path, AT + 4).window) == 5


def test_a_run_keeps_what_the_settings_say() -> None:
    """A day of each instrument in 128 MiB, or what `window` says."""
    source, strategies = packaged_replay(), {"arbitrage": strategy("arbitrage").settings}
    for sets, kept in (([], (DAY, 128 << 20)), (["window.span=90m", "window.max_mb=3"], (5400 * 10**9, 3 << 20))):
        loaded = load_settings(environment={}, sets=sets, strategies=strategies).settings
        pipe = Wiring.of("arbitrage", loaded, source.venues).pipe(MemoryLog())
        for entry in islice(source, 400):
            pipe.receive(entry)
        windows = [sync.book.window for books in pipe.market.books.values() for sync in books.values()]
        assert len(windows) > 2 and {(one.span, one.max_bytes) for one in windows} == {kept}
