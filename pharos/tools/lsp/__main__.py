"""``python -m pharos.tools.lsp``."""

from __future__ import annotations

import sys

from pharos.tools.lsp import main

sys.exit(main())
