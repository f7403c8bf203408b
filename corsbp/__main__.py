"""`python -m corsbp`, as the command `corsbp`."""

import sys

from .command import main

sys.exit(main())
