"""The writer, the reader and the lines: cases by name, and the messages a user sees."""

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from recordings import RECORDINGS, needs_recordings, read_lines

from cryptopipe.capture.arrows import END, MARK
from cryptopipe.capture.exchange import describe, export_lines, import_lines
from cryptopipe.capture.files import DISK, AppendFile, Disk, DiskFile
from cryptopipe.capture.inputs import Direction, Input
from cryptopipe.capture.reader import Capture, read
from cryptopipe.capture.redact import redact_headers, redact_sent, redact_url
from cryptopipe.capture.writer import Writer
from cryptopipe.clock import SECOND
from cryptopipe.errors import CaptureError

LINE = '{"ts":"1723161253.937085768","dir":"recv","raw":"{}"}\n'


def recv(seq: int, at: int = 0, payload: bytes = b"{}") -> Input:
    return Input(seq, seq, at or seq, Direction.RECV, "a", "a#1", "", payload)


def lines(path: Path, *texts: str) -> Path:
    path.write_text("".join(texts))
    return path


def test_a_line_of_a_recording_gets_defaults(tmp_path: Path) -> None:
    file = lines(tmp_path / "x.jsonl", LINE, "\n", LINE.replace("253", "254"))
    first, second = read(file, "binance")
    assert first == Input(1, 1, 1723161253937085768, Direction.RECV, "binance", "binance#1", "", b"{}")
    assert (second.seq, second.turn, second.at) == (2, 2, 1723161254937085768)


def test_lines_with_a_url_belong_to_the_connection_that_was_opened_with_it(tmp_path: Path) -> None:
    def line(direction: str, url: str) -> str:
        return json.dumps({"ts": "1.5", "dir": direction, "url": url, "raw": ""}) + "\n"

    told = [("connect", "wss://a"), ("connect", "wss://b"), ("recv", "wss://b"), ("recv", ""), ("http", "https://c")]
    file = lines(tmp_path / "x.jsonl", *(line(*each) for each in told), line("connect", "wss://a"))
    assert [entry.conn for entry in read(file, "v")] == ["v#1", "v#2", "v#2", "v#1", "v#1", "v#1"]
    assert next(read(file, "v")).direction is Direction.OPEN


def test_own_additions_are_read(tmp_path: Path) -> None:
    told = {"ts": "2", "dir": "http", "url": "u", "b64": "/wA=", "seq": 7, "turn": 3, "conn": "k_x#2", "status": 429}
    file = lines(tmp_path / "x.jsonl", json.dumps(told | {"headers": {"Retry-After": "1"}, "request": "depth"}))
    expected = Input(
        7, 3, 2 * SECOND, Direction.HTTP, "k_x", "k_x#2", "u", b"\xff\0", 429, (("Retry-After", "1"),), "depth"
    )
    assert list(read(file)) == [expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINE.replace("recv", "recieve"), "x.jsonl, line 2: unknown dir 'recieve': expected one of open, close"),
        (LINE.replace("1723161253", "soon"), "x.jsonl, line 2: not epoch seconds such as 1723161253.937: 'soon."),
        ('{"ts":"1.0","dir":"recv","raw":"', "x.jsonl, line 2: Input data was truncated"),
        ('{"dir":"recv","raw":""}', "x.jsonl, line 2: Object missing required field `ts`"),
        ('{"ts":"1","dir":"recv","b64":"?"}', "x.jsonl, line 2: "),
        ('{"ts":"1","dir":"recv","conn":"main","raw":""}', "x.jsonl, line 2: conn 'main' does not name its venue"),
    ],
)
def test_a_bad_line_is_named_and_the_lines_before_it_are_given(tmp_path: Path, text: str, message: str) -> None:
    inputs = read(lines(tmp_path / "x.jsonl", LINE, text), "v")
    assert next(inputs).seq == 1
    with pytest.raises(CaptureError) as caught:
        next(inputs)
    assert message in str(caught.value)
    assert caught.value.fix == "mend or remove the line"


def test_lines_without_a_venue_ask_for_one(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="line 1: the line names neither conn nor venue: say whose it is"):
        list(read(lines(tmp_path / "x.jsonl", LINE)))


def test_a_truncated_gzip_names_the_line_before_anything_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl.gz"
    file.write_bytes(gzip.compress(LINE.encode() * 3)[:-4])
    with pytest.raises(CaptureError, match=r"x\.jsonl\.gz, line 4: the gzip file is truncated"):
        read(file, "v")


@pytest.mark.parametrize("content", [b"", b"PAR1 and so on", b"\x89PNG"])
def test_a_foreign_or_empty_file_is_no_capture(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(CaptureError, match="not a capture: it begins with b'"):
        read(tmp_path / "x", "v")


def test_a_foreign_arrow_stream_is_no_capture(tmp_path: Path) -> None:
    with pa.OSFile(str(tmp_path / "x"), "w") as sink, pa.ipc.new_stream(sink, pa.schema([("a", pa.int8())])):
        pass
    with pytest.raises(CaptureError, match="an Arrow stream, but not a capture"):
        read(tmp_path / "x")


def test_a_missing_path_and_an_empty_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="nowhere: no such file or directory"):
        read(tmp_path / "nowhere")
    with pytest.raises(CaptureError, match=r"a directory without a capture: no 000001\.arrows"):
        read(tmp_path)


