"""Instants: what is formatted is parsed again, and both cores agree on every text, also on what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopipe.clock import format_at
from cryptopipe.core import instant, parse_instant

pytestmark = pytest.mark.core

LAST = 9_214_646_399_999_999_999  # 2261-12-31T23:59:59.999999999Z


def outcome(parse: object, text: str) -> object:
    try:
        return parse(text)  # type: ignore[operator]
    except ValueError as error:
        return str(error)


@given(st.integers(0, LAST), st.integers(0, 9))
def test_what_is_formatted_is_parsed_again(at: int, places: int) -> None:
    text, unit = format_at(at), 10 ** (9 - places)
    cut = f"{text[: 20 + places]}Z" if places else f"{text[:19]}Z"
    assert parse_instant(cut) == at - at % unit


@given(st.integers(0, LAST), st.integers(0, 30), st.text(max_size=3))
def test_both_cores_agree_on_a_text_with_a_change(at: int, place: int, change: str) -> None:
    text = format_at(at)
    changed = text[:place] + change + text[place + len(change) :]
    assert outcome(parse_instant, changed) == outcome(instant.parse_instant, changed)


@pytest.mark.parametrize(
    "text",
    [
        "", "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2024-04-31T00:00:00Z", "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z", "2024-01-01T00:00:60Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.1234567890Z", "2024-01-01T00:00:00+00:00", "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00.+1Z",
        "2024-01-01T00:00:00.\u0661Z", "\u0662024-01-01T00:00:00Z", "2024-1-01T00:00:00.5Z",
    ],
)  # fmt: skip
def test_what_is_no_instant_is_refused_by_both_in_the_same_words(text: str) -> None:
    told = outcome(parse_instant, text)
    assert isinstance(told, str) and told.startswith("not a UTC instant such as ")
    assert told == outcome(instant.parse_instant, text)


def test_known_instants() -> None:
    """From `date -u -d … +%s`."""
    assert parse_instant("2021-04-17T16:48:53.365913Z") == 1_618_678_133_365_913_000
    assert parse_instant("2024-02-29T23:59:59Z") == 1_709_251_199_000_000_000
