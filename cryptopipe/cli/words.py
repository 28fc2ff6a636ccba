"""Words for people where the journal has names.

Enters: the name of a check, why a book is not live, a duration. Leaves: a few words. Never: a word
in `--json`, in the journal or in a setting: there a check has its name.
"""

import re

from cryptopipe.clock import MILLISECOND, SECOND, Nanos

CHECKS = {
    "mode": "trading halted",
    "loss": "loss limit",
    "one_plan": "plan running",
    "requests": "request limit",
    "books_live": "book not live",
    "age": "old quote",
    "trading_state": "market closed",
    "edge_credible": "too good to be true",
    "net_edge": "net too low",
    "fill_edge": "gone when orders arrive",
    "completion": "legs may not all fill",
    "size": "no size fits",
    "profit": "profit too low",
    "notional": "size cap",
    "proof": "unproven book",
    "funds": "short of funds",
    "group": "better one taken",
    "kind": "unlike instruments",
    "rules": "unknown rules",
    "fees": "unknown fees",
    "route": "no open network",
    "network_fee": "network too dear",
    "transfer_time": "transfer time unknown",
    "volatility": "volatility unknown",
    "closing": "closing unknown",
    "time_risk": "too little for the wait",
    "certainty": "worth less than nothing",
    "way": "way not taken",
    "withdrawals": "withdrawals off",
    "transfers": "too many transfers",
    "in_flight": "too much in flight",
    "hedge": "no hedge",
    "gap": "ordinary gap",
}

_CAUSES = (
    (re.compile(r"sequence gap.*: expected (\d+), got (\d+)"), r"gap: \1, got \2"),
    (re.compile(r"silence of \S+ on \S+ for (\d+\.\d)\d* s.*"), r"silence \1 s"),
    (re.compile(r"what arrives on \S+ is more than (\d+\.\d)\d* s old"), r"late by \1 s"),
    (re.compile(r"\S+: expected \d+, computed \d+"), "checksum"),
    (re.compile(r"snapshot (\d+) of \S+ is older than the stream's \d+"), r"old snapshot \1"),
    (re.compile(r"no \S+ of \S+ (?:on \S+ )?in (\d+\.\d)\d* s.*"), r"no data \1 s"),
    (re.compile(r"\S+ did not (open|close) within (\d+\.\d)\d* s"), r"no \1 in \2 s"),
)


def check_in_words(check: str) -> str:
    """What a failed check means; one that is not known here, such as a foreign strategy's, keeps its name."""
    return CHECKS.get(check, check)


def cause_in_words(reason: str) -> str:
    """Why a book was lost, what matters first: `gap: 1042, got 1050`, `silence 2.0 s`. Other texts stay as they are."""
    for pattern, words in _CAUSES:
        if (found := pattern.fullmatch(reason)) is not None:
            return found.expand(words)
    return reason


def elapsed(duration: Nanos) -> str:
    """`0:01:23`."""
    seconds = max(0, duration) // SECOND
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def short(duration: Nanos) -> str:
    """`12 ms`, `3.4 s`, `5 m`: to the eye's precision."""
    if duration < SECOND:
        return f"{duration // MILLISECOND} ms"
    return f"{duration / SECOND:.1f} s" if duration < 100 * SECOND else f"{duration // (60 * SECOND)} m"
