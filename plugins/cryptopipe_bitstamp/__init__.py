"""The venue bitstamp.

Enters: nothing. Leaves: nothing yet. Never: a request made at import.
"""
