"""The configuration: defaults < config.yaml < environment < `--set` < flags.

Enters: a file, the environment, texts of the command line. Leaves: one frozen `Settings`, and where each value came
from. Never: an unknown key accepted, a duplicate key resolved, a secret echoed.
"""

from cryptopipe.settings.effective import config_hash, effective, render_defaults, schema_rows
from cryptopipe.settings.layers import Flag, find_config
from cryptopipe.settings.load import Loaded, compose, load_settings, may_be_section
from cryptopipe.settings.model import CustodySettings, KeySettings, PaperSettings, RiskSettings, Settings, VenueSettings

__all__ = [
    "CustodySettings",
    "Flag",
    "KeySettings",
    "Loaded",
    "PaperSettings",
    "RiskSettings",
    "Settings",
    "VenueSettings",
    "compose",
    "config_hash",
    "effective",
    "find_config",
    "load_settings",
    "may_be_section",
    "render_defaults",
    "schema_rows",
]
