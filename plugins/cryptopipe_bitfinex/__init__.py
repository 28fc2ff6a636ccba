"""The venue bitfinex.

Enters: nothing. Leaves: nothing yet. Never: a request made at import.
"""
