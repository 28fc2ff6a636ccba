"""What ccxt made of answers about currencies, addresses and transfers, in our words.

Enters: ccxt's unified structures with numbers as text. Leaves: currencies with networks, addresses, transfers. Never: a
fee, minimum or end of a transfer that the venue did not state.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from cryptopipe.act.action_rules import ActionRules, at_path
from cryptopipe.act.ccxt_markets import Markets
from cryptopipe.act.ccxt_reports import at_of, needed, number_of, text_of
from cryptopipe.errors import ProtocolError
from cryptopipe.model.actions import FetchAddress, ListTransfers
from cryptopipe.model.facts import Asset, Currency, Network, VenueId
from cryptopipe.model.identity import chain_of, identified
from cryptopipe.model.outcomes import AddressReport, TransferReport, TransferState

_STATES: Mapping[str, TransferState] = {
    "ok": TransferState.DONE,
    "failed": TransferState.FAILED,
    "rejected": TransferState.FAILED,
    "canceled": TransferState.CANCELLED,
}
"""Any other word is no end."""


class TransferReader:
    """Reads what ccxt gives for one venue. Everything raises `ProtocolError` for what is not there or no number."""

    def __init__(
        self,
        venue: VenueId,
        rules: ActionRules,
        markets: Markets,
        aliases: Mapping[str, str],
        chains: Mapping[str, str],
    ) -> None:
        self._venue, self._rules, self._markets = venue, rules, markets
        self._aliases, self._chains = aliases, chains

    def currencies(self, told: Any) -> tuple[Currency, ...]:
        """Every currency with the networks that the answer states."""
        if not isinstance(told, dict) or not told:
            raise ProtocolError("no currencies in the answer", where=self._venue)
        return tuple(self._currency(told[name]) for name in sorted(told))

    def _currency(self, told: Any) -> Currency:
        code = text_of(told.get("id"), "a currency's code")
        networks = tuple(self._network(one) for one in (told.get("networks") or {}).values())
        known = self._markets.asset_given(code)
        return Currency(self._venue, code, known or identified(self._venue, code, networks, self._aliases), networks)

    def _network(self, told: Any) -> Network:
        code = text_of(told.get("id") or told.get("network"), "a network's code")
        limits = told.get("limits") or {}
        out, into = limits.get("withdraw") or {}, limits.get("deposit") or {}
        stated = {
            "deposits": told.get("deposit"),
            "withdrawals": told.get("withdraw"),
            "withdrawal_fee": number_of(told.get("fee")),
            "min_withdrawal": number_of(out.get("min")),
            "max_withdrawal": number_of(out.get("max")) or None,
            "min_deposit": number_of(into.get("min")),
            "precision": _places(number_of(told.get("precision"))),
        }
        own = dict(self._rules.network(told)) if self._rules.network else {}
        return Network(**({"code": code, "chain": chain_of(code, self._chains)} | stated | own))

    def address(self, action: FetchAddress, told: Any) -> AddressReport:
        """Where the account gets the asset; the network as the answer has it, or as it was asked for."""
        return AddressReport(
            Asset(self._markets.asset_name(action.code)),
            str(told.get("network") or action.network),
            text_of(told.get("address"), "an address"),
            str(told.get("tag") or ""),
        )

    def transfers(self, action: ListTransfers, told: Iterable[Any]) -> tuple[TransferReport, ...]:
        """Withdrawals, or deposits; of those that ccxt says to be of the other kind none."""
        other = "withdrawal" if action.deposits else "deposit"
        return tuple(self._transfer(action, one) for one in told if one.get("type") != other)

    def _transfer(self, action: ListTransfers, told: Any) -> TransferReport:
        fee = (told.get("fee") or {}).get("cost")
        own = at_path(told.get("info"), self._rules.transfer_id_at) if self._rules.transfer_id_at else ""
        return TransferReport(
            self._venue,
            text_of(told.get("id") or told.get("txid"), "a transfer's id"),
            action.deposits,
            Asset(text_of(told.get("currency"), "a transfer's currency")),
            str(told.get("network") or ""),
            str(told.get("address") or told.get("addressTo") or ""),
            needed(told.get("amount"), "a transfer's amount"),
            number_of(fee),
            _STATES.get(str(told.get("status")), TransferState.PENDING),
            str(told.get("txid") or ""),
            str(own or ""),
            at_of(told.get("timestamp")),
        )


def _places(step: Decimal | None) -> int | None:
    """Decimal places of a step of a power of ten."""
    if step is None or step <= 0:
        return None
    digits, exponent = step.normalize().as_tuple()[1:]
    return max(0, -int(exponent)) if digits == (1,) else None
