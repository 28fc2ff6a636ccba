"""The keys of a run whose orders go to venues: checked before it begins, held by its driver alone.

Enters: a run's wiring and its market. Leaves: a signatory. Never: a key that may withdraw, or may not trade, but
for the withdrawals of a run at simulated venues.
"""

from typing import TYPE_CHECKING

import structlog

from cryptopipe.cli.accounts import Need, judge
from cryptopipe.cli.market import Place

if TYPE_CHECKING:
    from cryptopipe.drivers.signatory import Signatory
    from cryptopipe.pipe import Pipe
    from cryptopipe.wiring import Wiring

_LOG = structlog.get_logger()


def fit_to_trade(wiring: "Wiring", place: Place) -> None:
    """Ask each venue what the run's key may do. Raises `ConfigError` for one that may not trade, or may withdraw."""
    if not wiring.codecs:
        return
    from cryptopipe.cli.holdings import key_line
    from cryptopipe.drivers.errand import errands
    from cryptopipe.drivers.signatory import trading_credentials
    from cryptopipe.errors import CryptopipeError
    from cryptopipe.model.actions import FetchKey

    asked = [FetchKey(venue) for venue, codec in wiring.codecs.items() if FetchKey in codec.supports]
    with errands(wiring.codecs, trading_credentials(wiring.plugins), place.rewrite) as means:
        answers = means.each(asked)
    for question, answer in zip(asked, answers, strict=True):
        if isinstance(answer, CryptopipeError):
            _LOG.warning("key.unchecked", venue=question.venue, reason=str(answer))
            continue
        assert answer.key is not None, f"{question.venue} answered a question about the key without one"
        judge(question.venue, answer.key, Need.TRADE)
        _LOG.info("key.checked", venue=question.venue, key=key_line(answer.key))


def signatory(wiring: "Wiring", pipe: "Pipe", place: Place) -> "Signatory":
    """What signs the run's instructions and private streams."""
    from cryptopipe.drivers.signatory import Signatory, trading_credentials, withdrawing_credentials

    return Signatory(
        pipe.take_instructions,
        pipe.next_due,
        wiring.codecs,
        trading_credentials(wiring.plugins),
        place.rewrite,
        wiring.private_lines,
        pipe.take_sends,
        withdrawing_credentials(wiring.plugins) if wiring.withdraws else {},
    )
