"""How ``lispier run`` starts: what it does not import, and that it reads its options like typer."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pharos import toolchain
from pharos.core import settings
from pharos.targets.cpu import target as cpu
from pharos.toolchain import keys, remembered
from pharos.tools.lispier import cli, commands, running

MAIN = "(require-dialect arith func)\n(defn main [] -> i64 (func.return (: {} i64)))\n"
MODULES = (
    "import sys\n"
    "from pharos.tools.lispier.cli import main\n"
    "try: main(sys.argv[1:])\n"
    "except SystemExit: pass\n"
    "print(*sorted({name.partition('.')[0] for name in sys.modules}), 'pharos.lisp' in sys.modules)"
)
HEAVY = {"typer", "click", "pydantic", "rich", "yaml", "numpy", "ml_dtypes", "torch_mlir", "email"}


def test_code_from_the_cache_needs_nothing_heavy(file, cache):
    path = file("imports.lisp", MAIN.format(5))
    environment = {**os.environ, "PHAROS_CACHE": str(cache)}
    command = [sys.executable, "-c", MODULES, "run", str(path), "--", "-x"]
    for kept in (False, True):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        result, modules = done.stdout.splitlines()
        assert result == "5"
        if kept:
            assert HEAVY & set(modules.split()) == set()
            assert modules.endswith("False")


WORDS = ("run", "a.lisp", "--", "-x", "--time", "--help", "-", "", "--target", "check")


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4])
def test_arguments_are_read_as_typer_reads_them(length, monkeypatch, capfd):
    seen = []

    def run_file(file, arguments, request, *, time=False):
        seen.append((file, arguments, request, time))

    monkeypatch.setattr(running, "run_file", run_file)
    plain = 0
    for words in itertools.product(WORDS, repeat=length):
        found = cli.plain_run(words)
        if found is not None:
            plain += 1
            with pytest.raises(SystemExit):
                commands.app(list(words), prog_name="lispier")
            assert seen.pop() == (*found, toolchain.Request(), False), words
            assert seen == []
    assert plain == (6 - 3) * len(WORDS) ** (length - 2) if length > 1 else plain == 0


@pytest.fixture
def loads(monkeypatch):
    """The files that were read and expanded."""
    seen = []
    load = running.load

    def spy(path):
        seen.append(path)
        return load(path)

    monkeypatch.setattr(running, "load", spy)
    return seen


@pytest.fixture
def project(file):
    """A program of three files, that run to 42."""
    file("lib/one.lisp", "(require-dialect arith func)\n(defn one [] -> i64 (func.return 1))\n")
    file(
        "lib/more.lisp",
        '(require-dialect arith func)\n(require ["one.lisp" :as o])\n'
        "(defn more [] -> i64 (func.return (+ (: 40 i64) (call i64 o/one))))\n",
    )
    file(
        "main.lisp",
        '(require-dialect arith func)\n(require ["@lib/more.lisp" :as m])\n'
        "(defn main [] -> i64 (func.return (inc (call i64 m/more))))\n",
    )
    return "main.lisp"


def test_an_unchanged_program_is_not_read_again(lispier, project, loads):
    first = lispier("run", project)
    assert (first.status, first.out, first.err) == (0, "42\n", "")
    assert [lispier("run", project), lispier("run", "--target", "cpu", project)] == [first, first]
    assert loads == [project]


def test_a_file_that_was_changed(lispier, project, loads, file):
    lispier("run", project)
    file("lib/one.lisp", "(require-dialect arith func)\n(defn one [] -> i64 (func.return 2))\n")
    assert lispier("run", project).out == "43\n"
    file("main.lisp", MAIN.format(7))
    assert lispier("run", project).out == "7\n"
    assert len(loads) == 3
    assert lispier("run", project).out == "7\n"
    assert len(loads) == 3


def test_a_file_that_is_gone(lispier, project, folder):
    lispier("run", project)
    (folder / "lib/one.lisp").unlink()
    found = lispier("run", project)
    assert found == lispier("run", "--target", "cpu", project)
    assert found.status == 1
    assert "lib/more.lisp:2:11: error: file not found: " in found.err


def test_a_file_that_is_another_now(lispier, project, folder, loads):
    """Two names of one file are loaded once; two files with the same text are not."""
    (folder / "lib/same.lisp").symlink_to("one.lisp")
    text = (
        (folder / "main.lisp")
        .read_text()
        .replace(":as m])", ':as m])\n(require ["lib/same.lisp" :as s])')
    )
    (folder / "main.lisp").write_text(text)
    assert lispier("run", project).out == "42\n"
    (folder / "lib/same.lisp").unlink()
    (folder / "lib/same.lisp").write_text((folder / "lib/one.lisp").read_text())
    found = lispier("run", project)
    assert found == lispier("run", "--target", "cpu", project)
    assert found.status == 1 and len(loads) == 3


def test_another_root_of_the_project(lispier, file, folder, loads):
    one = "(require-dialect arith func)\n(defn one [] -> i64 (func.return {}))\n"
    file("lib/one.lisp", one.format(1))
    file("app/lib/one.lisp", one.format(2))
    file("lispier.toml", "")
    file(
        "app/main.lisp",
        '(require-dialect func)\n(require ["@lib/one.lisp" :as o])\n'
        "(defn main [] -> i64 (func.return (call i64 o/one)))\n",
    )
    assert lispier("run", "app/main.lisp").out == "1\n"
    file("app/lispier.toml", "")
    assert lispier("run", "app/main.lisp").out == "2\n"


def test_the_same_name_in_another_folder(lispier, file, folder, monkeypatch):
    file("a/main.lisp", MAIN.format(1))
    file("b/main.lisp", MAIN.format(2))
    for name, result in (("a", "1\n"), ("b", "2\n"), ("a", "1\n")):
        monkeypatch.chdir(folder / name)
        assert lispier("run", "main.lisp").out == result


def test_an_assertion_says_the_name_of_its_own_file(lispier, file):
    text = (
        "(require-dialect arith func)\n"
        "(defn main [] -> i64 (assert (>i (: 1 i64) 2)) (func.return (: 0 i64)))\n"
    )
    for name in ("this.lisp", "that.lisp", "this.lisp"):
        code = (
            f"from pharos.tools.lispier.cli import main; main(['run', '{file(name, text).name}'])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stderr == f"{name}:2:22: assertion failed: (>i (: 1 i64) 2)\n"


def test_macros_of_their_own_are_expanded_each_time(lispier, file, loads):
    """What they expand to may depend on more than their text."""
    macro = (
        "(defmacro answer)\n(defn answer [(: a !llvm.ptr)] -> !llvm.ptr (func.return `(: {} i64)))"
    )
    head = "(require-dialect arith func llvm)\n"
    main = "(defn main [] -> i64 (func.return (answer)))\n"
    for number in (3, 3, 4):
        file("own.lisp", f'{head}(require-macros "answer.lisp")\n{main}')
        file("answer.lisp", f"{head}{macro.format(number)}\n")
        assert lispier("run", "own.lisp").out == f"{number}\n"
    assert len(loads) == 3


def test_a_program_that_says_its_passes_is_read_each_time(lispier, file, loads):
    file("own.lisp", f"{MAIN.format(1)}(compilation-cpu (passes (pass canonicalize)))\n")
    first = lispier("run", "own.lisp")
    assert (first.status, first.err) == (0, "")
    assert lispier("run", "own.lisp") == first
    assert len(loads) == 2


def test_a_library_that_is_gone(lispier, file, folder):
    (folder / "lib.so").symlink_to("/lib/x86_64-linux-gnu/libm.so.6")
    if not (folder / "lib.so").exists():
        pytest.skip("no libm.so.6 at its usual place")
    file("own.lisp", f'(link-library "./lib.so")\n{MAIN.format(1)}')
    assert lispier("run", "own.lisp").out == "1\n"
    (folder / "lib.so").unlink()
    found = lispier("run", "own.lisp")
    assert found.status == 1 and "own.lisp:1:15: error: library not found: lib.so" in found.err


@pytest.fixture
def known(folder, file):
    """Whether the program's code is found in the cache; it is there to begin with."""
    path = file("known.lisp", MAIN.format(8))
    with pytest.raises(SystemExit):
        cli.main(["run", str(path)])

    def found() -> bool:
        keys.versions.cache_clear()
        payload = toolchain.recall(str(path))
        return payload is not None and toolchain.cached(payload, toolchain.Request()) is not None

    yield found
    keys.versions.cache_clear()


