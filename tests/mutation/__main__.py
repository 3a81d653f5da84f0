"""`python -m tests.mutation [NAME ...] [--jobs 1]`: remove safeguards one by one; 1 when no test notices."""

import sys

from tests.mutation.run import main

sys.exit(main())