def segments(place: Path, count: int = 3) -> Path:
    with Writer(place / "c", segment_bytes=1) as writer:
        for seq in range(1, count + 1):
            writer.append(recv(seq, payload=b"%d" % seq * 50))
            writer.flush()
    return place / "c"


def test_a_missing_or_exchanged_segment_is_noticed(tmp_path: Path) -> None:
    capture = segments(tmp_path)
    assert [entry.seq for entry in read(capture)] == [1, 2, 3]
    assert [entry.seq for entry in read(capture / "000002.arrows")] == [2]
    (capture / "000001.arrows").rename(tmp_path / "kept")
    with pytest.raises(CaptureError, match=r"c: segment 000001\.arrows is missing"):
        read(capture)
    (capture / "000002.arrows").rename(capture / "000001.arrows")
    (tmp_path / "kept").rename(capture / "000002.arrows")
    with pytest.raises(CaptureError, match=r"000002\.arrows: does not continue the segment before it"):
        list(read(capture))


def test_damage_in_the_middle_is_told_from_an_unfinished_end(tmp_path: Path) -> None:
    with Writer(tmp_path / "c", span=10) as writer:
        for seq in range(1, 31):
            writer.append(recv(seq, payload=b"%d" % seq * 9))
    file = tmp_path / "c" / "000001.arrows"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    assert not Capture(tmp_path / "c").complete
    assert [entry.seq for entry in read(tmp_path / "c")] == list(range(1, 23))  # batches of 11, 11 and 8
    second = whole.index(MARK.encode(), whole.index(MARK.encode()) + 1) + 100
    file.write_bytes(whole[:second] + bytes([whole[second] ^ 1]) + whole[second + 1 : -20])
    inputs = read(tmp_path / "c")
    assert [next(inputs).seq for _ in range(11)] == list(range(1, 12))
    with pytest.raises(CaptureError, match=r"000001\.arrows \(segment 1\): batch at byte \d+ of \d+ is damaged"):
        next(inputs)


def test_another_venue_is_not_in_the_capture(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="holds no input of venue 'b': it holds a"):
        list(read(segments(tmp_path), "b"))


def test_a_batch_ends_after_a_second_even_if_no_input_comes(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "c")
    writer.append(recv(1, at=5))
    writer.append(recv(2, at=6))
    writer.flush_due(SECOND + 4)
    assert list(read(tmp_path / "c")) == []
    writer.flush_due(SECOND + 5)
    assert [entry.seq for entry in read(tmp_path / "c")] == [1, 2]
    writer.append(recv(3, at=SECOND + 6))
    writer.append(recv(4, at=2 * SECOND + 6))
    assert [entry.seq for entry in read(tmp_path / "c")] == [1, 2, 3, 4]
    assert writer.durable == 0
    writer.sync(4)
    assert writer.durable == 4
    with pytest.raises(ValueError, match="cannot sync up to input 5: the newest appended is 4"):
        writer.sync(5)
    writer.close()
    writer.close()
    with pytest.raises(CaptureError, match="the capture is closed"):
        writer.append(recv(5))


def test_a_capture_is_never_continued_by_another_writer(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="c: holds a capture already"):
        Writer(segments(tmp_path))


class FullDisk(Disk):
    """A disk with room for so many appends."""

    def __init__(self, room: int) -> None:
        self.room = room

    def create(self, path: Path) -> AppendFile:
        return FullFile(path, self)


class FullFile(DiskFile):
    def __init__(self, path: Path, disk: FullDisk) -> None:
        super().__init__(path)
        self._disk = disk

    def append(self, data: bytes) -> None:
        self._disk.room -= 1
        if self._disk.room < 0:
            raise OSError(28, "No space left on device")
        super().append(data)


def test_a_failed_write_is_final(tmp_path: Path) -> None:
    disk = FullDisk(room=1)
    writer = Writer(tmp_path / "c", files=disk)
    writer.append(recv(1))
    writer.sync(1)
    writer.append(recv(2))
    with pytest.raises(CaptureError, match="c: cannot be written: No space left on device"):
        writer.sync(2)
    disk.room = 9
    for again in (lambda: writer.append(recv(3)), lambda: writer.sync(1), writer.flush, writer.close):
        with pytest.raises(CaptureError, match="No space left"):
            again()
    assert [entry.seq for entry in read(tmp_path / "c")] == [1]


def test_replace_leaves_the_new_file_and_no_draft(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")
    DISK.replace(tmp_path / "x", b"new")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("x", b"new")]