def test_all_that_shapes_the_code_is_in_its_key(known, monkeypatch, capfd):
    assert known()
    other = replace(cpu.facts(), features=cpu.facts().features - {"avx2", "neon", "sse2"})
    for place, name, value in (
        (cpu, "host", lambda: replace(other, model="another")),
        (keys, "_version", lambda name: "another"),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(place, name, value)
            assert not known()
        assert known()
    for changed_settings in ({"THREADS": settings.THREADS.get() + 1}, {"CACHE": Path("other")}):
        with settings.scope(**changed_settings):
            assert not known()
        assert known()


@pytest.mark.parametrize("name", ["lisp/prelude.lisp", "pipelines/optimize.yaml", "a.py"])
def test_all_sources_of_pharos_are_in_the_key(known, monkeypatch, folder, name):
    package = folder / "package"
    for source in (name, "b.py"):
        (package / source).parent.mkdir(parents=True, exist_ok=True)
        (package / source).write_text("1")
    monkeypatch.setattr(keys, "PACKAGE", package)

    def digest() -> str:
        keys.versions.cache_clear()
        return keys.versions()["pharos"]

    before = digest()
    assert digest() == before and not known()
    (package / name).write_text("2")
    assert digest() != before
    (package / name).write_text("1")
    (package / "__pycache__").mkdir()
    (package / "__pycache__/a.pyc").write_text("1")
    assert digest() == before
    (package / name).rename(package / f"c{Path(name).suffix}")
    assert digest() != before


def test_the_prelude_is_a_source():
    found = set(keys._sources(str(keys.PACKAGE)))
    assert str(keys.PACKAGE / "lisp/prelude.lisp") in found
    assert str(keys.PACKAGE / "targets/cpu/pipelines/optimize.yaml") in found


def test_versions_are_those_that_are_installed():
    import importlib.metadata

    for name in ("torch-mlir", "llvmlite"):
        assert keys._version(name) == importlib.metadata.version(name)
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        keys._version("pharos-has-no-such-package")


def test_a_damaged_note_is_as_good_as_none(known, cache, lispier, loads):
    notes = max((cache / "programs").glob("*.json"), key=lambda path: path.stat().st_mtime)
    whole = notes.read_bytes()
    for data in (b"", b"{}", b"\xff", whole[:-1], whole.replace(b'"libraries"', b'"librarian"')):
        notes.write_bytes(data)
        assert not known()
    notes.write_bytes(whole)
    assert known()


def test_a_cache_where_nothing_can_be_remembered(lispier, project, cache, folder):
    with settings.scope(CACHE=folder / "cache"):
        (folder / "cache").mkdir()
        (folder / "cache/programs").write_text("no folder")
        for _ in range(2):
            found = lispier("run", project)
            assert (found.status, found.out, found.err) == (0, "42\n", "")


def test_what_was_remembered_can_be_dropped(known, folder, monkeypatch):
    toolchain.forget()
    assert not known()
    monkeypatch.setattr(remembered, "_KEPT", 10)
    with settings.scope(CACHE=folder / "cache"):
        program = toolchain.remember
        from pharos import lisp

        for number in range(11):
            path = folder / f"{number}.lisp"
            path.write_text(MAIN.format(1))
            program(str(path), lisp.load(path))
            os.utime(remembered._place(str(path)), (number, number))
        kept = [n for n in range(11) if toolchain.recall(str(folder / f"{n}.lisp")) is not None]
    assert kept == [6, 7, 8, 9, 10]
