"""``benchmarks/nvidia_gpu.py`` is ready to be run: dry, on a simulated device."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "benchmarks" / "nvidia_gpu.py"
CHECKPOINT = ROOT / "pharos" / "models" / "gpt2" / "embedded" / "model.bin"


def run(script, *options):
    command = [sys.executable, str(script), "--small", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_dry_run(tmp_path, monkeypatch, capsys):
    out = tmp_path / "out.json"
    options = ["--small", "--target", "nvidia:sim", "--only", "launch", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *options])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    found = json.loads(out.read_text())
    assert found["copy_bytes_per_second"] > 0 and found["cases"]["launch"]["in_graph"] > 0
    assert "us a kernel in a graph" in capsys.readouterr().out


@pytest.mark.slow
def test_built_here_and_run_there(tmp_path):
    built = run(SCRIPT, "--target", "nvidia:sim", "--only", "add,launch", "--build", tmp_path)
    assert built.returncode == 0, built.stderr
    ran = run(tmp_path / SCRIPT.name, "--run", tmp_path, "--json", tmp_path / "out.json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["copy_bytes_per_second"] > 0 and set(found["cases"]) == {"add bf16 4096", "launch"}
    assert found["cases"]["launch"]["in_graph"] > 0
    assert "of a copy" in ran.stdout and "us a kernel in a graph" in ran.stdout


@pytest.mark.slow
def test_all_of_it(tmp_path):
    out = tmp_path / "out.json"
    ran = run(SCRIPT, "--target", "nvidia:sim", "--json", out, "--gpt2", CHECKPOINT)
    assert ran.returncode == 0, ran.stderr
    document = json.loads(out.read_text())
    found = document["cases"]
    assert document["gpt2"]["ms_per_token"] > 0
    assert len(found) == 6
    assert all(case["error"] < 1e-2 for case in found.values()), found
