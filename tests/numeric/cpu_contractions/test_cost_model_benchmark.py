"""``benchmarks/cost_model.py``: what it measures, and what it makes of it."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "cost_model.py"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    return runpy.run_path(str(SCRIPT))


def test_shapes_are_the_same_in_every_run(script):
    names = [shape.name for shape in script["shapes"](12)]
    assert [shape.name for shape in script["shapes"](9)] == names[:9]
    assert len(set(names)) == 12 and sum(name.startswith("conv") for name in names) == 4


def test_the_choice_is_judged_against_the_best_candidate(script, tmp_path, capsys):
    (shape,) = script["shapes"](1)
    _, extents, unit = script["model"](shape)
    choice, *others = script["candidates"](extents, unit, None)
    assert others and choice not in others
    times = [1.2e-3, *[1e-3 + n * 1e-4 for n in range(len(others))]]
    rows = [
        {**vars(blocks), "key": str(n), "seconds": seconds}
        for n, (blocks, seconds) in enumerate(zip([choice, *others], times, strict=True))
    ]
    file = tmp_path / "times.json"
    script["write"](file, {shape.name: {"name": shape.name, "candidates": rows}})
    (found,) = script["judged"]([shape], script["read"](file))
    assert found["loss"] == pytest.approx(0.2) and found["best"] == others[0]
    script["report"]([shape], file, 1)
    assert "loss median 20.0%" in capsys.readouterr().out
    # Blocks that were measured stay candidates when the model changes its mind.
    again = script["candidates"](extents, unit, {"candidates": rows[1:2]})
    assert again == [choice, others[0]]


@pytest.mark.slow
def test_a_dry_run_goes_on_where_it_ended(tmp_path, monkeypatch, capsys):
    file = tmp_path / "times.json"
    options = ["--shapes", "2", "--most", "5000", "--rounds", "1", "--json", str(file)]
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    for step in ("compile", "measure", "report"):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *options, "--step", step])
        runpy.run_path(str(SCRIPT), run_name="__main__")
    rows = json.loads(file.read_text())
    assert len(rows) == 2 and all(one["seconds"] > 0 for r in rows for one in r["candidates"])
    assert "all             2 shapes" in capsys.readouterr().out
