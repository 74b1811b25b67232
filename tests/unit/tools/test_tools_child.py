"""A child process: values, errors and deaths come back; nothing is left behind."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pharos.core.errors import ErrorList, InternalError, Note, UserError
from pharos.core.span import Span, register_source
from pharos.runtime.child import ChildDied, ChildTraceback, in_child


def test_a_value_comes_back():
    assert (
        in_child(lambda report: {"pid": os.getpid(), "data": b"x" * 300_000})["pid"] != os.getpid()
    )


def test_what_the_child_changes_stays_there():
    seen: list[int] = []
    assert in_child(lambda report: seen.append(1) or len(seen)) == 1
    assert seen == []


def test_a_users_mistake_keeps_its_place_notes_and_hint():
    def work(report):
        register_source("child-only.txt", "abc def")
        span = Span("child-only.txt", 1, 5, 1, 8)
        raise UserError("expected xyz", span=span, hint="write xyz", notes=[Note("a note")])

    with pytest.raises(UserError) as caught:
        in_child(work)
    assert str(caught.value) == (
        "child-only.txt:1:5: error: expected xyz\n  abc def\n      ^~~\n"
        "note: a note\nhint: write xyz"
    )


def test_several_mistakes_come_back_together():
    def work(report):
        raise ErrorList([UserError("one"), UserError("two")])

    with pytest.raises(ErrorList) as caught:
        in_child(work)
    assert [error.message for error in caught.value.errors] == ["one", "two"]


def test_a_bug_brings_the_childs_traceback():
    def work(report):
        raise InternalError("broken", reproducer="folder")

    with pytest.raises(InternalError, match="broken") as caught:
        in_child(work)
    assert caught.value.reproducer == "folder"
    assert isinstance(caught.value.__cause__, ChildTraceback)
    assert "in work" in str(caught.value.__cause__)


def test_an_error_that_cannot_be_sent_is_told_all_the_same():
    class Local(Exception):
        pass

    def work(report):
        raise Local("inner")

    with pytest.raises(InternalError, match="Local: inner") as caught:
        in_child(work)
    assert "in work" in str(caught.value.__cause__)


def test_an_abort_names_the_last_step_and_keeps_the_last_words():
    def work(report):
        report("first")
        report("second")
        os.write(2, b"LLVM ERROR: from C\n")
        sys.stderr.write("from Python\n")
        os.abort()

    with pytest.raises(ChildDied) as caught:
        in_child(work)
    assert caught.value.step == "second"
    assert "SIGABRT" in caught.value.status
    assert caught.value.output == "LLVM ERROR: from C\nfrom Python\n"


def test_a_kill_and_an_exit_are_told_apart():
    with pytest.raises(ChildDied) as killed:
        in_child(lambda report: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(ChildDied) as left:
        in_child(lambda report: os._exit(3))
    assert "SIGKILL" in killed.value.status
    assert left.value.status == "exit status 3"


def test_a_value_that_cannot_be_sent_is_an_error_with_its_reason():
    with pytest.raises(ChildDied) as caught:
        in_child(lambda report: lambda: None)
    assert "pickle" in caught.value.output


def test_what_the_child_says_on_stderr_is_passed_on(capfd):
    in_child(lambda report: os.write(2, b"a warning\n"))
    assert capfd.readouterr().err == "a warning\n"


def test_temporary_files_of_a_crash_are_removed():
    place = tempfile.mkdtemp()
    marker = Path(place) / "where"

    def work(report):
        marker.write_text(tempfile.mkdtemp(prefix="left-over-"))
        os.abort()

    with pytest.raises(ChildDied):
        in_child(work)
    assert not Path(marker.read_text()).exists()
    marker.unlink()
    os.rmdir(place)


def test_ctrl_c_ends_the_child_too(capfd):
    marker = Path(tempfile.mkdtemp()) / "pid"

    def work(report):
        marker.write_text(str(os.getpid()))
        # A terminal sends it to both.
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        in_child(work)
    assert time.monotonic() - start < 20
    assert capfd.readouterr().err == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(marker.read_text()), 0)
