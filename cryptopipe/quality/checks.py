"""The table of all checks.

Enters: nothing. Leaves: `CHECKS`, in the order in which they are told. Never: two of one name.
"""

from cryptopipe.quality import of_files, of_neighbours, of_prices, of_time, of_values

CHECKS = (*of_files.CHECKS, *of_values.CHECKS, *of_time.CHECKS, *of_prices.CHECKS, *of_neighbours.CHECKS)
