"""What Kraken's errors say was done.

Enters: nothing. Leaves: `TABLE`. Never: a refusal read into a text after which an order may stand.

The venue tells errors in the body, with status 200, as texts. Documented: docs.kraken.com/api/docs/guides/spot-errors
(in a copy of 2026-05-27) and support.kraken.com/articles/360001491786 (in copies). What is open: "EService:Deadline
elapsed" ("the request timed out"), "EService:Timeout" (of older lists, issues of public clients tell of orders that
were placed all the same: nothingisdead/npm-kraken-api 37, python3-krakenex 59 and 67), "EService:Unavailable" and
"EService:Busy" ("the matching engine or API is offline", which does not say since when), "EGeneral:Internal error".
"EAPI:Invalid nonce" is judged at the door: nothing was done.
"""

from cryptopipe.api import Action, CancelOrder, FindOrder, ListFills, Means, Row, rows

_PAGE = "guides/spot-errors, 2026-05-27"
_SUPPORT = "support.kraken.com/articles/360001491786, looked up 2026-11-21"
_LIVE = "answers quoted in public repositories, looked up 2026-11-21"
_OF_ORDERS: frozenset[type[Action]] = frozenset({CancelOrder, FindOrder, ListFills})


def _texts(means: Means, source: str, *texts: str) -> tuple[Row, ...]:
    """A row for each beginning of a text."""
    return tuple(Row(means, source, text=text) for text in texts)


TABLE: tuple[Row, ...] = (
    rows(Means.OPEN, _PAGE, "EService:Unavailable", "EService:Deadline elapsed", "EGeneral:Internal error"),
    rows(Means.OPEN, _SUPPORT, "EService:Busy", "EService:Timeout", "EDatabase:Internal error"),
    *_texts(Means.OPEN, _PAGE, "EGeneral:Internal error"),  # with a code after it
    rows(Means.LIMITED, _PAGE, "EOrder:Rate limit exceeded", "EOrder:Domain rate limit exceeded"),
    rows(Means.LIMITED, _PAGE, "EAuth:Rate limit exceeded", "EAuth:Too many requests", "EGeneral:Temporary lockout"),
    rows(Means.LIMITED, "guides/rest/ratelimits, 2026-11-21", "EAPI:Rate limit exceeded"),
    *_texts(Means.LIMITED, "guides/rest/ratelimits, 2026-11-21", "EService: Throttled", "EService:Throttled"),
    rows(Means.LIMITED, _LIVE, "EGeneral:Too many requests"),
    rows(Means.DENIED, _PAGE, "EAPI:Invalid key", "EAPI:Invalid signature", "EAPI:Invalid nonce"),
    rows(Means.DENIED, _PAGE, "EGeneral:Permission denied", "EAccount:Invalid permissions"),
    rows(Means.DENIED, _PAGE, "EAuth:Account temporary disabled", "EAuth:Account unconfirmed"),
    rows(Means.DENIED, _SUPPORT, "EAPI:Feature disabled", "EAPI:Bad request", "ESession:Invalid session"),
    rows(Means.DENIED, "ccxt 4.5.90", "ETrade:User Locked"),
    *_texts(Means.REFUSED, _LIVE, "EAccount:Invalid permissions:"),  # an asset restricted where the account is
    Row(Means.NOT_FOUND, _LIVE, frozenset({"EOrder:Unknown order", "EOrder:Invalid order"}), kinds=_OF_ORDERS),
    rows(Means.NOT_FOUND, _LIVE, "EFunding:Unknown reference id", "EFunding:Invalid reference id"),
    rows(Means.REFUSED, _PAGE, "EService:Market in cancel_only mode", "EService:Market in post_only mode"),
    *_texts(
        Means.REFUSED, _PAGE, "EOrder:", "EGeneral:Invalid arguments", "ETrade:", "EBM:limit exceeded", "EFunding:"
    ),
    *_texts(Means.REFUSED, _SUPPORT, "EQuery:", "EGeneral:Unknown method"),
)
