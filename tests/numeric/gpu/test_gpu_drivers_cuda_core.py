"""NVIDIA's driver through cuda-core: the tests of ``CudaDriver`` again, and its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from simulating_cuda_core import POSSIBLE

HERE = Path(__file__).parent
QUICK = ("test_gpu_drivers.py", "test_gpu_program_drivers.py", "cuda_core_cases.py")
SLOW = ("test_gpu_program_drivers.py", "../gpt2/test_device_drivers.py")

pytestmark = pytest.mark.skipif(
    not POSSIBLE, reason="the stand-in for libcuda.so.1 is code of Linux on x86-64"
)


def passed(files, marks):
    """How many tests of ``files`` passed in a process where cuda-core has the stand-in."""
    pytest.importorskip("cuda.core", reason="the extra cuda is not installed")
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "serving_cuda_core", "-m", marks]
    command += ["-o", "addopts=", "-q", *(str(HERE / name) for name in files)]
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=HERE.parents[2], check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return int(re.search(r"(\d+) passed", done.stdout)[1])


def test_what_holds_of_the_driver_by_ctypes_holds_by_cuda_core():
    assert passed(QUICK, "not slow") >= 29


@pytest.mark.slow
def test_a_refused_launch_of_a_program_and_gpt2():
    assert passed(SLOW, "slow") == 2
