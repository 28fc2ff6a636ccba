"""The journal: an append-only log of checksummed records, its reader, and its projection into DuckDB."""
