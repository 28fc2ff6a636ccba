"""Our instruments and currencies as ccxt's markets and currencies, so that it asks the venue for none.

Enters: instruments, currencies, the venue's rules. Leaves: what `PureExchange` prepares its object with, and the ways
back from ccxt's names to ours. Never: a precision as a float, or a market that the plugin does not know.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from cryptopipe.act.action_rules import ActionRules
from cryptopipe.errors import ProtocolError
from cryptopipe.model.facts import Asset, Currency, Instrument, Kind, VenueId
from cryptopipe.model.identity import asset_of
from cryptopipe.model.money import plain


class Markets:
    """The instruments of one venue by the names that ccxt and the venue's answers have for them."""

    def __init__(
        self,
        venue: VenueId,
        instruments: Sequence[Instrument],
        rules: ActionRules,
        currencies: Sequence[Currency] = (),
        aliases: Mapping[str, str] | None = None,
        find: Callable[[str], Instrument] | None = None,
    ) -> None:
        self._venue, self._rules, self._find = venue, rules, find
        self._aliases = dict(aliases or {})
        self._assets = {one.code: one.asset for one in currencies}
        self._codes = {one.asset: one.code for one in reversed(currencies)}
        self._names: dict[str, str] = {}
        self._known: dict[str, Instrument] = {}
        self._instruments = [one for one in instruments if one.venue == venue]
        for one in self._instruments:
            self._admit(one)

    def _admit(self, instrument: Instrument) -> str:
        settle = {Kind.SPOT: "", Kind.LINEAR_PERPETUAL: f":{instrument.quote}"}.get(
            instrument.kind, f":{instrument.base}"
        )
        name = f"{instrument.base}/{instrument.quote}{settle}"
        if name in self._known:
            name = f"{instrument.symbol}{settle}"
        self._known[name] = instrument
        self._names[instrument.symbol] = name
        return name

    def prepare(self, exchange: Any) -> None:
        """Gives a fresh exchange object its markets and currencies."""
        exchange.asset_name = self.asset_name
        exchange.discover = partial(self._discover, exchange)
        exchange.set_markets([self._market(exchange, one) for one in self._instruments], self._currencies(exchange))
        for one in self._instruments:
            self._name_further(exchange, one)

    def name(self, exchange: Any, instrument: Instrument) -> str:
        """ccxt's symbol. An instrument that it has not yet is added; nothing else changes by that."""
        name = self._names.get(instrument.symbol)
        if name is None or name not in exchange.markets:
            name = name or self._admit(instrument)
            made = self._market(exchange, instrument)
            exchange.markets[name] = made
            exchange.markets_by_id.setdefault(made["id"], []).append(made)
            self._name_further(exchange, instrument)
        return name

    def market_id(self, instrument: Instrument) -> str:
        """By which requests name it."""
        return str(self._own(instrument).get("id", instrument.symbol))

    def _own(self, instrument: Instrument) -> Mapping[str, Any]:
        return self._rules.market(instrument) if self._rules.market else {}

    def code(self, exchange: Any, code: str) -> str:
        """ccxt's name of what the venue calls `code`."""
        name = self.asset_name(code)
        if name not in exchange.currencies:
            exchange.currencies[name] = _currency(exchange, code, name)
        return name

    def _discover(self, exchange: Any, market_id: str) -> None:
        """Admits the market of an id that only an answer speaks of. Raises `ProtocolError` where nobody knows it."""
        if self._find is None:
            raise ProtocolError(f"the answer speaks of {market_id!r}, no instrument of this run", where=self._venue)
        name = self.name(exchange, self._find(market_id))
        exchange.markets_by_id.setdefault(market_id, [exchange.markets[name]])

    def instrument(self, symbol: str) -> Instrument:
        """Of ccxt's symbol. Raises `ProtocolError` for one that is none of the run's."""
        known = self._known.get(symbol)
        if known is None:
            raise ProtocolError(f"the answer speaks of {symbol!r}, no instrument of this run", where=self._venue)
        return known

    def asset_name(self, code: str) -> str:
        """Our name of what the venue calls `code`."""
        return str(self._assets.get(code) or asset_of(self._venue, code, self._aliases))

    def asset_given(self, code: str) -> Asset | None:
        """What the plugin says that the venue means by `code`."""
        return self._assets.get(code)

    def asset(self, name: str) -> Asset:
        """Of ccxt's name, which is ours."""
        return Asset(name)

    def _code_of(self, asset: Asset) -> str:
        return self._codes.get(asset) or next((ours for ours, name in self._aliases.items() if name == asset), asset)

    def _market(self, exchange: Any, one: Instrument) -> dict[str, Any]:
        contract = one.kind is not Kind.SPOT
        settle = one.quote if one.kind is Kind.LINEAR_PERPETUAL else one.base
        tick, step = (plain(one.rules.tick), plain(one.rules.step)) if one.rules else ("1e-18", "1e-18")
        told = {
            "id": one.symbol,
            "lowercaseId": one.symbol.lower(),
            "symbol": self._names[one.symbol],
            "base": str(one.base),
            "quote": str(one.quote),
            "settle": str(settle) if contract else None,
            "baseId": self._code_of(one.base),
            "quoteId": self._code_of(one.quote),
            "settleId": self._code_of(settle) if contract else None,
            "type": "swap" if contract else "spot",
            "spot": not contract,
            "margin": False,
            "swap": contract,
            "future": False,
            "option": False,
            "active": True,
            "contract": contract,
            "linear": one.kind is Kind.LINEAR_PERPETUAL if contract else None,
            "inverse": one.kind is Kind.INVERSE_PERPETUAL if contract else None,
            "contractSize": plain(one.contract_size) if contract else None,
            "precision": {"amount": step, "price": tick},
            "info": {},
        }
        own = {key: value for key, value in self._own(one).items() if key != "ids"}
        made: dict[str, Any] = exchange.safe_market_structure(told | own)
        made["subType"] = ("linear" if made["linear"] else "inverse") if contract else None
        return made

    def _name_further(self, exchange: Any, one: Instrument) -> None:
        for further in self._own(one).get("ids", ()):
            exchange.markets_by_id.setdefault(further, [exchange.markets[self._names[one.symbol]]])

    def _currencies(self, exchange: Any) -> dict[str, Any]:
        codes = dict(self._assets)
        for one in self._instruments:
            for asset in (one.base, one.quote):
                codes.setdefault(self._code_of(asset), asset)
        return {str(asset): _currency(exchange, code, str(asset)) for code, asset in reversed(codes.items())}


def _currency(exchange: Any, code: str, name: str) -> Any:
    return exchange.safe_currency_structure({"id": code, "code": name, "precision": None, "info": {}})
