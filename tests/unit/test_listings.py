"""What venues tell in a run: merged, journalled, in force; and when they are asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal as D
from pathlib import Path

import msgspec
import pytest
import structlog
from conformance.bitfoo import make

from cryptopipe import api
from cryptopipe.capture.inputs import METADATA, Direction, Input
from cryptopipe.capture.writer import Writer
from cryptopipe.cli.logs import configure
from cryptopipe.clock import SECOND, Nanos
from cryptopipe.drivers.intake import Arrival, Intake
from cryptopipe.drivers.streams import Streams
from cryptopipe.journal.log import Log
from cryptopipe.journal.sink import DurableSink
from cryptopipe.journal.told import listed
from cryptopipe.market.feeds import NO_ANSWER, Ask, Feeds, Task, subscriptions_of
from cryptopipe.market.fees import FeesInForce
from cryptopipe.market.inquiry import AFTER_OPENING, AGAIN, LONGEST_AGAIN, Inquiries
from cryptopipe.market.listings import FeesTold, InstrumentChange, Listings
from cryptopipe.market.market import Market
from cryptopipe.market.pacing import Bucket
from cryptopipe.model.identity import identified
from cryptopipe.model.stream import HttpRequest, HttpResponse

T: Nanos = 1_800_000_000 * SECOND
HOUR = 3600 * SECOND
VENUE = api.VenueId("bitfoo")
RULES = api.TradingRules(D("0.01"), D("0.1"), D(1), D(5))
COIN = api.Instrument(VENUE, "btcusdt", api.Asset("BTC"), api.Asset("USDT"), rules=RULES)
URL = "https://bitfoo.example/v2/"
HALTED, TRADING = api.TradingState.HALTED, api.TradingState.TRADING


@dataclass
class Told:
    """A venue's metadata, of which the test says what the next answer means; each body is its key."""

    paths: Sequence[str] = ("pairs",)
    refresh: Nanos = HOUR
    answers: dict[bytes, api.Listing | Exception] = field(default_factory=dict)

    def requests(self) -> Sequence[HttpRequest]:
        return [HttpRequest("GET", URL + path) for path in self.paths]

    def read(self, response: HttpResponse) -> api.Listing:
        told = self.answers[response.body]
        if isinstance(told, Exception):
            raise told
        return told


def so(**changes: object) -> api.Instrument:
    return msgspec.structs.replace(COIN, **changes)


class Desk:
    """Listings of one venue, and what each answer changes."""

    def __init__(self, known: api.Instrument = COIN) -> None:
        self.told = Told()
        self.plugin = replace(make(), metadata=self.told)
        self.listings = Listings({VENUE: self.plugin})
        self.listings.now(known)
        self.known, self.seq = known, 0

    def hear(self, *instruments: api.Instrument, **more: object) -> list[api.Instrument]:
        self.seq += 1
        body = b"%d" % self.seq
        self.told.answers[body] = api.Listing(instruments, **more)  # type: ignore[arg-type]
        return self.listings.read(VENUE, answer(body, self.seq))

    @property
    def now(self) -> api.Instrument:
        return self.listings.now(self.known)

    def news(self) -> list[tuple[str, str, str, int]]:
        taken = [one for one in self.listings.news if isinstance(one, InstrumentChange)]
        self.listings.news.clear()
        return [(one.field, one.old, one.new, one.told_by) for one in taken]


def answer(body: bytes, seq: int = 1, status: int = 200) -> Input:
    return Input(seq, seq, T, Direction.HTTP, VENUE, "", URL, body, status, (), METADATA)


def test_what_an_answer_says_is_taken_over_field_by_field() -> None:
    desk = Desk()
    finer = api.TradingRules(D("0.001"), D("0.1"), D(2), D(5))
    told = so(state=api.TradingState.POST_ONLY, rules=finer, delists_at=T)
    assert desk.hear(told) == [told] and desk.now == told
    assert desk.news() == [
        ("state", "trading", "post_only", 1),
        ("tick", "0.01", "0.001", 1),
        ("min_size", "1", "2", 1),
        ("delists_at", "", "2027-01-15T08:00:00.000000000Z", 1),
    ]
    assert desk.hear(COIN) == [COIN]
    assert [(name, told_by) for name, _, _, told_by in desk.news()] == [
        ("state", 2), ("tick", 2), ("min_size", 2), ("delists_at", 2),
    ]  # fmt: skip


def test_an_answer_of_what_is_known_changes_nothing() -> None:
    desk = Desk()
    assert desk.hear(COIN) == [] and desk.news() == []


