"""What Bybit's codes mean for a request that was sent: nothing was done, something may have been, or not at all.

Enters: nothing. Leaves: `TABLE`. Never: a code that the page of errors does not have (but for `403`, and what ccxt's
table adds, each named), or one that leaves execution open taken for a refusal.

bybit-exchange.github.io/docs/v5/error (state of 2026-07-24, read 2026-11-21). The page says of no code whether an order
was executed; taken for open is every text of a timeout, of a failure of the server, of something in hand, and of a
request that was made before. Whether an order that was answered by 10000 stands, pybit's issue 234 does not say either.
"""

from cryptopipe.api import CancelAll, CancelOrder, FindOrder, Means, Row, rows

_PAGE = "docs/v5/error, state of 2026-07-24, read 2026-11-21"

OPEN_CODES = (
    10000,  # Server Timeout
    10014,  # Invalid duplicate request: the first may have been taken
    10016,  # Server error; of the order stream also "Service is restarting"
    10019,  # the stream of orders restarts, "the request in the process is not affected"
    110072,  # OrderLinkedID is duplicate: ours are unique, so the order that has it is this one
    110079,  # The order is processing and can not be operated, please try again later
    131001,  # openapi svc error
    131003,  # Internal error
    131082,  # Do not repeat the request
    131200,  # Service error
    131201,  # Internal error
    131214,  # TransferId exist
    131230,  # The system is busy, please try again later
    170001,  # Internal error
    170007,  # Timeout waiting for response from backend server
    170032,  # Network error. Please try again later
    170035,  # Submitted to the system for processing!
    170141,  # Duplicate clientOrderId: likewise
    170144,  # Order has been locked
    170146,  # Order creation timeout
    170147,  # Order cancellation timeout
    170149,  # Create order failed
    170150,  # Cancel order failed
    170191,  # Can not cancel order, please try again later
    170212,  # Cancel order request processing
    170234,  # System Error
    3400214,  # Server error, please try again later
)
LIMITED_CODES = (429, 10006, 10018, 10429, 20003, 170005, 170222, 30035)
DENIED_CODES = (
    *(-1, -2015, 10002, 10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 10028, 10029, 33004, 100028),
    *(131004, 131065, 131089, 131090, 131091, 131092, 170201, 170219, 170241, 110123, 110125, 3100197),
)
NOT_FOUND_CODES = (110001, 170143, 170213)
REFUSED_CODES = (
    *(10001, 10017, 30133, 30134, 30135, 30136, 30208, 30209, 30228, 30256, 40004),
    *range(110003, 110072),
    *range(110073, 110079),
    *(110080, 110082, 110083, *range(110085, 110091), *range(110092, 110122)),
    *(110124, 110131, 110132, 110135, 110136, 110137, 3200403, 3400139, 34040),
    *(131002, 131066, 131067, 131068, 131069, 131070, 131071, 131072, 131073, 131074, 131075, 131076, 131077, 131078),
    *(131079, 131080, 131081, 131083, 131084, 131085, 131086, 131087, 131088, 131093, 131094, 131095, 131096, 131097),
    *(131098, 131099, 131202, 131203, 131204, 131205, 131206, 131207, 131208, 131209, 131210, 131211, 131212, 131213),
    *(131215, 131216, 131217, 131226, 131227, 131228, 131229, 131231, 131232, 131233, 131239),
    *(170010, 170011, 170019, 170031, 170033, 170034, 170036, 170037, 170105, 170115, 170116, 170117, 170121, 170124),
    *(170130, 170131, 170132, 170133, 170134, 170135, 170136, 170137, 170139, 170140, 170142, 170145, 170148),
    *(170151, 170157, 170159, 170190, *range(170192, 170201), 170202, 170203, 170204, 170206, 170207, 170209, 170210),
    *(170215, 170216, 170217, 170218, 170220, 170221, 170223, 170224, 170226, 170227, 170228, 170229, 170230, 170341),
    *(170344, 170346, 170348, 170355, 170358, 170359, 170360, 170371, 170372, 170381, 170382, 170709, 170810, 182104),
)

TABLE: tuple[Row, ...] = (
    Row(
        Means.LIMITED,
        "docs/v5/rate-limit: 403, access too frequent; state of 2026-07-24, read 2026-11-21",
        statuses=frozenset({403}),
    ),
    Row(Means.DENIED, _PAGE, statuses=frozenset({401})),
    Row(
        Means.NOT_FOUND,
        _PAGE,
        frozenset(map(str, NOT_FOUND_CODES)),
        kinds=frozenset({CancelOrder, CancelAll, FindOrder}),
    ),
    rows(Means.OPEN, _PAGE, *OPEN_CODES),
    rows(Means.LIMITED, _PAGE, *LIMITED_CODES),
    rows(Means.DENIED, _PAGE, *DENIED_CODES),
    rows(Means.REFUSED, _PAGE, *REFUSED_CODES, *NOT_FOUND_CODES),
)
"""The first row that fits counts. A code that is in none is judged by ccxt's class of error, which for one that it does
not know either is that anything may have been done."""
