"""When MLIR or LLVM ends the process, that is one message with a reproducer."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pharos import toolchain
from pharos.tools import apart

ADD = "func.func @add(%a: i32) -> i32 { %0 = arith.addi %a, %a : i32 return %0 : i32 }"
# LLVM ends the process when it does not know the collector.
UNKNOWN_COLLECTOR = """
llvm.func @f(%a: i32) -> i32 attributes {garbageCollector = "nosuch"} { llvm.return %a : i32 }
"""


@dataclass(frozen=True)
class Explode:
    """A stage that does what a failed assertion of MLIR does."""

    name: str = "explode"

    def run(self, module: Any, scope: Any = None) -> Any:
        os.write(2, b'python: some/file.cpp:3: Assertion `0 && "why"\' failed.\n')
        os.write(2, b"PLEASE submit a bug report\n")
        os.abort()


@pytest.fixture
def explode(monkeypatch):
    """``explode`` is a stage that descriptors may name."""
    home = ModuleType("tools_explode")
    home.Explode = Explode  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tools_explode", home)
    monkeypatch.setitem(toolchain.STAGES, "explode", ("tools_explode", "Explode"))
    toolchain.registry.cache_clear()
    yield
    toolchain.registry.cache_clear()


def reproducer(err: str) -> Path:
    return Path(err.rpartition("reproducer: ")[2].strip())


@pytest.mark.parametrize("command", ["opt", "run"])
def test_an_abort_in_a_stage(pharos, file, explode, command):
    path = file("a.mlir", ADD)
    found = pharos(command, path, "--stage", "canonicalize", "--stage", "stage: explode")
    folder = reproducer(found.err)
    assert found.status == 70 and found.out == ""
    assert found.err == (
        f"internal error: {path}: step 'explode' ended its process by signal SIGABRT (Aborted): "
        f'python: some/file.cpp:3: Assertion `0 && "why"\' failed.\nreproducer: {folder}\n'
    )
    # The module as the stage before left it, and the stage alone.
    assert "arith.addi" in (folder / "module.mlir").read_text()
    assert "explode" in (folder / "stage.yaml").read_text()
    assert "PLEASE submit" in (folder / "about.txt").read_text()


def test_the_reproducer_shows_it_again(pharos, file, explode):
    path = file("a.mlir", ADD)
    folder = reproducer(pharos("opt", path, "--stage", "stage: explode").err)
    again = pharos("opt", folder / "module.mlir", "--pipeline", folder / "stage.yaml")
    assert again.status == 70 and "step 'explode'" in again.err


def test_an_abort_of_llvm(pharos, file):
    path = file("a.mlir", UNKNOWN_COLLECTOR)
    found = pharos("run", path, "--pipeline", "default")
    assert found.status == 70
    assert "step 'code generation' ended its process by signal SIGABRT" in found.err
    assert "LLVM ERROR: unsupported GC: nosuch" in found.err
    assert "Traceback" not in found.err
    assert "llvm.func @f" in (reproducer(found.err) / "module.mlir").read_text()


def test_a_crash_of_the_front_end_keeps_the_program(environment, monkeypatch):
    payload = toolchain.Payload("a.mlir", "the text", os.abort)
    with pytest.raises(apart.Crash, match="step 'front end'") as caught:
        apart.lower(payload, None)
    assert (Path(str(caught.value.reproducer)) / "program.txt").read_text() == "the text"


def test_a_crash_that_comes_earlier_the_second_time(environment, explode):
    state = environment / "made"

    def make() -> Any:
        if state.exists():
            os.abort()
        state.write_text("")
        return toolchain.mlir_payload(ADD).make()

    request = toolchain.Request(stages=("stage: explode",))
    with pytest.raises(apart.Crash, match="step 'explode'") as caught:
        apart.lower(toolchain.Payload("a.mlir", "the text", make), request)
    assert (Path(str(caught.value.reproducer)) / "program.txt").read_text() == "the text"


def test_reproducers_that_cannot_be_written(pharos, file, explode, monkeypatch):
    monkeypatch.setenv("PHAROS_REPRODUCERS", str(file("taken", "") / "folder"))
    found = pharos("opt", file("a.mlir", ADD), "--stage", "stage: explode")
    assert found.status == 70 and "reproducer: not saved: cannot write to" in found.err


def test_the_cache_answers_without_a_child(pharos, file, monkeypatch):
    path = file("a.mlir", ADD)
    first = pharos("run", path, "--pipeline", "default", "--input", "i32x4")
    monkeypatch.setattr(apart, "in_child", lambda work: pytest.fail("a child was started"))
    again = pharos("run", path, "--pipeline", "default", "--input", "i32x4")
    assert first.out == again.out == "8\n"


def test_a_child_costs_little(environment):
    import time

    from pharos.runtime.child import in_child

    start = time.perf_counter()
    for _ in range(5):
        in_child(lambda report: None)
    assert (time.perf_counter() - start) / 5 < 0.5
