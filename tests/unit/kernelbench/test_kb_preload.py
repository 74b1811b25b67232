"""What is imported once for all problems: enough, and nothing that starts threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CHECK = """
import os, sys
from pharos.kernelbench.preload import preload
preload("cpu")
assert "torch._dynamo" in sys.modules and "pharos.targets.cpu.codegen" in sys.modules
assert len(os.listdir("/proc/self/task")) == 1
preload("no such target")
"""


@pytest.mark.slow
def test_a_fork_of_it_finds_all_modules_and_no_threads():
    # numpy's own threads know about forks.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
