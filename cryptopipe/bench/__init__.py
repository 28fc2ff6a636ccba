"""Measures the paths a user pays for, on real recordings, beside other libraries in the same run."""
