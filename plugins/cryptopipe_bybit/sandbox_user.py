"""What a key and its account are, by request: key, account mode, balances of the unified wallet, fee rates.

Enters: the parameters of a signed request. Leaves: results in the venue's form. Never: a loan, which no account has
here; a value in dollars of an asset that has no market against USDT.

bybit-exchange.github.io/docs/v5, pages user/apikey-info, account/{account-info,wallet-balance,fee-rate,set-margin-mode}
(state of 2026-07-24, read 2026-11-21). Departures: the margin mode is cross and stays so; collateral is not discounted.
"""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any

from cryptopipe.api import (
    Asset,
    DeskBalance,
    Kind,
    Nanos,
    Permission,
    Side,
    SimulatedAccount,
    SimulatedDesk,
    SimulatedKey,
    exact,
    format_at,
    plain,
)
from cryptopipe_bybit.market import SPOT
from cryptopipe_bybit.sandbox_orders import Listings, listing_of, market_of
from cryptopipe_bybit.sandbox_orders_told import millis
from cryptopipe_bybit.sandbox_positions import or_nothing
from cryptopipe_bybit.sandbox_private_asked import Asked
from cryptopipe_bybit.sandbox_private_errors import Refused

_DOLLARS = frozenset({"USDT", "USDC", "USD"})
_ZERO = Decimal(0)
_DAY = 86_400_000_000_000
_FIRST_ID = 24_600_000


def _permissions(key: SimulatedKey) -> dict[str, list[str]]:
    """By the names of docs/v5/user/apikey-info."""
    trades, withdraws = Permission.TRADE in key.permissions, Permission.WITHDRAW in key.permissions
    wallet = ["AccountTransfer", "SubMemberTransfer"] if trades else []
    nothing: list[str] = []
    return {
        "ContractTrade": ["Order", "Position"] if trades else nothing,
        "Spot": ["SpotTrade"] if trades else nothing,
        "Wallet": [*wallet, *(["Withdraw"] if withdraws else [])],
        "Derivatives": ["DerivativesTrade"] if trades else nothing,
        **dict.fromkeys(("Options", "CopyTrading", "BlockTrade", "Exchange", "NFT", "Affiliate", "Earn"), nothing),
    }


