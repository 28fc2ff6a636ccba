"""Alerts: what a person should know now, told by any process, delivered by one that can do nothing else.

Enters: facts that somebody noticed. Leaves: lines of a spool, then messages of channels. Never: a network in the
process that tells, a record of a journal, a change to what a run decides.
"""

from cryptopipe.alerts.alert import KINDS, SEVERITIES, Alert
from cryptopipe.alerts.spool import Spool

__all__ = ["KINDS", "SEVERITIES", "Alert", "Spool"]
