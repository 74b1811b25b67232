"""Rows for whatever becomes of a problem's process; a run that goes on where it was."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pharos.core.errors import UserError
from pharos.kernelbench import harness, rows
from pharos.kernelbench.options import Options, Wanted
from pharos.kernelbench.run_folder import RunFolder
from pharos.kernelbench.selection import Task
from pharos.runtime.crew import Limits

OPTIONS = Options("cpu")


class Watcher:
    def __init__(self):
        self.rows = []

    def step(self, key, step):
        pass

    def row(self, row):
        self.rows.append(row["problem"])


def finished(row):
    row["status"] = rows.CORRECT
    return row


def good(task, options, wanted, report, keep):
    return finished(rows.new(task))


def crashes(task, options, wanted, report, keep):
    row = rows.new(task)
    row["import_seconds"] = 0.5
    keep(row)
    report("compile: vector-loops")
    os.write(2, b"one\nLLVM ERROR: planted\n")
    os.abort()


def raises(task, options, wanted, report, keep):
    raise UserError("planted")


def sleeps(task, options, wanted, report, keep):
    report("run: inputs 0")
    time.sleep(60)
    return finished(rows.new(task))


def hogs(task, options, wanted, report, keep):
    held = []
    while True:
        held.append(b"x" * (16 << 20))
        time.sleep(0.01)


def asks_for_too_much(task, options, wanted, report, keep):
    return bytearray(1 << 40)


BY_NAME = {f.__name__: f for f in (good, crashes, raises, sleeps, hogs, asks_for_too_much)}


def by_name(task, *rest):
    return BY_NAME[task.name](task, *rest)


@pytest.fixture
def run(tmp_path):
    def run(names, solver=by_name, options=OPTIONS, **more):
        folder = RunFolder(tmp_path / "run")
        folder.begin(options, lambda: {"began": "now"})
        tasks = tuple(Task(f"level1/{n}", name) for n, name in enumerate(names))
        watcher = Watcher()
        wanted = Wanted(tmp_path / "dumps")
        # A child begins with the pages of this process, which other tests have filled.
        held = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        limits = Limits(seconds=30, memory=held + (1 << 30), steps={"run": 3.0})
        found = harness.run(
            harness.Run(tasks, options, wanted, folder, limits, **more), watcher, solver
        )
        return found, watcher, folder

    return run


def test_every_end_is_a_row(run):
    found, watcher, _ = run(list(BY_NAME), jobs=2)
    assert [row["name"] for row in found] == list(BY_NAME)
    by = {row["name"]: row for row in found}
    assert {name: row["status"] for name, row in by.items()} == {
        "good": "correct",
        "crashes": "crash",
        "raises": "failed",
        "sleeps": "time-out",
        "hogs": "memory",
        "asks_for_too_much": "memory",
    }
    assert by["crashes"]["step"] == "compile: vector-loops"
    assert "SIGABRT" in by["crashes"]["message"] and "LLVM ERROR" in by["crashes"]["message"]
    assert by["crashes"]["import_seconds"] == 0.5
    assert by["sleeps"]["step"] == "run: inputs 0"
    assert by["hogs"]["peak_bytes"] > 1 << 30
    assert sorted(watcher.rows) == sorted(row["problem"] for row in found)


def test_an_interrupted_run_goes_on(run):
    calls = []

    _, _, folder = run(["good"])
    assert len(list((folder.root / "rows").iterdir())) == 1

    def recorded(task, options, wanted, report, keep):
        report(task.key)
        return good(task, options, wanted, report, keep)

    class Steps(Watcher):
        def step(self, key, step):
            calls.append(step)

    tasks = (Task("level1/0", "good"), Task("level1/1", "good"))
    steps = Steps()
    again = harness.run(
        harness.Run(tasks, OPTIONS, Wanted(folder.root), folder, Limits()), steps, recorded
    )
    assert [row["status"] for row in again] == ["correct", "correct"]
    assert [step for step in calls if step] == ["level1/1"]
    assert steps.rows == ["level1/0", "level1/1"]


def test_what_was_not_correct_is_tried_again_when_asked(run):
    first, *_ = run(["raises"])
    second, *_ = run(["raises"], solver=good)
    third, *_ = run(["raises"], solver=good, retry=True)
    assert [f[0]["status"] for f in (first, second, third)] == ["failed", "failed", "correct"]


def test_a_run_with_other_options_is_another_run(run):
    run(["good"])
    with pytest.raises(UserError) as caught:
        run(["good"], options=replace(OPTIONS, seeds=5))
    assert "holds a run with seeds 3, found 5" in caught.value.message


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="other files"):
        RunFolder(tmp_path).begin(OPTIONS, dict)


def test_a_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(UserError, match="expected the folder of a run"):
        RunFolder(tmp_path).about()


def test_rows_are_whole_files_in_order(tmp_path):
    folder = RunFolder(tmp_path)
    folder.begin(OPTIONS, dict)
    for key in ("level1/10", "level1/2", "a/b%.py", "level2/1"):
        row = rows.new(Task(key, key))
        row["check"] = {"error": float("nan")}
        folder.keep(row)
    assert [row["problem"] for row in folder.rows()] == [
        "level1/2",
        "level1/10",
        "level2/1",
        "a/b%.py",
    ]
    for path in (tmp_path / "rows").iterdir():
        assert json.loads(path.read_text())["check"]["error"] == "nan"


def test_a_run_from_before_an_option_existed_goes_on(tmp_path):
    folder = RunFolder(tmp_path)
    folder.begin(OPTIONS, dict)
    about = folder.about()
    del about["options"]["shown"]
    (tmp_path / "run.json").write_text(json.dumps(about))
    folder.begin(OPTIONS, dict)
    with pytest.raises(UserError, match="with shown 0, found 3"):
        folder.begin(replace(OPTIONS, shown=3), dict)
