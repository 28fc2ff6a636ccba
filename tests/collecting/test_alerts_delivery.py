"""Of the delivery: what was told arrives, over HTTP, through failures, hangs and crashes; no URL is ever shown."""

import json
import queue
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cryptopipe.alerts import Alert, Spool
from cryptopipe.alerts.courier import Courier, CourierBusy, only_courier
from cryptopipe.alerts.message import Message
from cryptopipe.alerts.rules import Rule, Rules
from cryptopipe.alerts.sending import Channel
from cryptopipe.cli import main
from cryptopipe.clock import SECOND, parse_at
from cryptopipe.errors import ConfigError
from cryptopipe.settings import config_hash, effective, load_settings
from cryptopipe.settings.keys import without_keys

NOON = parse_at("2026-03-02T12:00:00Z")
SECRET = "hunter2secret"


class Service:
    """A service on the loopback that keeps what it is sent; `/bad` answers 500, `/hang` only when it is let go."""

    def __init__(self) -> None:
        self.arrived: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.go_on = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.arrived.put((self.path, document))
                if "hang" in self.path:
                    service.go_on.wait(20)
                self.send_response(500 if "bad" in self.path else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def url(self, path: str) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.server.server_port}/{path}"

    def titles(self) -> list[str]:
        found = []
        while not self.arrived.empty():
            found.append(self.arrived.get()[1]["title"])
        return found


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.go_on.set()
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path


def configure(place: Path, service: Service, **paths: str) -> None:
    channels = {name: service.url(path) for name, path in paths.items()}
    (place / "config.yaml").write_text(json.dumps({"data_dir": "data", "alerts": {"channels": channels}}))


def tell(place: Path, *wheres: str, kind: str = "feed.dead", at: int = NOON) -> None:
    spool = Spool(place / "data")
    for number, where in enumerate(wheres):
        assert spool.tell(Alert(kind, where, "no frame for 60 s", "warning", at + number))


def test_a_message_is_tried_on_each_channel_and_what_happened_is_told(
    place: Path, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(place, service, desk="well", pager="bad")
    assert main(["alerts", "test"]) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0] == "desk: delivered"
    assert shown.out.splitlines()[1].startswith("pager: failed: ") and "500" in shown.out
    assert service.titles() == ["[info] alerts.test"] * 2
    assert main(["alerts", "test", "--channel", "desk", "--json"]) == 0
    more = capsys.readouterr()
    assert json.loads(more.out) == {"schema": 1, "channels": {"desk": {"ok": True, "detail": "delivered"}}}
    assert SECRET not in shown.out + shown.err + more.out + more.err