class Users:
    """The handlers, by path."""

    def __init__(self, listings: Listings, desk: SimulatedDesk) -> None:
        self._listings, self._desk = listings, desk

    def key(self, key: SimulatedKey, at: Nanos) -> object:
        """`/v5/user/query-api`: "Any permission can access this endpoint"."""
        permissions = _permissions(key)
        ends = key.expires_at
        return {
            "id": str(13_770_000 + key.account.account_id),
            "note": "sandbox",
            "apiKey": key.credentials.key,
            "readOnly": 0 if any(permissions.values()) else 1,
            "secret": "",
            "permissions": permissions,
            "ips": list(key.addresses) or ["*"],
            "type": 1,
            "deadlineDay": (ends - at) // _DAY if ends else -2,
            "expiredAt": _dated(ends),
            "createdAt": _dated(key.created_at),
            "unified": 0,
            "uta": 1,
            "userID": _FIRST_ID + key.account.account_id,
            "inviterID": 0,
            "vipLevel": "No VIP",
            "mktMakerLevel": "0",
            "affiliateID": 0,
            "rsaPublicKey": "",
            "isMaster": True,
            "parentUid": "0",
            "kycLevel": "LEVEL_1",
            "kycRegion": "",
        }

    def account(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`/v5/account/info`: "`5` Unified trading account 2.0"."""
        return {
            "unifiedMarginStatus": 5,
            "marginMode": "REGULAR_MARGIN",
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
            "updatedTime": millis(at - at % _DAY),
            "dcpStatus": "OFF",
            "timeWindow": 0,
            "smpGroup": 0,
        }

    def margin_mode(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """The mode that there is, or none."""
        if asked.needed("setMarginMode") != "REGULAR_MARGIN":
            raise Refused(110073, "Set margin mode failed")
        return {"reasons": []}

    def wallet(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`/v5/account/wallet-balance`: "If not passed, it returns non-zero asset info"."""
        if asked.needed("accountType") != "UNIFIED":
            raise Refused(10001, "accountType only support UNIFIED.")
        wanted = asked.text("coin").split(",") if asked.text("coin") else []
        held = account.balances()
        chosen = [one for one, amounts in held.items() if amounts.free + amounts.locked and self._code(one)]
        if wanted:
            chosen = [one for one in held if self._code(one) in wanted]
        return {"list": [self.wallet_row(account, {one: held[one] for one in chosen})]}

    def wallet_row(self, account: SimulatedAccount, shown: Mapping[Asset, DeskBalance]) -> dict[str, Any]:
        """One account with these coins; the sums are of all that it holds."""
        positions = account.positions()
        held = account.balances()
        with exact():
            total = sum((self._dollars(one, amounts.free + amounts.locked) for one, amounts in held.items()), _ZERO)
            free = sum((self._dollars(one, amounts.free) for one, amounts in held.items()), _ZERO)
            unrealised = sum((one.unrealised for one in positions), _ZERO)
            initial = sum((one.margin for one in positions), _ZERO)
            maintenance = sum((one.maintenance for one in positions), _ZERO)
            balance = total + unrealised
        return {
            "accountType": "UNIFIED",
            "accountIMRate": _rate(initial, balance),
            "accountIMRateByMp": _rate(initial, balance),
            "accountMMRate": _rate(maintenance, balance),
            "accountMMRateByMp": _rate(maintenance, balance),
            "totalEquity": _cents(balance),
            "totalWalletBalance": _cents(total),
            "totalMarginBalance": _cents(balance),
            "totalAvailableBalance": _cents(free),
            "totalPerpUPL": _cents(unrealised),
            "totalInitialMargin": _cents(initial),
            "totalInitialMarginByMp": _cents(initial),
            "totalMaintenanceMargin": _cents(maintenance),
            "totalMaintenanceMarginByMp": _cents(maintenance),
            "accountLTV": "0",
            "coin": [self._coin_row(account, one, amounts) for one, amounts in shown.items()],
        }

    def fee_rates(self, account: SimulatedAccount, asked: Asked, at: Nanos) -> object:
        """`{"list":[{"symbol":"ETHUSDT","takerFeeRate":"0.0006","makerFeeRate":"0.0001"}]}`"""
        market = market_of(asked)
        found = [one for (category, _), one in self._listings.items() if category == market.category]
        if asked.text("symbol"):
            found = [listing_of(self._listings, market, asked)]
        rows = []
        for one in found:
            fees = account.fees(one.instrument)
            rates = {"takerFeeRate": plain(fees.taker_rate), "makerFeeRate": plain(fees.maker_rate)}
            rows.append({"symbol": one.spelling, **rates})
        return {**({"category": "spot"} if market is SPOT else {}), "list": rows}

    def _coin_row(self, account: SimulatedAccount, asset: Asset, amounts: DeskBalance) -> dict[str, Any]:
        """`locked` is what open spot orders hold; what else the desk holds back is margin of orders."""
        positions = [one for one in account.positions() if one.instrument.quote == asset]
        with exact():
            sum_ = amounts.free + amounts.locked
            unrealised = sum((one.unrealised for one in positions), _ZERO)
            margin = sum((one.margin for one in positions), _ZERO)
            spot = min(amounts.locked, _held_by_spot(account, asset))
            ordered = max(_ZERO, amounts.locked - spot - margin)
            realised = sum((one.realised - one.funding for one in positions), _ZERO)
            maintenance = sum((one.maintenance for one in positions), _ZERO)
            equity, worth = sum_ + unrealised, self._dollars(asset, sum_ + unrealised)
        return {
            "coin": self._code(asset),
            "equity": plain(equity),
            "usdValue": _cents(worth),
            "walletBalance": plain(sum_),
            "availableToWithdraw": "",
            "availableToBorrow": "",
            "borrowAmount": "0",
            "accruedInterest": "0",
            "totalOrderIM": plain(ordered),
            "totalPositionIM": plain(margin),
            "totalPositionMM": plain(maintenance),
            "unrealisedPnl": plain(unrealised),
            "cumRealisedPnl": plain(realised),
            "bonus": "0",
            "collateralSwitch": True,
            "marginCollateral": True,
            "locked": plain(spot),
            "spotHedgingQty": "0",
            "spotBorrow": "0",
        }

    def _code(self, asset: Asset) -> str:
        """What the venue calls it: as in its list of coins, else as in its markets."""
        known = {one.asset: one.code for one in self._desk.currencies}
        return known.get(asset, asset)

    def _dollars(self, asset: Asset, amount: Decimal) -> Decimal:
        if asset in _DOLLARS or not amount:
            return amount
        listing = self._listings.get((SPOT.category, f"{asset}USDT"))
        if listing is None:
            return _ZERO
        return amount * or_nothing(lambda: self._desk.mark(listing.instrument))


def _held_by_spot(account: SimulatedAccount, asset: Asset) -> Decimal:
    """By open orders: base of what is sold, quote of what is bought."""
    held = _ZERO
    for one in account.open_orders():
        order, instrument = one.order, one.order.instrument
        if instrument.kind is not Kind.SPOT or order.size is None or order.price is None:
            continue
        left = order.size - one.filled
        if order.side is Side.SELL and instrument.base == asset:
            held += left
        elif order.side is Side.BUY and instrument.quote == asset:
            held += left * order.price
    return held


def _rate(part: Decimal, whole: Decimal) -> str:
    return plain((part / whole).quantize(Decimal("0.0001"))) if whole else "0"


def _cents(amount: Decimal) -> str:
    """Dollars to the eighth decimal, rounded down: told, and never reckoned with."""
    return plain(amount.quantize(Decimal("0.00000001"), ROUND_DOWN))


def _dated(at: Nanos) -> str:
    """`2023-12-22T07:20:25Z`"""
    return f"{format_at(at)[:19]}Z"
