"""The command from end to end: small problems compiled, checked, timed, kept, compared."""

from __future__ import annotations

import pytest

HEAD = """
import torch
class Model(torch.nn.Module):
"""
GOOD = f"""{HEAD}
    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(features, width)
    def forward(self, x):
        return torch.relu(self.linear(x))
batch = 6
features = 64
def get_inputs():
    return [torch.rand(batch, features)]
def get_init_inputs():
    return [5]
"""
SUM = f"""{HEAD}
    def forward(self, x):
        return x.sum(dim=1, keepdim=True)
def get_inputs():
    return [torch.rand(7, 33)]
"""
BROKEN = f"""{HEAD}
    def forward(self, x):
        return x @ x
def get_inputs():
    return [torch.rand(2, 3)]
def get_init_inputs():
    return []
"""


@pytest.fixture
def files(tmp_path):
    for name, text in (("good", GOOD), ("total", SUM), ("broken", BROKEN)):
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def test_three_problems_end_to_end(kernel_bench, files):
    done = kernel_bench(
        "good.py", "total.py", "broken.py", "--run", "runs/a", "--json", "--jobs", 2,
        "--runs", 3, "--seconds", 0.2, "--dump-after", "all", "--assembly", "--object",
        "--print", 2, "--report", "page",
    )  # fmt: skip
    assert done.status == 3, done.err
    document = done.json()
    by = {row["name"]: row for row in document["rows"]}
    assert {name: row["status"] for name, row in by.items()} == {
        "good": "correct",
        "total": "correct",
        "broken": "problem",
    }
    assert "eager of the problem fails" in by["broken"]["message"]
    for name in ("good", "total"):
        row = by[name]
        assert row["check"]["checks"] == 4 and row["check"]["reference"] == "float64"
        assert 0 < row["compile_seconds"] < 60 and row["peak_bytes"] > 0
        for who in ("ours", "bound", "eager"):
            for caches in ("warm", "cold"):
                assert 0 < row["times"][who][caches]["min"] <= row["times"][who][caches]["median"]
    assert by["good"]["work"] == {"flops": 2 * 6 * 64 * 5, "bytes": 4 * (65 * 5 + 6 * 64 + 6 * 5)}
    assert by["total"]["work"] == {"flops": 0, "bytes": 4 * (7 * 33 + 7)}
    assert document["ceilings"]["flops"] > 1e9 and document["ceilings"]["bandwidth"] > 1e8
    assert {one.name for one in (files / "page").iterdir()} == {
        "report.md", "speed-ups.svg", "roofline.svg",
    }  # fmt: skip
    assert by["total"]["shown"][0].startswith("float32[7, 1] = 1")
    fast = document["summary"]["fast"]["eager"]
    assert list(fast) == ["0.5", "0.8", "1", "1.5", "2"] and max(fast.values()) <= 2 / 3
    written = {path.name for path in (files / "runs/a/dumps/good.py").iterdir()}
    assert {"imported.mlir", "code.s", "code.object"} <= written and len(written) > 5
    # The run is there to be printed and to be continued: nothing is worked out again.
    shown = kernel_bench("--run", "runs/a")
    assert shown.status == 3
    assert "correct: 2 of 3, 1 problem" in shown.out and "geometric mean" in shown.out
    again = kernel_bench(
        "good.py", "total.py", "--run", "runs/a", "--runs", 3, "--seconds", 0.2,
        "--against", "runs/a", "--print", 2,
    )  # fmt: skip
    assert again.status == 0, again.err
    assert "2 problems in both, 0 broken, 0 mended" in again.out
    assert len((files / "runs/history.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_row_says_that_its_parameters_were_tuned(kernel_bench, files):
    from pharos import toolchain, tuning

    payload, request = toolchain.read_problem(files / "good.py").payload, toolchain.Request()
    (work,) = toolchain.make_plan(payload, request).measured()
    record = {"device": toolchain.device_of(request), "work": work, "values": {"kc": 32}}
    tuning.store(files / "cache" / "tuned.jsonl", {**record, "seconds": 1.0})
    (row,) = kernel_bench("good.py", "--no-benchmark", "--json").json()["rows"]
    assert row["status"] == "correct"
    assert "parameters by pharos tune: 1 works" in row["notes"]
