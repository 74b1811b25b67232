"""Children side by side: their ends are outcomes, limits hold, who measures is alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pharos.core.errors import UserError
from pharos.runtime.crew import Limits, run_crew

MIB = 1 << 20


def ends(works, **options):
    return {outcome.key: outcome for outcome in run_crew(works.items(), **options)}


def test_values_come_back_by_key():
    found = ends({n: lambda report, n=n: n * n for n in range(5)}, jobs=2)
    assert {key: outcome.value for key, outcome in found.items()} == {0: 0, 1: 1, 2: 4, 3: 9, 4: 16}
    assert all(outcome.error is None and outcome.peak > MIB for outcome in found.values())


def test_an_error_and_a_crash_do_not_end_the_others():
    def refused(report):
        raise UserError("expected x")

    def aborted(report):
        report("compile: stage")
        os.write(2, b"LLVM ERROR: no\n")
        os.abort()

    found = ends({"refused": refused, "aborted": aborted, "good": lambda report: 1})
    assert found["refused"].error.message == "expected x"
    assert "SIGABRT" in str(found["aborted"].error) or "SIGABRT" in found["aborted"].error.status
    assert found["aborted"].step == "compile: stage"
    assert "LLVM ERROR" in found["aborted"].output
    assert found["good"].value == 1


def test_a_child_that_takes_too_long_is_ended():
    found = ends({"slow": lambda report: time.sleep(60)}, limits=Limits(seconds=0.3))
    assert found["slow"].stopped == "time"
    assert 0.3 <= found["slow"].seconds < 20


def test_a_kind_of_step_has_a_limit_of_its_own():
    def work(report):
        time.sleep(0.4)
        report("compile: a")
        time.sleep(0.2)
        report("compile: b")
        time.sleep(60)

    found = ends({"slow": work}, limits=Limits(seconds=30, steps={"compile": 2.0}))
    assert (found["slow"].stopped, found["slow"].step) == ("time", "compile: b")
    assert 2.4 <= found["slow"].seconds < 20


def test_a_child_that_takes_too_much_memory_is_ended():
    def work(report):
        held = []
        while True:
            held.append(b"x" * (16 * MIB))
            time.sleep(0.02)

    found = ends({"hog": work}, limits=Limits(seconds=30, memory=400 * MIB))
    assert found["hog"].stopped == "memory"
    assert found["hog"].peak >= 400 * MIB


def test_one_huge_request_is_refused_at_once():
    found = ends({"hog": lambda report: len(bytearray(1 << 38))}, limits=Limits(memory=400 * MIB))
    assert isinstance(found["hog"].error, MemoryError)


def test_who_measures_is_alone(tmp_path):
    log = tmp_path / "log"

    def note(text):
        with log.open("a") as file:
            file.write(f"{text}\n")

    def measuring(report):
        time.sleep(0.2)
        report("time")
        time.sleep(0.5)  # until the other one stands still
        note("begin")
        time.sleep(0.4)
        note("end")

    def other(report):
        for _ in range(60):
            note("other")
            time.sleep(0.02)

    found = ends({"a": measuring, "b": other}, jobs=2, limits=Limits(seconds=20))
    lines = log.read_text().split()
    assert lines[lines.index("begin") + 1] == "end"
    assert lines.count("other") == 60
    assert found["b"].error is None


def test_time_that_a_child_stands_still_is_not_counted():
    def measuring(report):
        report("time")
        time.sleep(3.0)

    def other(report):
        time.sleep(0.3)

    found = ends({"a": measuring, "b": other}, jobs=2)
    assert found["b"].seconds < 2.9


def test_closing_ends_the_children():
    def work(report):
        report(str(os.getpid()))
        time.sleep(60)

    seen = []
    crew = run_crew(
        [("quick", lambda report: time.sleep(0.3)), ("long", work)],
        jobs=2,
        watch=lambda key, step: seen.append(step),
    )
    assert next(crew).key == "quick"
    crew.close()
    pid = next(int(step) for step in seen if step)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


CREW = """
import os, time
from pharos.runtime.crew import run_crew
def work(report):
    print(os.getpid(), flush=True)
    time.sleep(60)
list(run_crew([("a", work)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's death")
def test_children_end_when_the_parent_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", CREW], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(pid)


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
