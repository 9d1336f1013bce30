"""``python -m viewer`` is ``photoflight``."""

import sys

from viewer.cli import main

sys.exit(main())
