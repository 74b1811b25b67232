"""NVIDIA's driver through cuda-core: the tests of ``CudaDriver`` again, and its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from simulating_cuda_core import POSSIBLE

HERE = Path(__file__).parent
FILES = ("test_gpu_drivers.py", "test_gpu_program_drivers.py", "cuda_core_cases.py")


@pytest.mark.skipif(not POSSIBLE, reason="the stand-in for libcuda.so.1 is code of Linux on x86-64")
def test_everything_that_holds_of_the_driver_by_ctypes():
    pytest.importorskip("cuda.core", reason="the extra cuda is not installed")
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "serving_cuda_core"]
    command += ["-m", "not slow", "-o", "addopts=", "-q", *(str(HERE / name) for name in FILES)]
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        cwd=HERE.parents[2],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) >= 28, done.stdout
    assert "Warning" not in done.stderr, done.stderr