def test_what_an_answer_does_not_say_stays() -> None:
    desk = Desk()
    desk.hear(so(state=HALTED))
    desk.news()
    assert desk.hear() == []
    assert desk.hear(so(symbol="ethusdt", base=api.Asset("ETH"))) == []
    assert desk.hear(so(rules=None)) == []  # it is listed; neither rules nor state are told
    assert desk.now == so(state=HALTED) and desk.news() == []
    desk.hear(COIN)
    assert desk.hear(so(rules=None, state=HALTED)) == [so(state=HALTED)]


def test_an_end_of_trading_may_be_told_alone_and_the_earliest_counts() -> None:
    desk = Desk()
    assert desk.hear(delists={"btcusdt": T + 2}) == [so(delists_at=T + 2)]
    assert desk.hear(so(delists_at=T + 1)) == [so(delists_at=T + 1)]
    assert desk.hear(COIN) == [so(delists_at=T + 2)]
    assert desk.hear(delists={"btcusdt": T + 3}) == [so(delists_at=T + 3)]
    assert [told_by for *_, told_by in desk.news()] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"base": api.Asset("BTC@bitfoo")}, "its base is told as BTC@bitfoo, here it is BTC"),
        ({"quote": api.Asset("USDC")}, "its quote is told as USDC, here it is USDT"),
        ({"kind": api.Kind.LINEAR_PERPETUAL}, "its kind is told as linear_perpetual, here it is spot"),
        ({"contract_size": D(10)}, "its contract_size is told as 10, here it is 1"),
    ],
)
def test_another_instrument_of_the_same_symbol_is_refused_for_good(told: dict[str, object], why: str) -> None:
    desk = Desk()
    assert desk.hear(so(**told)) == [so(state=HALTED)]
    assert desk.listings.refused == {COIN.id: why}
    (news,) = desk.listings.news
    assert isinstance(news, InstrumentChange) and (news.new, news.why) == ("halted", why)
    assert desk.hear(COIN) == [] and desk.now.state is HALTED


def test_an_instrument_whose_rules_nobody_knew_gets_them_and_its_contracts_size() -> None:
    desk = Desk(so(rules=None))
    assert desk.hear(so(contract_size=D("0.1"))) == [so(contract_size=D("0.1"))]
    names = [name for name, old, _, _ in desk.news() if old == "" or name == "contract_size"]
    assert names == ["tick", "step", "min_size", "min_notional", "contract_size"]


def test_a_book_that_appears_later_is_as_its_venue_told_before() -> None:
    desk = Desk()
    ether = so(symbol="ethusdt", base=api.Asset("ETH"))
    assert desk.hear(msgspec.structs.replace(ether, state=HALTED)) == []
    assert desk.listings.now(ether).state is HALTED
    assert desk.news() == [("state", "trading", "halted", 1)]


@pytest.mark.parametrize(
    ("status", "told", "why"),
    [
        (200, api.ProtocolError("not JSON"), "not JSON"),
        (200, api.VenueError("closed"), "closed"),
        (200, KeyError("x"), "the plugin raised KeyError in Told.read"),
        (404, api.Listing((so(state=HALTED),)), "status 404: x"),
        (NO_ANSWER, api.Listing((so(state=HALTED),)), "status 599: x"),
    ],
)
def test_an_answer_of_no_use_changes_nothing_and_says_why(status: int, told: api.Listing | Exception, why: str) -> None:
    desk = Desk()
    desk.told.answers[b"x"] = told
    assert desk.listings.read(VENUE, answer(b"x", status=status)) == []
    assert desk.listings.failure.startswith(why) and desk.now == COIN
    desk.hear(COIN)
    assert desk.listings.failure == ""


@pytest.mark.parametrize(
    "told",
    [
        {"instruments": [so(state="halted")]},
        {"instruments": [so(delists_at="soon")]},
        {"instruments": [so(rules={"tick": "1"})]},
        {"instruments": [], "delists": {"btcusdt": "soon"}},
        {"instruments": [], "fees": "0.1"},
        {"instruments": [], "currencies": [api.Currency(VENUE, "USDT", None)]},  # type: ignore[arg-type]
    ],
    ids=["state", "end", "rules", "ends", "fees", "currency"],
)
def test_values_of_another_kind_are_an_answer_of_no_use(told: dict[str, object]) -> None:
    desk = Desk()
    desk.told.answers[b"x"] = api.Listing(**told)  # type: ignore[arg-type]
    assert (desk.listings.read(VENUE, answer(b"x")), desk.now) == ([], COIN)
    assert desk.listings.failure.startswith("the plugin raised TypeError in ")


