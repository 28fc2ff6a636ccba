"""Inputs, and the one writer and the one reader of raw captures."""
