"""Arithmetic over rows: fast_p, means, and two runs side by side."""

from __future__ import annotations

import pytest

from pharos.core.errors import UserError
from pharos.kernelbench import against, history, rows
from pharos.kernelbench.selection import Task
from pharos.kernelbench.summary import fast_p, geometric_mean, summarize


def row(key, status="correct", ours=None, eager=None, iqr=0.0, compiled=1.0, inductor=None):
    made = rows.new(Task(key, key))
    made.update(status=status, compile_seconds=compiled)
    for name, seconds in (("ours", ours), ("eager", eager), ("inductor", inductor)):
        if seconds is not None:
            time = {"median": seconds, "min": seconds, "iqr": iqr, "n": 3}
            made["times"][name] = {"warm": time, "cold": time}
    return made


def test_fast_p_counts_all_problems_and_only_what_is_faster():
    assert fast_p([0.5, 1.0, 2.0, 4.0], 1.0, 8) == 2 / 8
    assert fast_p([0.5, 1.0, 2.0, 4.0], 0.5, 8) == 3 / 8
    assert fast_p([], 1.0, 0) == 0


def test_the_mean_is_geometric():
    assert geometric_mean([0.5, 2.0, 8.0]) == pytest.approx(2.0)
    assert geometric_mean([]) is None


def test_a_summary_counts_correct_rows_alone():
    found = summarize(
        [
            row("level1/1", ours=1.0, eager=2.0, inductor=1.0, compiled=0.5),
            row("level1/2", ours=2.0, eager=1.0, compiled=2.5),
            row("level1/3", "wrong", ours=1.0, eager=100.0, compiled=3.5),
            row("level1/4", "crash", compiled=None),
        ]
    )
    assert found.statuses == {"correct": 2, "wrong": 1, "crash": 1}
    assert found.fast["eager"] == {0.5: 0.25, 0.8: 0.25, 1.0: 0.25, 1.5: 0.25, 2.0: 0.0}
    assert found.mean["eager"] == pytest.approx(1.0)
    assert found.timed == {"eager": 2, "inductor": 1}
    assert (found.compile_median, found.compile_max) == (2.5, 3.5)
    assert not found.all_correct
    assert found.record()["fast"]["eager"]["0.8"] == 0.25


def test_all_correct_needs_a_row():
    assert summarize([row("level1/1")]).all_correct
    assert not summarize([]).all_correct


def test_runs_are_compared_problem_by_problem():
    before = [
        row("a", ours=1.0, eager=1.0),
        row("b", "wrong"),
        row("c"),
        row("gone"),
        row("noisy", ours=1.0, eager=1.0, iqr=0.5),
    ]
    now = [
        row("a", ours=0.5, eager=1.0),
        row("b"),
        row("c", "crash"),
        row("new"),
        row("noisy", ours=0.8, eager=1.0),
    ]
    found = against.compare(before, now)
    assert [change.problem for change in found.broken] == ["c"]
    assert [change.problem for change in found.mended] == ["b"]
    assert [(change.problem, change.ratio) for change in found.faster] == [("a", 2.0)]
    assert found.slower == []
    assert (found.only_before, found.only_now) == (("gone",), ("new",))


def test_a_machine_that_was_slower_as_a_whole_changes_nothing():
    found = against.compare([row("a", ours=1.0, eager=2.0)], [row("a", ours=3.0, eager=6.0)])
    assert found.changes[0].ratio == pytest.approx(1.0)
    assert not found.changes[0].sure


def test_the_history_keeps_one_line_per_run(tmp_path):
    file = tmp_path / "runs" / history.NAME
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        history.append(file, {"run": str(tmp_path / name)})
    with file.open("a") as out:
        out.write('{"run": "cut o')
    assert [entry["run"][-3:] for entry in history.entries(file)] == ["one", "two"]
    assert history.last(file, other_than=tmp_path / "two") == tmp_path / "one"
    with pytest.raises(UserError, match="found no earlier run"):
        history.last(tmp_path / "none", other_than=tmp_path)
