"""``python -m pharos.tools.repl [FILE...]``."""

from __future__ import annotations

import sys

from pharos.tools.repl.start import main

sys.exit(main(sys.argv[1:]))
