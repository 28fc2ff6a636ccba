"""Plots of what was captured, collected or is coming in: charts as values, drawn as HTML or PNG."""