def test_what_a_codec_remembers_of_one_run_is_nothing_to_another() -> None:
    class Once(Told):
        def read(self, response: HttpResponse) -> api.Listing:
            if self.refresh == 1:
                raise api.ProtocolError("told before")
            self.refresh = 1
            return api.Listing()

    plugin = replace(make(), metadata=Once())
    for _ in range(2):
        listings, failures = Listings({VENUE: plugin}), []
        for number in (1, 2):
            listings.read(VENUE, answer(b"x", number))
            failures.append(listings.failure)
        assert failures == ["", "told before"]


def test_currencies_are_kept_as_told_last_with_the_networks_that_were_told() -> None:
    desk, chain = Desk(), api.Network("ERC20", "ethereum", withdrawals=True, withdrawal_fee=D(3))
    desk.hear(currencies=[api.Currency(VENUE, "USDT", api.Asset("USDT"), (chain,))])
    desk.hear(currencies=[api.Currency(VENUE, "USDT", api.Asset("USDT")), api.Currency(VENUE, "BTC", api.Asset("BTC"))])
    kept = desk.listings.currencies(VENUE)
    assert kept["USDT"].networks == (chain,) and set(kept) == {"USDT", "BTC"}
    shut = msgspec.structs.replace(chain, withdrawals=False)
    desk.hear(currencies=[api.Currency(VENUE, "USDT", api.Asset("USDT"), (shut,))])
    assert desk.listings.currencies(VENUE)["USDT"].networks == (shut,)


def flat(maker: str, taker: str) -> api.FeeSchedule:
    return api.FeeSchedule.flat(maker, taker, "told", "as answered", "received")


def test_an_instrument_of_a_token_that_is_only_called_like_its_asset_is_halted_for_good() -> None:
    """USDT by a contract that is not Tether's; LUNA is another venue's word for LUNC, and no contract speaks of it."""
    desk, usdt = Desk(), "0xab"
    fake = identified(VENUE, "USDT", [api.Network("ERC20", "ethereum", usdt)])
    frog = identified(VENUE, "FROG", [api.Network("ERC20", "ethereum", usdt)])
    luna = api.Currency(VENUE, "LUNA", api.Asset("LUNC"))
    assert desk.hear(currencies=[luna, api.Currency(VENUE, "BTC", api.Asset("BTC"))]) == []
    assert desk.hear(currencies=[api.Currency(VENUE, "FROG", frog), api.Currency(VENUE, "USDT", fake)]) == [desk.now]
    assert desk.news() == [("state", "trading", "halted", 2)]
    assert desk.listings.refused == {COIN.id: "its USDT is told as USDT@ethereum:0xab, by its contract"}
    assert desk.hear(COIN, currencies=[api.Currency(VENUE, "USDT", api.Asset("USDT"))]) == []
    assert desk.now.state is HALTED


def test_fees_are_news_when_they_differ_from_the_plugins_table_and_again_when_they_change() -> None:
    desk = Desk()
    for rates in (("0.001", "0.001"), ("0.001", "0.002"), ("0.001", "0.002"), ("0.0005", "0.002")):
        desk.hear(fees=flat(*rates))
    assert [(one.told_by, one.fees) for one in desk.listings.news if isinstance(one, FeesTold)] == [
        (2, flat("0.001", "0.002")), (4, flat("0.0005", "0.002")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "fixed", "in_force"),
    [
        (("0.0005", "0.002"), (), ("0.001", "0.002")),
        (("0.0005", "0.0005"), (), ("0.001", "0.001")),
        (("0.002", "0.002"), (VENUE,), ("0.001", "0.001")),
    ],
)
def test_a_told_rate_is_used_where_it_is_dearer_and_the_user_has_set_none(
    told: tuple[str, str], fixed: tuple[api.VenueId, ...], in_force: tuple[str, str]
) -> None:
    fees = FeesInForce({VENUE: make().fees}, fixed)
    now = fees.take(FeesTold(VENUE, flat(*told), 1))
    assert now == fees[VENUE]
    assert (now.maker_rate, now.taker_rate, now.charged_in) == (D(in_force[0]), D(in_force[1]), "quote")


def inquiries(told: Told, limit: api.Limit, refresh: Nanos | None = None) -> tuple[Inquiries, Bucket]:
    made, bucket = Inquiries(lambda: 1.0, refresh), Bucket([limit])
    made.add(replace(make(), metadata=told), bucket)
    return made, bucket


MANY = api.Limit(100, SECOND)


