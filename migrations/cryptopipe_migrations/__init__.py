"""The schema of the journal's projection, revision by revision (Alembic).

Enters: a database at any revision. Leaves: the same one at the newest. Never: a revision that was shipped and is
edited afterwards. What cannot be upgraded is dropped and rebuilt from the journal, so downgrades are not written.
"""