def test_secrets_do_not_reach_the_disk(tmp_path: Path) -> None:
    url = "https://u:pw@v.example/api/v3/account?symbol=BTCUSDT&timestamp=1&apiKey=k1&signature=5ec&token=t1#x"
    headers = (("X-MBX-APIKEY", "k2"), ("Authorization", "k3"), ("OK-ACCESS-SIGN", "k4"), ("Date", "today"))
    sent = b'{"op":"login","args":[{"apiKey":"k5","sign":"k6\\"k7","symbol":"BTC"}]}'
    with Writer(tmp_path / "c") as writer:
        writer.append(Input(1, 1, 1, Direction.HTTP, "a", "a#1", url, b'{"token":"kept"}', 200, headers, "?key=k8"))
        writer.append(Input(2, 2, 2, Direction.SEND, "a", "a#1", "", sent))
    answer, frame = read(tmp_path / "c")
    assert answer.url == (
        "https://***@v.example/api/v3/account?symbol=BTCUSDT&timestamp=1&apiKey=***&signature=***&token=***#x"
    )
    assert [value for _, value in answer.headers] == ["***", "***", "***", "today"]
    assert (answer.payload, answer.request) == (b'{"token":"kept"}', "?key=***")
    assert frame.payload == b'{"op":"login","args":[{"apiKey":"***","sign":"***","symbol":"BTC"}]}'
    assert (redact_url(answer.url), redact_headers(answer.headers)) == (answer.url, answer.headers)
    assert redact_sent(frame.payload) == frame.payload


@needs_recordings
@pytest.mark.parametrize(
    "name",
    [
        "binance/spot_depth_stream_20211012.jsonl.gz",
        "kraken/v1_book1000_trade_ticker_20210417.jsonl.gz",
        "bitstamp/diff_order_book_live_trades_20220105.jsonl.gz",
        "okx/v5_books_trades_tickers_20220513.jsonl.gz",
    ],
)
def test_a_recording_keeps_every_text_through_import_and_export(tmp_path: Path, name: str) -> None:
    recorded = list(read_lines(name))
    assert import_lines(RECORDINGS / name, tmp_path / "one", "v") == len(recorded)
    export_lines(tmp_path / "one", tmp_path / "one.jsonl.gz")
    with gzip.open(tmp_path / "one.jsonl.gz", "rt", encoding="utf-8") as file:
        exported = [json.loads(line) for line in file]
    for ours, theirs in zip(exported, recorded, strict=True):
        assert (ours["raw"], ours.get("url", "")) == (theirs["raw"], theirs.get("url", ""))
        assert Decimal(ours["ts"]) == Decimal(theirs["ts"])
        assert ours["dir"] == theirs["dir"].replace("connect", "open")
    import_lines(tmp_path / "one.jsonl.gz", tmp_path / "two")
    export_lines(tmp_path / "two", tmp_path / "two.jsonl.gz")
    assert (tmp_path / "two.jsonl.gz").read_bytes() == (tmp_path / "one.jsonl.gz").read_bytes()


@needs_recordings
def test_a_summary_counts_what_the_readme_of_the_recordings_says(tmp_path: Path) -> None:
    import_lines(RECORDINGS / "kraken/v1_book1000_trade_ticker_20210417.jsonl.gz", tmp_path / "c", "kraken")
    summary = describe(tmp_path / "c")
    assert (summary.count, summary.native, summary.complete, summary.segments) == (2585, True, True, 1)
    assert summary.inputs == {
        ("kraken", "kraken#1", "open"): 3,
        ("kraken", "kraken#1", "recv"): 2579,
        ("kraken", "kraken#1", "send"): 3,
    }
    assert summary.meta == {"imported_from": "v1_book1000_trade_ticker_20210417.jsonl.gz"}


def test_an_export_never_overwrites_and_leaves_no_half_file(tmp_path: Path) -> None:
    capture = segments(tmp_path)
    file = tmp_path / "x.jsonl"
    assert export_lines(capture, file) == 3
    with pytest.raises(CaptureError, match=r"x\.jsonl: the file exists already"):
        export_lines(capture, file)
    assert len(file.read_text().splitlines()) == 3
    (capture / "000002.arrows").write_bytes((capture / "000002.arrows").read_bytes().removesuffix(END))
    with pytest.raises(CaptureError, match=r"000002\.arrows: ends early, though a segment follows it"):
        export_lines(capture, tmp_path / "y.jsonl")
    assert not (tmp_path / "y.jsonl").exists()


def test_an_import_that_meets_a_bad_line_leaves_no_capture(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"x\.jsonl, line 2: "):
        import_lines(lines(tmp_path / "x.jsonl", LINE, "{"), tmp_path / "c", "a")
    with pytest.raises(CaptureError, match="a directory without a capture"):
        read(tmp_path / "c")
    before = sorted(file.name for file in segments(tmp_path).iterdir())
    with pytest.raises(CaptureError, match="c: holds a capture already"):
        import_lines(tmp_path / "x.jsonl", tmp_path / "c", "a")
    assert sorted(file.name for file in (tmp_path / "c").iterdir()) == before
