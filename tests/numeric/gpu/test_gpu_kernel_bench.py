"""The suite's products, elementwise functions, norms, softmax and reductions on simulated GPUs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PHAROS = Path(sys.executable).parent / "pharos"
PROBLEMS = (
    "level1/1-18",
    "level1/19-32",
    "level1/88",
    "level1/33-40",
    "level1/47-49",
    "level1/51-53",
)
TARGETS = ("nvidia:sim", "amd:sim", "amd:gfx942:sim", "xegpu:sim")


def rows_of(target, folder, *options):
    done = subprocess.run(
        [PHAROS, "kernel-bench", "--target", target, "--json", "--run", folder, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["rows"]


def test_a_problem_is_made_small_and_not_timed(tmp_path):
    status, (row,) = rows_of("nvidia:sim", tmp_path / "run", "--seeds", "1", "level1/21")
    assert (status, row["status"]) == (0, "correct")
    assert row["changes"] == ["D: 49152 -> 768"] and row["times"] == {}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("target", TARGETS)
def test_the_suite(target, dtype, tmp_path):
    options = ("--max-mb", "0.1", "--max-gflop", "0.001", "--seeds", "1", "--dtype", dtype)
    _, rows = rows_of(target, tmp_path / "run", *options, *PROBLEMS)
    wrong = {row["problem"]: row["message"] for row in rows if row["status"] != "correct"}
    assert wrong == {} and len(rows) == 47
