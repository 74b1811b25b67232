"""The page of a run: levels, floors, peers, plots that are the same for the same rows."""

from __future__ import annotations

import pytest

from pharos.core.errors import UserError
from pharos.kernelbench import ceilings, options, plots, report, rows
from pharos.kernelbench.ceilings import Ceilings
from pharos.kernelbench.selection import Task

CEILINGS = Ceilings(flops=200e9, bandwidth=20e9)


class Folder:
    root = "runs/a"

    def __init__(self, ceilings=CEILINGS):
        self.ceilings = ceilings

    def about(self):
        return {
            "pharos": "1.0",
            "began": "2026-01-01",
            "machine": {"facts": {"name": "some CPU"}},
            "options": {"target": "cpu", "dtype": "f32", "runs": 3, "seconds": 1},
            "ceilings": self.ceilings and self.ceilings.record(),
        }


def row(key, ours, eager, flops=0, moved=20_000_000, inductor=None):
    made = rows.new(Task(key, key.upper()))
    made.update(status="correct", compile_seconds=0.25, work={"flops": flops, "bytes": moved})
    for name, seconds in (("ours", ours), ("eager", eager), ("inductor", inductor)):
        if seconds is not None:
            time = {"median": seconds, "min": seconds, "iqr": 1e-4, "n": 3}
            cold = dict(time, median=2 * seconds if name == "ours" else seconds)
            made["times"][name] = {"warm": time, "cold": cold}
    if inductor is not None:
        made["peers"]["inductor"] = {"compile_seconds": 7.5}
    return made


ROWS = [
    row("level1/1", 2e-3, 4e-3, inductor=3e-3),
    row("level1/2", 0.02, 0.01, flops=2_000_000_000),
    row("level2/1", 5e-3, 5e-3, flops=1000, moved=4),
]


def test_floors_are_of_operations_or_of_traffic():
    assert report.floor_of(ROWS[0], CEILINGS) == pytest.approx(1e-3)
    assert report.floor_of(ROWS[1], CEILINGS) == pytest.approx(0.01)
    assert report.floor_of(rows.new(Task("a", "a")), CEILINGS) is None
    assert report.floor_of(ROWS[0], None) is None


def test_a_page_has_every_level_and_problem(tmp_path):
    files = report.write_report(Folder(), [*ROWS, rows.new(Task("level2/2", "BAD"))], tmp_path)
    assert [path.name for path in files] == ["report.md", "speed-ups.svg", "roofline.svg"]
    page = files[0].read_text()
    assert "| level1 | 2 of 2 | 1.00 | 50% | 1.50 | 50% | 0.25 s | 0.25 s |" in page
    assert "| level2 | 1 of 2 |" in page and "| all | 3 of 4 |" in page
    assert "200 GFLOP/s, 20.0 GB/s" in page
    assert (
        "| level1/1 | LEVEL1/1 | correct | 2.000 | 2.000 | 0.100 | 2.00 | 1.00 | 1.50 | 0.75 "
        "| 1.000 | 50% | 0.25 | 7.50 |"
    ) in page
    assert f"| level2/2 | BAD | failed |{11 * ' - |'}" in page


def test_a_machine_without_ceilings_has_no_roofline(tmp_path):
    files = report.write_report(Folder(None), ROWS, tmp_path)
    assert [path.name for path in files] == ["report.md", "speed-ups.svg"]
    assert "floor ms" not in files[0].read_text()


def test_plots_are_the_same_for_the_same_rows():
    assert plots.speed_ups(ROWS) == plots.speed_ups(ROWS)
    picture = plots.roofline(ROWS, CEILINGS)
    assert picture == plots.roofline(ROWS, CEILINGS) and "</svg>" in picture


def test_what_prevents_a_page_is_told_before_the_run(tmp_path):
    with pytest.raises(UserError, match="expected a run that is timed, found one that is not"):
        report.check_report(tmp_path / "page", timed=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot make the folder .*file/page: Not a directory"):
        report.check_report(tmp_path / "file" / "page", timed=True)
    report.check_report(tmp_path / "page", timed=True)
    assert (tmp_path / "page").is_dir()


def test_the_roof_is_of_the_type_of_the_run(monkeypatch):
    rates = {"torch.float64": 1.0, "torch.float32": 2.0, "torch.bfloat16": 0.5, "torch.float16": 4}
    monkeypatch.setattr(ceilings, "_products", lambda kind: rates[str(kind)])
    monkeypatch.setattr(ceilings, "_least", lambda function: 1.0)
    found = {dtype: ceilings.measured(dtype).flops for dtype in options.DTYPES}
    assert found == {"f32": 2, "bf16": 2, "f16": 4, "f64": 1}


def test_a_run_without_times_has_no_page(tmp_path):
    with pytest.raises(UserError, match=r"expected a run with times, found none in runs/a"):
        report.write_report(Folder(), [rows.new(Task("a", "a"))], tmp_path)
