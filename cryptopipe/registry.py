"""The one door for plugins: entry points of two groups, each loaded by itself.

Enters: the installed distributions. Leaves: exchanges and strategies by name, and for each that does not load the
reason. Never: a plugin that stops another, a choice between two that claim one name, an import before it is asked for.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, cached_property
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Literal, TypeVar

from cryptopipe.errors import PluginError, UsageError, did_you_mean
from cryptopipe.model.contracts import API_VERSION, ExchangeFamily, ExchangePlugin
from cryptopipe.model.strategies import StrategyPlugin

PluginKind = Literal["exchange", "strategy"]

GROUPS: Mapping[PluginKind, str] = {"exchange": "cryptopipe.exchanges", "strategy": "cryptopipe.strategies"}

P = TypeVar("P", ExchangePlugin, ExchangeFamily, StrategyPlugin)


@dataclass(frozen=True)
class LoadedPlugin:
    """One entry point after the attempt to load it: exactly one of `plugin` and `error` is set."""

    name: str
    kind: PluginKind
    distribution: str
    version: str
    api_version: int | None
    capabilities: tuple[str, ...]
    plugin: ExchangePlugin | ExchangeFamily | StrategyPlugin | None
    error: PluginError | None


@dataclass(frozen=True)
class _Claim:
    """A distribution's claim to a name; `entry` None where its metadata cannot be read."""

    name: str
    kind: PluginKind
    distribution: str
    version: str
    entry: EntryPoint | None
    damage: str = ""


class Registry:
    """The plugins of the installed distributions, or of those found on `path`."""

    def __init__(self, path: Sequence[str] | None = None) -> None:
        self._path = path
        self._loaded: dict[tuple[PluginKind, str], LoadedPlugin] = {}
        self._members: dict[str, ExchangePlugin] = {}

    @cached_property
    def _claims(self) -> tuple[_Claim, ...]:
        found = distributions() if self._path is None else distributions(path=list(self._path))
        claims: list[_Claim] = []
        seen: set[str] = set()
        for distribution in found:  # the first of a name on the path is the one that imports
            name, version = _identity(distribution)
            if name not in seen:
                seen.add(name)
                claims.extend(_claims_of(distribution, name, version))
        return tuple(sorted(claims, key=lambda claim: (claim.kind, claim.name, claim.distribution)))

    def names(self, kind: PluginKind) -> tuple[str, ...]:
        """Names claimed by installed distributions, sorted, a family's as its pattern; imports no plugin."""
        return tuple(dict.fromkeys(claim.name for claim in self._claims if claim.kind == kind))

    def all_plugins(self) -> tuple[LoadedPlugin, ...]:
        """Every claim, loaded or with its error, by kind and name."""
        return tuple(self._load(claim) for claim in self._claims)

    def exchanges(self) -> dict[str, ExchangePlugin]:
        """The exchanges that load, by venue."""
        return self._of("exchange", ExchangePlugin)

    def strategies(self) -> dict[str, StrategyPlugin]:
        """The strategies that load, by name."""
        return self._of("strategy", StrategyPlugin)

    def exchange(self, name: str) -> ExchangePlugin:
        """The exchange of this name, if need be one that a family makes. Raises `UsageError` if none is installed,
        `PluginError` if it does not load.
        """
        known = self.names("exchange")
        family = next((one for one in known if "*" in one and fnmatchcase(name, one)), None)
        if family is None or name in known:
            return self._one("exchange", name, ExchangePlugin)
        if name not in self._members:
            self._members[name] = self._one("exchange", family, ExchangeFamily).make(name)
        return self._members[name]

    def strategy(self, name: str) -> StrategyPlugin:
        """The strategy of this name. Raises `UsageError` if none is installed, `PluginError` if it does not load."""
        return self._one("strategy", name, StrategyPlugin)

    def _of(self, kind: PluginKind, expected: type[P]) -> dict[str, P]:
        loaded = (self._load(claim) for claim in self._claims if claim.kind == kind)
        return {one.name: one.plugin for one in loaded if isinstance(one.plugin, expected)}

    def _one(self, kind: PluginKind, name: str, expected: type[P]) -> P:
        for claim in self._claims:
            if (claim.kind, claim.name) == (kind, name):
                loaded = self._load(claim)
                if loaded.error is not None:
                    raise loaded.error
                if isinstance(loaded.plugin, expected):
                    return loaded.plugin
        known = self.names(kind)
        raise UsageError(
            f"unknown {kind} {name!r}{did_you_mean(name, known)}",
            fix=f"installed: {', '.join(known) or 'none'} (`cryptopipe plugins list`)",
        )

    def _load(self, claim: _Claim) -> LoadedPlugin:
        rivals = [other for other in self._claims if (other.kind, other.name) == (claim.kind, claim.name)]
        if len(rivals) > 1:
            by = ", ".join(f"{other.distribution} {other.version}" for other in rivals)
            return _refused(claim, f"the name is claimed {len(rivals)} times, by {by}; none is loaded")
        key = (claim.kind, claim.name)
        if key not in self._loaded:
            self._loaded[key] = _load(claim)
        return self._loaded[key]