def test_what_was_told_is_delivered_once_and_the_rest_waits_for_the_channel(
    place: Path, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(place, service, desk="well", pager="bad")
    tell(place, "alpha", "beta", "alpha", at=time.time_ns())
    assert main(["alerts", "run", "--once", "--json"]) == 75
    shown = capsys.readouterr()
    channels = json.loads(shown.out)["channels"]
    assert (channels["desk"]["sent"], channels["desk"]["repeats"], channels["desk"]["unsent"]) == (2, 1, 0)
    assert (channels["pager"]["sent"], channels["pager"]["unsent"], channels["pager"]["failures"]) == (0, 2, 1)
    assert "500" in channels["pager"]["reason"] and SECRET not in shown.out + shown.err
    assert sorted(service.titles()) == ["[warning] feed.dead alpha"] * 2 + ["[warning] feed.dead beta"]


class Recorder:
    """A channel in this process; `gate` lets its messages through."""

    def __init__(self, open_: bool = True) -> None:
        self.gate = threading.Event()
        self.begun: queue.Queue[Message] = queue.Queue()
        if open_:
            self.gate.set()

    def send(self, message: Message) -> str:
        self.begun.put(message)
        return "" if self.gate.wait(20) else "never"


RULES = Rules(("a", "b"), (Rule("all", severity="info"),))


def run_until_idle(courier: Courier, now: int) -> None:
    courier.turn(now)
    while courier.busy or courier.unsent:
        courier.turn(now)


def test_a_channel_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    tell(tmp_path, "alpha", "beta", "gamma")
    hanging, well = Recorder(open_=False), Recorder()
    courier = Courier(Spool(tmp_path / "data"), RULES, {"a": hanging, "b": well})
    courier.turn(NOON)
    while courier.state.channels["b"].sent < 3:
        courier.turn(NOON)
    assert (courier.busy, courier.state.channels["a"].sent) == ({"a"}, 0)
    assert hanging.begun.qsize() == 1, "one message at a time"
    hanging.gate.set()
    run_until_idle(courier, NOON)
    assert courier.state.channels["a"].sent == 3


def test_a_crash_loses_nothing_and_repeats_the_last_message_at_most(tmp_path: Path) -> None:
    tell(tmp_path, "alpha", "beta", "gamma")
    channel = Recorder()
    crashed = Courier(Spool(tmp_path / "data"), replace_channels("a"), {"a": channel})
    crashed.turn(NOON)
    first = channel.begun.get(timeout=10)  # it arrived, and the process that would note it is gone
    again = Courier(Spool(tmp_path / "data"), replace_channels("a"), {"a": channel})
    run_until_idle(again, NOON + SECOND)
    told = [channel.begun.get().title for _ in range(channel.begun.qsize())]
    assert told == [first.title, "[warning] feed.dead beta", "[warning] feed.dead gamma"]
    third = Courier(Spool(tmp_path / "data"), replace_channels("a"), {"a": channel})
    run_until_idle(third, NOON + 2 * SECOND)
    assert channel.begun.empty()


def replace_channels(*names: str) -> Rules:
    return Rules(names, RULES.rules)


def test_alerts_that_the_full_spool_dropped_are_an_alert(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "data", file_bytes=300, files=2)
    channel = Recorder()
    spool.tell(Alert("fill", "alpha", "first", "info", NOON))
    courier = Courier(spool, replace_channels("a"), {"a": channel})
    run_until_idle(courier, NOON)
    for number in range(20):
        spool.tell(Alert("fill", f"v{number}", "more", "info", NOON))
    run_until_idle(courier, NOON)
    told = [channel.begun.get().title for _ in range(channel.begun.qsize())]
    assert [one for one in told if "alerts.dropped" in one] == [f"[critical] alerts.dropped {spool.directory}"]
    assert any("v19" in one for one in told[-1:]) or "held back" in told[-1]


def test_one_process_delivers(tmp_path: Path) -> None:
    with only_courier(tmp_path), pytest.raises(CourierBusy), only_courier(tmp_path):
        pass
    with only_courier(tmp_path):
        pass


def test_what_a_service_says_loses_every_part_of_its_url() -> None:
    url = f"json://user:{SECRET}@127.0.0.1/hooks/T0KEN/Abc123?key=k3y"
    channel = Channel("desk", SecretStr(url))
    said = channel._hushed(f"cannot reach {url}:\nTOKEN t0ken of Abc123 with {SECRET.upper()} and k3y is wrong")
    assert not [part for part in (SECRET, "t0ken", "abc123", "k3y", "user", "hooks") if part in said.lower()]
    assert said.startswith("cannot reach") and said.endswith("is wrong") and "\n" not in said


def test_no_child_learns_of_a_channel() -> None:
    environment = {"CRYPTOPIPE_ALERTS__CHANNELS__DESK": SECRET, "CRYPTOPIPE_RISK__MAX_LOSS": "1"}
    assert without_keys(environment) == {"CRYPTOPIPE_RISK__MAX_LOSS": "1"}


def test_who_is_told_changes_no_hash_and_is_not_shown() -> None:
    told = load_settings(environment={"CRYPTOPIPE_ALERTS__CHANNELS__DESK": f"json://{SECRET}@x"}).settings
    assert told.alerts.channels["desk"].get_secret_value() == f"json://{SECRET}@x"
    assert config_hash(told) == config_hash(load_settings(environment={}).settings)
    assert effective(told)["alerts"]["channels"] == {"desk": "***"} and SECRET not in repr(told)


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "data" / "alerts").mkdir(parents=True)
    (tmp_path / "data" / "alerts" / "delivery.json").write_text('{"place": [1')
    with pytest.raises(ConfigError, match="not the state of a delivery"):
        Courier(Spool(tmp_path / "data"), RULES, {})


