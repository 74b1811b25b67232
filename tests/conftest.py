"""Every stage of every test's compilation is verified, and each of MLIR's passes."""

from __future__ import annotations

import os

# In the environment: commands under test are processes of their own.
os.environ.setdefault("PHAROS_VERIFY", "all")
