"""The prompt on a terminal: editing over lines, completion, history, Ctrl-C."""

from __future__ import annotations

import os
import re
import sys
import time

import pexpect
import pytest

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """The prompt on a pseudo-terminal."""

    def __init__(self, folder) -> None:
        environment = {
            **os.environ,
            "PHAROS_CACHE": str(folder),
            "TERM": "xterm-256color",
            "NO_COLOR": "1",
            "PROMPT_TOOLKIT_NO_CPR": "1",
        }
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "pharos.tools.repl"],
            env=environment,
            encoding="utf-8",
            timeout=30,
            dimensions=(30, 100),
        )
        self.child.delaybeforesend = 0
        self.expect("lispier> ")

    def send(self, keys: str) -> None:
        self.child.send(keys)

    def expect(self, text: str) -> None:
        self.child.expect(text)

    def quit(self) -> int:
        self.send(":quit\r")
        self.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def terminal(folder):
    made = Terminal(folder)
    yield made
    if made.child.isalive():
        made.quit()


def test_banner_and_forms_over_lines(terminal):
    terminal.send("(arith.addi (: 40 i32)\r(: 2 i32))\r")
    terminal.expect("42 : i32")


def test_completion(terminal):
    terminal.send("(def some-value (: 5 i32))\r")
    terminal.expect("some-value = 5 : i32")
    terminal.send("some-v\t")
    terminal.expect("alue")
    terminal.send("\r")
    terminal.expect("5 : i32")
    terminal.send(":hel\t")
    terminal.expect("help")
    terminal.send("\r")
    terminal.expect(":expand FORM")


def test_ctrl_c_at_the_prompt_drops_what_was_typed(terminal):
    terminal.send("(no-such-form\x03")
    terminal.send("(: 77 i8)\r")
    terminal.expect("77 : i8")


def test_ctrl_c_stops_a_loop(terminal):
    terminal.send(
        "(extern-fn getppid (-> [] [i32]))"
        '(do (print "begun\\n") (scf.while (region (block [] (call i32 getppid)'
        " (scf.condition (: 1 i1)))) (region (block [] (scf.yield)))))\r"
    )
    terminal.expect("begun\r\n")
    time.sleep(0.2)
    terminal.child.sendintr()
    terminal.expect("stopped; definitions and values are as before this line")
    terminal.send("some-value\r")
    terminal.expect("5 : i32")


def test_quit_leaves_and_history_stays(terminal, folder):
    assert terminal.quit() == 0
    history = (folder / "repl-history").read_text()
    assert "+(def some-value (: 5 i32))" in history
    assert "+(arith.addi (: 40 i32)\n+  (: 2 i32))" in history
    again = Terminal(folder)
    again.send("\x1b[A\x1b[A\r")
    again.expect("undefined symbol: some-value")
    again.expect("lispier> ")
    again.send("\x04")
    again.expect(pexpect.EOF)
    again.child.close()
    assert again.child.exitstatus == 0
