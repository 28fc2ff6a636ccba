"""Collected files on their way out: copies in an object store, rows in a database."""