def test_nothing_is_asked_before_a_connection_is_open_nor_in_the_seconds_after() -> None:
    asking, _ = inquiries(Told(), MANY)
    assert asking.tick(T) == [] and asking.due > T + HOUR
    asking.opened(VENUE, T)
    assert asking.tick(T + AFTER_OPENING - 1) == [] and asking.due == T + AFTER_OPENING
    assert asking.tick(T + AFTER_OPENING) == [(VENUE, HttpRequest("GET", URL + "pairs"))]
    asking.answered(VENUE, True, T + AFTER_OPENING)
    asking.opened(VENUE, T + AFTER_OPENING)  # a reconnection asks nothing
    assert asking.tick(T + 3 * AFTER_OPENING) == []


def test_requests_of_a_venue_go_one_by_one_a_second_apart_and_again_after_the_refresh() -> None:
    asking, _ = inquiries(Told(("a", "b")), MANY)
    asking.opened(VENUE, T - AFTER_OPENING)
    times: list[tuple[str, Nanos]] = []
    now = T
    while now < T + HOUR + 4 * SECOND:
        for _, request in asking.tick(now):
            times.append((request.url[-1], (now - T) // SECOND))
            asking.answered(VENUE, True, now)
        now += SECOND
    assert times == [("a", 0), ("b", 1), ("a", 3600), ("b", 3601)]


def test_a_failure_is_tried_again_with_longer_waits_and_others_do_not_wait_for_it() -> None:
    asking, _ = inquiries(Told(("bad", "good")), MANY)
    asking.opened(VENUE, T - AFTER_OPENING)
    times: dict[str, list[Nanos]] = {"bad": [], "good": []}
    now = T
    while now < T + HOUR:
        for _, request in asking.tick(now):
            name = request.url.removeprefix(URL)
            times[name].append(now)
            asking.answered(VENUE, name == "good", now)
        now = max(now + 1, asking.due)
    waits = [b - a for a, b in zip(times["bad"], times["bad"][1:], strict=False)]
    assert times["good"] == [T + SECOND]
    assert waits[:4] == [AGAIN + AGAIN, AGAIN + 2 * AGAIN, AGAIN + 4 * AGAIN, AGAIN + 8 * AGAIN]
    assert max(waits) == AGAIN + LONGEST_AGAIN


def test_no_answer_at_all_is_a_failure_in_the_end() -> None:
    asking, _ = inquiries(Told(), MANY)
    asking.opened(VENUE, T - AFTER_OPENING)
    assert len(asking.tick(T)) == 1
    assert asking.tick(asking.due) == [] and asking.due == T + 30 * SECOND + AGAIN + AGAIN
    asking.answered(VENUE, True, T + 31 * SECOND)  # too late: it does not count
    assert len(asking.tick(asking.due)) == 1


def test_the_budget_of_requests_is_kept_and_a_quarter_of_it_left() -> None:
    asking, bucket = inquiries(Told(tuple("abcdefgh")), api.Limit(8, 60 * SECOND))
    asking.opened(VENUE, T - AFTER_OPENING)
    count, now = 0, T
    while now < T + 60 * SECOND:
        count += len(asking.tick(now))
        asking.answered(VENUE, True, now)
        now += SECOND
    assert count == 6 and bucket.free_at() <= now
    bucket.hold(now + 100 * SECOND)  # the venue said so
    assert asking.tick(now + 99 * SECOND) == [] and len(asking.tick(now + 100 * SECOND)) == 1


def test_zero_asks_nobody_and_a_plugin_that_cannot_say_what_to_ask_is_left_out() -> None:
    class Bug(Told):
        def requests(self) -> Sequence[HttpRequest]:
            raise OSError("no")

    class Texts(Told):
        def requests(self) -> Sequence[HttpRequest]:
            return ["https://bitfoo.example"]  # type: ignore[list-item]

    asking, _ = inquiries(Told(), MANY, refresh=0)
    asking.opened(VENUE, T)
    assert asking.tick(T + HOUR) == []
    asking, _ = inquiries(Bug(), MANY)
    assert "the plugin raised OSError in " in asking.unasked[VENUE]
    asking, _ = inquiries(Texts(), MANY)
    assert "the plugin raised TypeError in " in asking.unasked[VENUE]


class Run:
    """One venue's market and feeds, driven by hand."""

    def __init__(self, told: Told) -> None:
        plugin = replace(make(), metadata=told)
        self.now, self.market = T, Market({VENUE: plugin})
        wanted = {VENUE: subscriptions_of([COIN])}
        self.feeds = Feeds(self.market, {VENUE: plugin}, wanted, lambda: 1.0, T, lambda venue, url: f"{url}#")
        self.intake = Intake(self.feeds, self.market.receive, lambda: self.now)
        list(self.intake.tick())
        list(self.intake.receive(Arrival(Direction.OPEN, VENUE, "bitfoo#1", 0)))
        self.recv(b'{"type":"snapshot","symbol":"btcusdt","seq":5,"bids":[["9","1"]],"asks":[["10","1"]]}')

    def recv(self, frame: bytes) -> None:
        list(self.intake.receive(Arrival(Direction.RECV, VENUE, "bitfoo#1", 0, frame)))

    def tick(self, after: Nanos) -> list[Task]:
        """What is asked; meanwhile the stream goes on."""
        until, asked, number = self.now + after, list[Task](), 5
        while self.now < until:
            self.now = min(until, self.now + SECOND)
            number += 1
            self.recv(b'{"type":"top","symbol":"btcusdt","seq":%d,"bid":["9","1"],"ask":["10","1"]}' % number)
            asked += [task for _, task in self.intake.tick()]
        return [task for task in asked if isinstance(task, Ask)]

    def hear(self, body: bytes, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> list[Task]:
        arrival = Arrival(Direction.HTTP, VENUE, "", 0, body, URL, status, headers, METADATA)
        return [task for _, task in self.intake.receive(arrival)]


def test_the_book_has_the_instrument_of_now_and_counts_as_changed() -> None:
    told = Told(answers={b"1": api.Listing([so(state=HALTED)])})
    run = Run(told)
    assert run.tick(AFTER_OPENING) == [Ask(HttpRequest("GET", f"{URL}pairs#"), METADATA)]
    run.market.take_changed()
    assert run.hear(b"1") == []
    sync = run.market.books[VENUE]["btcusdt"]
    assert sync.instrument.state is HALTED and list(run.market.changed) == [COIN.id]
    assert run.market.counts[VENUE].refused == 0


def test_a_refusal_holds_every_request_and_closes_nothing() -> None:
    told = Told(answers={b"1": api.Listing([so(state=HALTED)])})
    run = Run(told)
    run.tick(AFTER_OPENING)
    assert run.hear(b"slow down", 429, (("retry-after", "50"),)) == []
    assert run.market.listings.failure == "status 429: slow down"
    assert run.tick(49 * SECOND) == [] and len(run.tick(2 * SECOND)) == 1
    assert run.hear(b"1") == []
    assert run.market.books[VENUE]["btcusdt"].instrument.state is HALTED
    assert run.feeds.supervisors[VENUE].fetches.free_at() <= run.now


def test_an_answer_nobody_tagged_is_no_metadata() -> None:
    """As in a foreign capture: it is a snapshot or nothing."""
    run = Run(Told(answers={b"1": api.Listing([so(state=HALTED)])}))
    run.market.receive(msgspec.structs.replace(answer(b"1"), request=""))
    assert run.market.books[VENUE]["btcusdt"].instrument.state is TRADING


def test_changes_are_told_in_the_log_as_documented(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "logs.md").read_text(encoding="utf-8")
    desk = Desk()
    desk.hear(so(state=HALTED), fees=flat("0.002", "0.003"))
    configure(verbose=1)
    with (
        Writer(tmp_path / "capture") as capture,
        Log.open(tmp_path / "journal") as log,
        structlog.testing.capture_logs() as lines,
    ):
        fees = FeesInForce({VENUE: make().fees})
        for news in desk.listings.news:
            body = listed(news, fees.take(news))
            DurableSink(log, capture).append(1, T, body.kind, body)
    assert len(lines) == 2
    for line in lines:
        data = ", ".join(name for name in line if name not in ("event", "log_level", "at"))
        assert f"\n| `{line['event']}` | {line['log_level']} | {data} |\n" in page


def test_an_answer_of_no_use_is_told_in_the_log_as_documented() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "logs.md").read_text(encoding="utf-8")
    told = Told(answers={b"x": api.ProtocolError("not JSON")})
    plugin = replace(make(), metadata=told)
    market = Market({VENUE: plugin})
    streams = Streams({VENUE: plugin}, market, {VENUE: subscriptions_of([COIN])}, market.receive, lambda at: None)
    configure(verbose=1)
    with structlog.testing.capture_logs() as lines:
        streams._taken(msgspec.structs.replace(answer(b"x"), url=URL + "pairs?token=hidden"))
        told.answers[b"x"] = api.Listing()
        streams._taken(answer(b"x"))
    (line,) = lines
    assert (line["reason"], line["url"]) == ("not JSON", URL + "pairs?token=***")
    data = ", ".join(name for name in line if name not in ("event", "log_level"))
    assert f"\n| `{line['event']}` | {line['log_level']} | {data} |\n" in page