def test_the_spool_is_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell(place, "alpha", "beta:XY")
    tell(place, "alpha", kind="fill")
    (place / "config.yaml").write_text("data_dir: data")
    assert main(["alerts", "list", "--kind", "feed.*", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["found"], document["unread"], document["unreadable"]) == (2, 3, 0)
    assert document["alerts"][1] == {
        "at": "2026-03-02T12:00:00.000000001Z",
        "severity": "warning",
        "kind": "feed.dead",
        "where": "beta:XY",
        "text": "no frame for 60 s",
        "key": "feed.dead beta:XY",
        "data": {},
    }
    assert main(["alerts", "list", "--since", "2026-03-02T12:00:00.000000001Z", "--where", "beta:*"]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].split() == [
        "2026-03-02T12:00:00Z", "warning", "feed.dead", "beta:XY", "no", "frame", "for", "60", "s",
    ]  # fmt: skip
    assert shown.err == "1 alerts, 3 not read by `alerts run` yet\n"


def test_the_rules_are_explained(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = {"feeds": {"kinds": "feed.*", "channels": "desk"}, "bad": {"severity": "critical"}}
    channels = {"desk": f"json://{SECRET}@localhost", "pager": "json://localhost"}
    (place / "config.yaml").write_text(json.dumps({"alerts": {"channels": channels, "rules": rules}}))
    assert main(["alerts", "rules", "--kind", "feed.dead", "--where", "alpha", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert [(one["severity"], one["rules"], one["channels"]) for one in answers] == [
        ("info", [], []),
        ("warning", ["feeds"], ["desk"]),
        ("critical", ["feeds", "bad"], ["desk", "pager"]),
    ]
    assert main(["alerts", "rules"]) == 0
    shown = capsys.readouterr().out
    assert "bad: * at *, critical or worse → desk, pager" in shown and SECRET not in shown


@pytest.mark.parametrize(
    ("line", "alerts", "code", "said"),
    [
        (["run"], {}, 78, "alerts.channels: no channel is set"),
        (["test"], {"channels": {"desk": f"nosuch://{SECRET}"}}, 78, "alerts.channels.desk: not a URL that apprise"),
        (["test", "--channel", "dek"], {"channels": {"desk": "json://x"}}, 2, "did you mean 'desk'?"),
        (["rules"], {"rules": {"r": {"channels": "desk"}}}, 78, "rules.r.channels: no channel 'desk'"),
        (["rules"], {"quiet": {"hours": "22-7"}}, 78, "alerts.quiet.hours: expected hours such as 22:00-07:00"),
        (["rules"], {"quiet": {"zone": "Mars"}}, 78, "alerts.quiet.zone: expected a time zone"),
        (["rules", "--kind", "Dead Feed"], {}, 2, "a dotted noun"),
        (["list", "--since", "yesterday"], {}, 2, "not a duration"),
        (["run", "--every", "0s"], {}, 2, "above zero"),
        (["rules", "--set", f"alerts.channels.x={SECRET}"], {}, 78, "not on the command line"),
    ],
)
def test_what_is_wrong_is_named(
    place: Path, capsys: pytest.CaptureFixture[str], line: list[str], alerts: dict[str, Any], code: int, said: str
) -> None:
    (place / "config.yaml").write_text(json.dumps({"data_dir": "data", "alerts": alerts}))
    assert main(["alerts", *line]) == code
    shown = capsys.readouterr()
    assert said in shown.err and "fix: " in shown.err
    assert SECRET not in shown.out + shown.err
