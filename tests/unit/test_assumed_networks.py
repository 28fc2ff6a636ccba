"""Networks on paper: nobody is asked, so none is open unless the user says that tables are to be believed."""

import pytest

from cryptopipe.registry import exchanges
from cryptopipe.settings import Settings
from cryptopipe.wiring import PAPER, VENUE, Wiring

PLUGINS = {plugin.venue: plugin for plugin in exchanges().values() if plugin.wallets is not None}


@pytest.mark.parametrize(
    ("execution", "wanted", "told"), [(PAPER, True, True), (PAPER, False, False), (VENUE, True, False)]
)
def test_tables_are_taken_for_told_on_paper_alone_and_where_the_user_says_so(
    execution: str, wanted: bool, told: bool
) -> None:
    settings = Settings.model_validate({"paper": {"assume_networks": wanted}})
    assumed = Wiring("arbitrage", settings, PLUGINS, execution).custody().assumed
    expected = {venue: tuple(plugin.wallets()) for venue, plugin in PLUGINS.items() if plugin.wallets is not None}
    assert {venue: tuple(listed) for venue, listed in assumed.items()} == (expected if told else {})
