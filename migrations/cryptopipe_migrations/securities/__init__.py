"""The schema of the security master, revision by revision, run by the same environment as the journal's.

Enters: a database at any revision. Leaves: the same one at the newest. Never: a revision that drops rows: this history
can be made again from nothing.
"""