def _identity(distribution: Distribution) -> tuple[str, str]:
    """Normalised name and version; empty where an interrupted uninstall left no metadata."""
    try:
        metadata = distribution.metadata
        name, version = metadata["Name"] or "", metadata["Version"] or ""
    except (OSError, TypeError, LookupError, ValueError):
        return "", ""
    return re.sub(r"[-_.]+", "-", name).lower(), version


def _claims_of(distribution: Distribution, name: str, version: str) -> Iterable[_Claim]:
    """The claims of one distribution; a damaged `entry_points.txt` that speaks of our groups is one refused claim."""
    text = distribution.read_text("entry_points.txt") or ""
    for kind, group in GROUPS.items():
        if not re.search(rf"^\s*\[\s*{re.escape(group)}\s*\]", text, re.MULTILINE):
            continue
        try:
            entries = [entry for entry in distribution.entry_points if entry.group == group]
        except (TypeError, ValueError, AttributeError) as error:
            yield _Claim(name, kind, name, version, None, f"entry_points.txt is damaged: {error}")
            continue
        # importlib.metadata keeps both lines of a name that is written twice
        for entry_name, count in Counter(entry.name for entry in entries).items():
            entry = next(entry for entry in entries if entry.name == entry_name)
            damage = f"the name is written {count} times in one entry_points.txt" if count > 1 else ""
            yield _Claim(entry_name, kind, name, version, entry, damage)


def _refused(claim: _Claim, message: str, fix: str = "mend or uninstall {}") -> LoadedPlugin:
    error = PluginError(message, where=f"{claim.kind} {claim.name}", fix=fix.format(claim.distribution))
    return LoadedPlugin(claim.name, claim.kind, claim.distribution, claim.version, None, (), None, error)


def _load(claim: _Claim) -> LoadedPlugin:
    if claim.entry is None or claim.damage:
        return _refused(claim, claim.damage)
    try:
        plugin = claim.entry.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- a stranger's code: whatever it raises stops only itself
        return _refused(claim, f"{claim.entry.value} does not import: {type(error).__name__}: {error}")
    fault = _fault(claim, plugin)
    if fault:
        return _refused(claim, fault)
    capabilities = tuple(sorted(plugin.capabilities))
    return LoadedPlugin(
        claim.name, claim.kind, claim.distribution, claim.version, plugin.api_version, capabilities, plugin, None
    )


def _fault(claim: _Claim, plugin: object) -> str:
    """What is wrong with the object that the entry point names; empty if nothing is."""
    several = "*" in claim.name
    expected = StrategyPlugin if claim.kind == "strategy" else ExchangeFamily if several else ExchangePlugin
    if not isinstance(plugin, expected):
        return f"expected {expected.__name__}, got {type(plugin).__name__}"
    if plugin.api_version != API_VERSION:
        return f"written for api_version {plugin.api_version!r}, this is {API_VERSION}"
    declared = _declared(plugin)
    if declared != claim.name:
        return f"the entry point is named {claim.name!r}, the plugin {declared!r}"
    if isinstance(plugin, StrategyPlugin):
        return _settings_fault(plugin.settings)
    return ""


def _declared(plugin: ExchangePlugin | ExchangeFamily | StrategyPlugin) -> str:
    if isinstance(plugin, ExchangePlugin):
        return plugin.venue
    return plugin.pattern if isinstance(plugin, ExchangeFamily) else plugin.name


def _settings_fault(settings: object) -> str:
    from pydantic import BaseModel  # late: 0.2 s that exchanges alone need not pay

    if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
        return f"settings must be a pydantic BaseModel, got {settings!r}"
    if settings.model_config.get("extra") != "forbid":
        return f"settings {settings.__name__} must set model_config extra='forbid', or a misspelt key goes unnoticed"
    return ""


@cache
def installed() -> Registry:
    """The registry of this interpreter's distributions, read once."""
    return Registry()


def names(kind: PluginKind) -> tuple[str, ...]:
    """`Registry.names` of what is installed."""
    return installed().names(kind)


def all_plugins() -> tuple[LoadedPlugin, ...]:
    """`Registry.all_plugins` of what is installed."""
    return installed().all_plugins()


def exchanges() -> dict[str, ExchangePlugin]:
    """`Registry.exchanges` of what is installed."""
    return installed().exchanges()


def strategies() -> dict[str, StrategyPlugin]:
    """`Registry.strategies` of what is installed."""
    return installed().strategies()


def exchange(name: str) -> ExchangePlugin:
    """`Registry.exchange` of what is installed."""
    return installed().exchange(name)


def strategy(name: str) -> StrategyPlugin:
    """`Registry.strategy` of what is installed."""
    return installed().strategy(name)
