"""`python -m cryptopipe`, the same as `cryptopipe`.

Enters: arguments. Leaves: an exit code. Never: anything else.
"""

import sys

from cryptopipe.cli import main

sys.exit(main())
