"""Collects market data: raw captures, and row files that are functions of them."""
