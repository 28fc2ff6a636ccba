"""Simulated venues: engine, order flow, faults, and the house that carries a venue's connections."""
