"""The command line itself: help, versions, exit codes, what start-up imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pharos import __version__

COMMANDS = [
    "run",
    "show-ast",
    "show-ir",
    "show-expanded",
    "eval",
    "check",
    "build",
    "fmt",
    "repl",
    "lsp",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_of_the_command(lispier, command):
    found = lispier(command, "--help")
    assert found.status == 0 and found.err == ""
    assert "Example" in found.out and f"\n    lispier {command}" in found.out
    assert lispier(command, "-h").out == found.out


def test_the_list_of_commands_is_whole(lispier):
    out = lispier("--help").out
    assert [c for c in COMMANDS if f"\n  {c} " not in out] == []
    assert "..." not in out.partition("Commands:")[2]


def test_nothing_prints_help(lispier):
    assert lispier().out == lispier("--help").out
    assert lispier().status == 0


def test_version(lispier):
    assert lispier("--version").out == f"lispier {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["run"], "Missing argument 'FILE'"),
        (["run", "--frobnicate", "x.lisp"], "No such option: --frobnicate"),
        (["check"], "Missing argument 'FILE'"),
        (["build", "x.lisp"], "Missing option '-o' / '--output'"),
        (["fmt"], "Missing argument 'FILE'"),
    ],
)
def test_bad_options(lispier, arguments, message):
    found = lispier(*arguments)
    assert found.status == 2 and found.out == ""
    assert message.lower() in found.err.lower()
    assert "Usage: lispier" in found.err


@pytest.mark.parametrize("command", ["run", "show-ast", "show-ir", "show-expanded", "check", "fmt"])
def test_a_file_that_does_not_exist(lispier, command):
    found = lispier(command, "nowhere.lisp")
    assert found.status == 1 and found.out == ""
    assert found.err.startswith("error: file not found: nowhere.lisp\n")


@pytest.mark.parametrize("command", ["run", "show-ast", "show-ir", "show-expanded", "check", "fmt"])
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("(f\n (g)", "m.lisp:1:1: error: unclosed '('"),
        ('(f\n "text)', "m.lisp:2:2: error: string is not terminated"),
        ("(f a, b)", "m.lisp:1:5: error: unexpected character ','"),
        ("{a 1}", "m.lisp:1:2: error: map key must be a keyword"),
    ],
)
def test_text_that_cannot_be_read(lispier, file, command, text, error):
    path = file("m.lisp", text)
    found = lispier(command, path.name)
    assert found.status == 1 and found.out == ""
    line = text.split("\n")[int(error.split(":")[1]) - 1]
    assert found.err.startswith(error)
    assert f"\n  {line}\n" in found.err and "^" in found.err
    assert "Traceback" not in found.err
    assert path.read_text() == text


@pytest.mark.parametrize("command", ["run", "show-ir", "show-ast", "show-expanded", "check", "fmt"])
def test_bytes_that_are_no_text(lispier, folder, command):
    (folder / "m.lisp").write_bytes(b"(f \xff)")
    found = lispier(command, "m.lisp")
    assert found.status == 1
    assert "error: m.lisp: expected UTF-8 text, got byte 0xff at offset 3" in found.err
    found = lispier(command, "-", stdin=b"\xfe")
    assert found.status == 1
    assert "error: <stdin>: expected UTF-8 text, got byte 0xfe at offset 0" in found.err


def test_help_needs_no_mlir():
    code = (
        "import sys\n"
        "from pharos.tools.lispier.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch_mlir', 'numpy', 'llvmlite', 'rich', 'prompt_toolkit'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
