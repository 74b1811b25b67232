"""The process behind the prompt: guarded, it survives whatever a line does to it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from pharos.core.errors import InternalError
from pharos.tools.repl.process import Process

FAKE = str(Path(__file__).with_name("repl_fake_worker.py"))


class Around:
    """A process, and what came out of it."""

    def __init__(self) -> None:
        self.written = {1: b"", 2: b""}
        self.shown: list[str] = []
        self.process = Process(self.output, terminal=False, worker=(sys.executable, FAKE))

    def output(self, stream: int, data: bytes) -> None:
        self.written[stream] += data

    def ask(self, text: str):
        self.shown = []
        return self.process.ask(lambda m: self.shown.append(m["text"]), do="x", text=text)


@pytest.fixture
def around():
    made = Around()
    yield made
    made.process.close()


def test_state_goes_on(around):
    assert [around.ask("a").kind, around.ask("b").kind] == ["done", "done"]
    assert around.shown == ["2"]


@pytest.mark.parametrize(
    ("text", "kind", "how"),
    [
        ("abort while compiling", "crashed", "SIGABRT (Aborted)"),
        ("abort while running", "died", "SIGABRT (Aborted)"),
        ("exit", "died", "exit status 7"),
        ("half a message", "died", "SIGABRT (Aborted)"),
    ],
)
def test_death_undoes_the_request(around, text, kind, how):
    around.ask("a")
    ended = around.ask(text)
    assert (ended.kind, ended.how) == (kind, how)
    assert around.ask("b").kind == "done"
    assert around.shown == ["2"]


def test_last_words_of_the_compiler_are_kept_for_the_message(around):
    ended = around.ask("abort while compiling")
    assert "LLVM ERROR: out of registers" in ended.said
    assert around.written == {1: b"", 2: b""}


def test_what_a_program_wrote_is_passed_on(around):
    around.ask("abort while running")
    assert around.written == {1: b"last words\n", 2: b"and complaints\n"}


def test_mistake_undoes_the_request(around):
    assert around.ask("mistake").kind == "failed"
    assert around.shown == ["error: wrong"]
    around.ask("a")
    assert around.shown == ["1"]


def test_bug_of_ours_is_shown_and_survived(around):
    assert around.ask("bug").kind == "failed"
    assert "ZeroDivisionError: ours" in around.shown[0]
    assert around.ask("a").kind == "done"


def test_forgotten_request_leaves_nothing(around):
    assert around.ask("forget").kind == "done"
    around.ask("a")
    assert around.shown == ["1"]


def test_ctrl_c_stops_and_undoes(around):
    around.ask("a")
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    assert around.ask("forever").kind == "stopped"
    assert time.monotonic() - start < 10
    assert around.written[1] == b"begun\n"
    around.ask("b")
    assert around.shown == ["2"]


def test_ctrl_c_is_python_s_again_afterwards(around):
    around.ask("a")
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)


def test_restart_forgets(around):
    around.ask("a")
    around.process.restart()
    around.ask("b")
    assert around.shown == ["1"]


def test_worker_and_guard_gone(around):
    around.ask("a")
    while not around.process._ready:
        around.process._listen(None)
    worker = around.process._pid
    guard = _child_of(worker)
    os.kill(guard, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    ended = around.ask("b")
    assert ended.kind == "lost"
    around.ask("c")
    assert around.shown == ["1"]


def test_worker_that_does_not_start():
    worker = (sys.executable, FAKE, "refuse")
    process = Process(lambda stream, data: None, terminal=False, worker=worker)
    with pytest.raises(InternalError, match="could not start: exit status 5"):
        process.ask(lambda message: None, do="x", text="a")


def test_nothing_is_left_running(around):
    around.ask("a")
    worker = around.process._pid
    around.process.close()
    deadline = time.monotonic() + 5
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _alive(worker)
    around.process._start()


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
