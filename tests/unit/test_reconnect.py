"""A venue asks for another connection: when it is dialled, how often, and when the old one is closed."""

from dataclasses import replace

import pytest
from unit.test_supervisor import CONNECT, Session, T, spoken

from cryptopipe.clock import SECOND
from cryptopipe.market.line import Feed, Stage
from cryptopipe.market.supervisor import Arrived, Carried, Closed, Opened, Supervisor, Tick
from cryptopipe.market.supply import Stream
from cryptopipe.model.contracts import Limit
from cryptopipe.model.events import BookSnapshot, Close, Command, Dial, Reconnect
from cryptopipe.model.stream import Connect

PLAIN = Feed("foo#1", Connect(CONNECT.url, CONNECT.frames), (Stream("XY"),))
OTHER = replace(PLAIN, conn="foo#2", streams=(Stream("YZ"),))
WISH = Reconnect("please leave")
NEXT, BACK = Dial(CONNECT.url, "foo#1+"), Dial(CONNECT.url, "foo#1")
HOUR = 3600


def open_for(*feeds: Feed, second: float = HOUR, jitter: float = 1.0, dials: int = 5) -> Session:
    """Connections that are open since the first second, and spoke."""
    session = Session(*feeds)
    session.supervisor = Supervisor(feeds, lambda: jitter, dials=(Limit(dials, 60 * SECOND),))
    session.tell(0, Tick())
    for feed in feeds:
        session.tell(0, Opened(feed.conn))
    spoken(session, 1, *(feed.conn for feed in feeds))
    spoken(session, second, *(feed.conn for feed in feeds))
    session.tell(second, Tick())
    session.wakes.clear()
    return session


def wished(session: Session, second: float, conn: str = "foo#1") -> list[Command]:
    """The venue's wish, then the tick that it entails, if any."""
    assert session.tell(second, Arrived(conn, (WISH,))) == []
    return session.tell(second, Tick())


def carried(session: Session, second: float, old: str, new: str) -> list[Command]:
    """The new connection opens, speaks and carries the books, and the old one is closed."""
    session.tell(second, Opened(new))
    spoken(session, second, new)
    told = session.tell(second, Carried(old, new))
    session.tell(second, Closed(old))
    return told


def test_another_connection_is_dialled_at_once_and_the_old_one_closed_when_it_carries_the_books() -> None:
    session = open_for(PLAIN)
    assert session.tell(HOUR, Arrived("foo#1", (WISH,))) == []
    assert session.wakes == [T + HOUR * SECOND], "the driver is told to come back at once"
    assert session.tell(HOUR, Tick()) == [NEXT]
    assert session.stage is Stage.OPEN
    reason = "foo#1+ carries its books, asked for by the venue: please leave"
    assert carried(session, HOUR + 1, "foo#1", "foo#1+") == [Close(reason, "foo#1")]
    assert list(session.supervisor.lines) == ["foo#1+"]


@pytest.mark.parametrize("again_at", [0, 1, 3])
def test_asked_again_it_is_the_same_wish(again_at: float) -> None:
    """Before the other one is dialled, while it is being opened, and while it takes the books over."""
    session = open_for(PLAIN)
    dialled: list[Command] = session.tell(HOUR, Arrived("foo#1", (WISH,)))
    if again_at == 0:
        session.tell(HOUR, Arrived("foo#1", (WISH, WISH)))
    dialled += session.tell(HOUR, Tick())
    if again_at == 1:
        dialled += wished(session, HOUR + 1)
    session.tell(HOUR + 2, Opened("foo#1+"))
    spoken(session, HOUR + 2, "foo#1+")
    if again_at == 3:
        dialled += wished(session, HOUR + 3)
    assert dialled == [NEXT]
    session.tell(HOUR + 4, Carried("foo#1", "foo#1+"))
    session.tell(HOUR + 4, Closed("foo#1"))
    assert session.tell(HOUR + 5, Tick()) == [], "the wish was of the connection that is gone"


def test_an_attempt_that_fails_is_repeated_sooner_than_a_planned_one() -> None:
    session = open_for(PLAIN, dials=100)
    assert wished(session, HOUR) == [NEXT]
    session.tell(HOUR, Closed("foo#1+", 503))
    assert session.tell(HOUR + 0.9, Tick()) == []
    assert session.tell(HOUR + 1, Tick()) == [NEXT]
    session.tell(HOUR + 1, Closed("foo#1+", 503))
    assert wished(session, HOUR + 1.5) == [], "the venue's impatience does not shorten it"
    assert session.tell(HOUR + 2.9, Tick()) == []
    assert session.tell(HOUR + 3, Tick()) == [NEXT]


