"""The options every command has, as one value.

Enters: `--config`, `--set`, `--data-dir`, `--json`, `-v`. Leaves: `Common`, which loads the settings. Never: a setting
read anywhere else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from cryptopipe.settings import Loaded, Settings

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Common:
    """The options every command has. `json`: results are one JSON object on stdout."""

    config: Path | None
    sets: tuple[str, ...]
    data_dir: str | None
    json: bool
    verbose: int

    def load(self, strategies: Sequence[str] | None = None) -> "Settings":
        """The settings with the sections of these strategies, of all that load where None. Raises `ConfigError`."""
        return self.load_layers(strategies).settings

    def load_layers(self, strategies: Sequence[str] | None = None) -> "Loaded":
        """The settings and where each value came from. Raises `ConfigError`, `UsageError`, `PluginError`."""
        from cryptopipe import registry
        from cryptopipe.settings import Flag, load_settings, may_be_section

        if strategies is None:
            wanted = {name: one for name, one in registry.strategies().items() if may_be_section(name)}
        else:
            wanted = {name: registry.strategy(name) for name in strategies}
        flags = [] if self.data_dir is None else [Flag("--data-dir", "data_dir", self.data_dir)]
        return load_settings(
            config=self.config,
            sets=self.sets,
            flags=flags,
            strategies={name: plugin.settings for name, plugin in wanted.items()},
            installed_strategies=registry.names("strategy"),
            installed_venues=registry.names("exchange"),
        )


class Seed(click.IntRange):
    """A whole number from 0 on."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number. A text that is none fails with what was expected."""
        text = str(value).strip()
        if not (text.isascii() and text.isdecimal() and len(text) <= 18):
            self.fail(f"expected a whole number from 0 on, of at most 18 digits, got {text!r}", param, ctx)
        return int(text)


def common_options(command: F) -> F:
    """Add the options every command has; the function gets them as its keyword `common`, a `Common`."""

    @wraps(command)
    def with_common(*args: Any, **given: Any) -> Any:
        from cryptopipe.cli.logs import configure

        common = Common(
            config=given.pop("config_file"),
            sets=given.pop("set_values"),
            data_dir=given.pop("data_dir"),
            json=given.pop("as_json"),
            verbose=given.pop("verbose"),
        )
        configure(common.verbose)
        return command(*args, common=common, **given)

    decorated: Any = with_common
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


_OPTIONS = (
    click.option("--config", "config_file", type=click.Path(path_type=Path), help="Read this file, not ./config.yaml."),
    click.option(
        "--set", "set_values", multiple=True, metavar="KEY=VALUE", help="Set one value: risk.max_notional=500."
    ),
    click.option("--data-dir", "--data_dir", "data_dir", metavar="DIR", help="Where captures and journals are kept."),
    click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    click.option("-v", "--verbose", count=True, help="More of the log on stderr; -vv for all of it."),
)
