"""The command line itself: help, exit codes, where errors go, what start-up imports."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from pharos import __version__
from pharos.core.errors import InternalError, UserError
from pharos.core.span import Span, register_source
from pharos.tools import cli

COMMANDS = [
    ("run",),
    ("opt",),
    ("plan",),
    ("explain",),
    ("payload", "matmul"),
    ("payload", "layer-norm"),
    ("targets",),
    ("sim",),
    ("build",),
    ("launch",),
    ("doctor",),
    ("cache", "info"),
    ("cache", "clear"),
    ("tune",),
    ("tuned", "list"),
    ("tuned", "forget"),
    ("gpt2", "generate"),
    ("gpt2", "logits"),
    ("gpt2", "info"),
    ("gpt2", "convert"),
]


def start(code: str) -> SimpleNamespace:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return SimpleNamespace(status=done.returncode, out=done.stdout, err=done.stderr)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example_of_the_command(pharos, command):
    found = pharos(*command, "--help")
    assert found.status == 0 and found.err == ""
    assert "Example" in found.out and f"\n    pharos {' '.join(command)}" in found.out
    assert pharos(*command, "-h").out == found.out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_list_of_commands_cuts_no_sentence(pharos, command):
    assert "..." not in pharos(*command[:-1], "--help").out.partition("Commands:")[2]


def test_nothing_prints_help(pharos):
    assert pharos().out == pharos("--help").out
    assert pharos().status == 0


def test_version(pharos):
    assert pharos("--version").out == f"pharos {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "No such command 'nosuch'"),
        (["run"], "Missing argument 'FILE'"),
        (["run", "x.mlir", "--nosuch"], "No such option: --nosuch"),
        (["run", "x.mlir", "--runs", "0"], "--runs"),
        (["run", "x.mlir", "--seed", "x"], "--seed"),
        (["run", "x.mlir", "--seed", "-1"], "--seed"),
        (["gpt2", "generate", "--seed", "-1"], "--seed"),
        (["run", "x.mlir", "--print", "-1"], "--print"),
        (["run", "x.mlir", "--entry"], "--entry"),
        (["cache", "nosuch"], "No such command 'nosuch'"),
        (["gpt2", "logits", "--ids", "1", "-o", "x"], "--checkpoint"),
        (["gpt2", "generate", "--tokens", "-1"], "--tokens"),
        (["gpt2", "convert"], "DIR"),
    ],
)
def test_bad_options_exit_with_2(pharos, arguments, message):
    found = pharos(*arguments)
    assert found.status == 2 and found.out == ""
    assert message in found.err and "Error: " in found.err
    assert "Traceback" not in found.err


class TestErrors:
    """What each family of errors becomes."""

    @pytest.fixture
    def raising(self, pharos, monkeypatch):
        def run(error):
            def fail(*arguments, **options):
                raise error

            monkeypatch.setattr("pharos.runtime.store.ArtifactStore.info", fail)
            return pharos("cache", "info")

        return run

    def test_a_users_mistake(self, raising):
        register_source("some.txt", "abc")
        found = raising(UserError("expected x", span=Span("some.txt", 1, 2), hint="write x"))
        assert found.status == 1
        assert found.err == "some.txt:1:2: error: expected x\n  abc\n   ^\nhint: write x\n"

    def test_a_bug_of_ours_has_traceback_and_reproducer(self, raising):
        found = raising(InternalError("broken", reproducer="some/folder"))
        assert found.status == 70
        assert "Traceback" in found.err
        assert found.err.endswith("internal error: broken\nreproducer: some/folder\n")

    def test_an_unexpected_exception_is_a_bug_of_ours(self, raising):
        found = raising(ZeroDivisionError("by zero"))
        assert found.status == 70
        assert "ZeroDivisionError: by zero" in found.err and "pharos doctor" in found.err

    def test_a_file_that_the_system_refuses_is_the_users(self, raising):
        found = raising(PermissionError(13, "Permission denied", "some/file"))
        assert (found.status, found.err) == (1, "error: some/file: Permission denied\n")

    def test_an_error_of_the_system_without_a_file_is_ours(self, raising):
        assert raising(OSError(5, "Input/output error")).status == 70

    def test_ctrl_c(self, raising):
        found = raising(KeyboardInterrupt())
        assert found.status == 130 and "Traceback" not in found.err

    def test_a_bad_environment_names_the_variable(self, pharos, monkeypatch):
        monkeypatch.setenv("PHAROS_CACHE_LIMIT_MB", "lots")
        found = pharos("cache", "info")
        assert found.status == 1
        assert "PHAROS_CACHE_LIMIT_MB: expected a number of MiB, found 'lots'" in found.err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["cache", "info"], ["run", "-h"]])
def test_light_commands_import_nothing_heavy(arguments, tmp_path):
    heavy = ["numpy", "torch_mlir", "llvmlite", "yaml", "rich", "ml_dtypes", "torch", "tokenizers"]
    found = start(
        "import atexit, os, sys\n"
        f"os.environ['PHAROS_CACHE'] = {str(tmp_path)!r}\n"
        f"heavy = {heavy!r}\n"
        "loaded = lambda: print([n for n in heavy if n in sys.modules], file=sys.stderr)\n"
        "atexit.register(loaded)\n"
        "from pharos.tools.cli import main\n"
        f"main({arguments!r})"
    )
    assert (found.status, found.err) == (0, "[]\n")


def test_a_reader_that_left_is_no_error():
    code = "import os\nr, w = os.pipe()\nos.dup2(w, 1)\nos.close(r)\n" + (
        "from pharos.tools.cli import main\nmain(['--help'])"
    )
    found = start(code)
    assert found.status == 1 and found.err == ""


class TestCache:
    def test_info_of_an_empty_cache(self, pharos, tmp_path):
        found = pharos("cache", "info")
        folder = tmp_path / "cache" / "artifacts"
        assert found.out == f"{folder}: 0 artifacts, 0.0 MiB of 1024.0 MiB\n"

    def test_info_and_clear_as_json(self, pharos, tmp_path):
        data = json.loads(pharos("cache", "info", "--json").out)
        assert data["artifacts"] == data["bytes"] == 0
        assert data["limit_bytes"] == 1024 << 20
        assert data["folder"] == str(tmp_path / "cache" / "artifacts")
        assert json.loads(pharos("cache", "clear", "--json").out)["removed"] == 0


def test_every_command_file_is_short():
    folder = cli.__file__.rpartition("/")[0]
    for name in ("run", "opt", "targets", "doctor", "cache", "gpt2", "gpt2_files"):
        with open(f"{folder}/{name}.py", encoding="utf-8") as file:
            assert len(file.readlines()) < 100, name