def test_attempts_stay_within_the_budget_of_dials() -> None:
    session = open_for(PLAIN, dials=2)
    session.tell(HOUR, Arrived("foo#1", (WISH,)))
    dialled = 0
    for second in range(59):
        for command in session.tell(HOUR + second, Tick()):
            dialled += isinstance(command, Dial)
            session.tell(HOUR + second, Closed("foo#1+", 503))
        spoken(session, HOUR + second, "foo#1")
    assert dialled == 2


def test_what_the_venue_ends_itself_before_the_other_one_is_open_is_an_ordinary_end() -> None:
    session = open_for(PLAIN)
    assert wished(session, HOUR) == [NEXT]
    session.tell(HOUR + 2, Closed("foo#1"))
    assert list(session.supervisor.lines) == ["foo#1+"], "the dial that is under way is not thrown away"
    assert session.tell(HOUR + 3, Opened("foo#1+")) != []


def test_the_old_one_ends_after_a_minute_if_a_book_never_comes() -> None:
    session = open_for(PLAIN)
    wished(session, HOUR)
    session.tell(HOUR + 1, Opened("foo#1+"))
    spoken(session, HOUR + 1, "foo#1+")
    assert session.tell(HOUR + 59, Tick()) == []
    told = session.tell(HOUR + 60, Tick())
    assert told == [Close("foo#1+ replaces it, asked for by the venue: please leave", "foo#1")]


def test_a_venue_that_asks_on_each_new_connection_is_followed_with_a_back_off() -> None:
    session = open_for(PLAIN, dials=100)
    conns, at, waits = ["foo#1", "foo#1+"], float(HOUR), []
    for turn in range(6):
        old, new = conns[turn % 2], conns[(turn + 1) % 2]
        asked_at = at
        told = wished(session, at, old)
        while not told:
            at += 0.5
            told = session.tell(at, Tick())
        assert told == [Dial(CONNECT.url, new)]
        waits.append(at - asked_at)
        carried(session, at, old, new)
    assert waits == [0, 1, 2, 4, 8, 15]
    settled = at + 30
    spoken(session, settled, "foo#1")
    assert wished(session, settled, "foo#1") == [NEXT], "a connection that was left alone for a while starts anew"
    carried(session, settled, "foo#1", "foo#1+")
    assert wished(session, settled, "foo#1+") == []
    assert session.tell(settled + 1, Tick()) == [BACK]


def test_connections_of_one_venue_are_replaced_one_after_the_other() -> None:
    session = open_for(PLAIN, OTHER)
    session.tell(HOUR, Arrived("foo#1", (WISH,)))
    session.tell(HOUR, Arrived("foo#2", (WISH,)))
    assert session.tell(HOUR, Tick()) == [NEXT]
    carried(session, HOUR + 1, "foo#1", "foo#1+")
    assert session.tell(HOUR + 1, Tick()) == [Dial(CONNECT.url, "foo#2+")]


def test_a_wish_comes_before_a_planned_replacement_and_after_it_the_plan_begins_anew() -> None:
    day = 24 * HOUR
    session = open_for(replace(PLAIN, lifetime=day * SECOND))
    assert wished(session, HOUR) == [NEXT]
    carried(session, HOUR, "foo#1", "foo#1+")
    session.supervisor._line("foo#1+").supplies[0].watch.limit = 2 * day * SECOND
    assert session.tell(22 * HOUR + 1, Tick()) == [], "that was the old one's time"
    assert session.tell(HOUR + 22 * HOUR + 1, Tick()) == [BACK]


def test_a_connection_that_was_lost_meanwhile_has_no_wish_left() -> None:
    session = open_for(PLAIN, dials=100)
    session.tell(HOUR, Arrived("foo#1", (WISH,)))
    session.tell(HOUR, Closed("foo#1"))
    assert session.tell(HOUR + 1, Tick()) == [BACK]
    session.tell(HOUR + 1, Opened("foo#1"))
    spoken(session, HOUR + 1, "foo#1")
    assert session.tell(HOUR + 40, Tick()) == []


def test_only_a_connection_that_was_closed_for_another_one_has_a_successor() -> None:
    session = open_for(PLAIN)
    wished(session, HOUR)
    session.tell(HOUR, Opened("foo#1+"))
    assert session.supervisor.successor("foo#1") == ""
    session.tell(HOUR, Carried("foo#1", "foo#1+"))
    assert session.supervisor.successor("foo#1") == "foo#1+"
    session.tell(HOUR, Closed("foo#1"))
    assert session.supervisor.successor("foo#1+") == session.supervisor.successor("nobody") == ""


def test_a_wish_beside_a_book_in_one_frame_is_heard_and_the_book_too() -> None:
    session = open_for(PLAIN)
    late = session.supervisor.lines["foo#1"].supplies[0].watch
    before = late.last
    session.tell(HOUR + 1, Arrived("foo#1", (WISH, BookSnapshot("XY", b"[]", b"[]", 1, 0))))
    assert late.last == before + SECOND
    assert session.tell(HOUR + 1, Tick()) == [NEXT]
