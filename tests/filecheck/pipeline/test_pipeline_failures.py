"""A stage that fails: who it was, where in the payload, and what is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pharos import ir
from pharos.core import settings
from pharos.core.errors import InternalError, UserError
from pharos.ir import CompileError
from pharos.pipeline import (
    Descriptor,
    Driver,
    Pipeline,
    StageScope,
    flatten,
    from_yaml,
    make_registry,
    parse_stage,
)

PAYLOAD = """
func.func @f(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tosa.abs %a : (tensor<4xf32>) -> tensor<4xf32>
  %1 = tosa.abs %a : (tensor<4xf32>) -> tensor<4xf32>
  %2 = tosa.add %0, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
"""
UNROLL = """module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%m: !transform.any_op) {
    %0 = transform.structured.match ops{["func.func"]} in %m
      : (!transform.any_op) -> !transform.any_op
    transform.loop.unroll %0 { factor = 2 } : !transform.any_op
    transform.yield
  }
}
"""


class Break:
    """Takes the terminator of every function away."""

    name = "break"

    def run(self, module: Any, scope: StageScope) -> Any:
        function = module.body.operations[0]
        operations = function.regions[0].blocks[0].operations
        operations[len(operations) - 1].erase()
        return module


class Crash:
    """Changes the module, then fails."""

    name = "crash"

    def run(self, module: Any, scope: StageScope) -> Any:
        Break().run(module, scope)
        raise IndexError("no such tile")


class Refuse:
    name = "refuse"

    def run(self, module: Any, scope: StageScope) -> Any:
        raise UserError("expected a matmul, found none", hint="write one")


class Forget:
    name = "forget"

    def run(self, module: Any, scope: StageScope) -> Any:
        return None


REGISTRY = make_registry(
    stages=[("break", Break), ("crash", Crash), ("refuse", Refuse), ("forget", Forget)]
)


@pytest.fixture(autouse=True)
def saved(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "reproducers"
    with settings.scope(REPRODUCERS=folder):
        yield folder


def fails(tmp_path: Path, *stages: str, **options: Any) -> Exception:
    """What running ``stages`` raises; the payload is in a file, the descriptor in another."""
    (tmp_path / "payload.mlir").write_text(PAYLOAD)
    (tmp_path / "d.yaml").write_text("stages:\n" + "".join(f"- {stage}\n" for stage in stages))
    descriptor = from_yaml((tmp_path / "d.yaml").read_text(), file=f"{tmp_path}/d.yaml")
    module = ir.parse_file(tmp_path / "payload.mlir")
    before = ir.to_text(module, locations=True)
    with pytest.raises((UserError, InternalError)) as caught:
        Driver(REGISTRY).run(flatten(descriptor, {}, REGISTRY), module, **options)
    if not options.get("in_place"):
        assert ir.to_text(module, locations=True) == before
    return caught.value


def notes(error: Exception) -> list[str]:
    assert isinstance(error, UserError)
    return [note.message for note in error.notes]


@pytest.mark.parametrize("sparing", [False, True])
def test_failing_pass_has_place_stage_and_operation(
    tmp_path: Path, saved: Path, sparing: bool
) -> None:
    error = fails(tmp_path, "cse", "one-shot-bufferize", sparing=sparing)
    assert isinstance(error, CompileError)
    assert error.message == "stage 'one-shot-bufferize': op was not bufferized"
    assert str(error.span) == f"{tmp_path}/payload.mlir:3:8"
    assert error.operation == "tosa.abs"
    declared = error.notes[-1]
    assert declared.message == "stage 'one-shot-bufferize' is declared here"
    assert str(declared.span) == f"{tmp_path}/d.yaml:3:3"
    assert not saved.exists()


def test_earlier_dumps_are_there_when_a_stage_fails(tmp_path: Path) -> None:
    dumps = tmp_path / "dumps"
    fails(tmp_path, "cse", "one-shot-bufferize", dump_after="all", dump_dir=dumps)
    assert [path.name for path in dumps.iterdir()] == ["01-cse.mlir"]


def test_failing_transform_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "unroll.mlir").write_text(UNROLL)
    error = fails(tmp_path, f"{tmp_path}/unroll.mlir")
    assert isinstance(error, CompileError)
    assert error.message.startswith("stage 'unroll': ")
    assert "failed to unroll, incorrect type of payload" in error.message
    assert str(error.span) == f"{tmp_path}/unroll.mlir:5:5"


def test_users_mistake_found_by_a_stage(tmp_path: Path, saved: Path) -> None:
    error = fails(tmp_path, "stage: refuse as check")
    assert isinstance(error, UserError)
    assert error.message == "stage 'check': expected a matmul, found none"
    assert error.hint == "write one"
    assert notes(error) == ["stage 'check' is declared here"]
    assert not saved.exists()


@pytest.mark.parametrize("sparing", [False, True])
def test_stage_that_breaks_the_module(tmp_path: Path, saved: Path, sparing: bool) -> None:
    error = fails(tmp_path, "cse", "stage: break", "canonicalize", sparing=sparing)
    assert isinstance(error, CompileError)
    assert error.message.startswith("stage 'break': ")
    assert "terminator" in error.message
    assert str(error.span) == f"{tmp_path}/payload.mlir:5:8"
    (folder,) = saved.iterdir()
    assert notes(error)[-2:] == [
        "stage 'break' left the module invalid; the fault is the stage's",
        f"reproducer: {folder}",
    ]


def test_broken_module_is_dumped(tmp_path: Path) -> None:
    fails(tmp_path, "stage: break", dump_after="all", dump_dir=tmp_path)
    assert "tosa.add" in (tmp_path / "01-break.mlir").read_text()


def test_bug_in_a_stage_saves_a_reproducer(tmp_path: Path, saved: Path) -> None:
    error = fails(tmp_path, "cse", "stage: crash")
    assert isinstance(error, InternalError)
    assert error.message == "stage 'crash': IndexError: no such tile"
    assert isinstance(error.__cause__, IndexError)
    (folder,) = saved.iterdir()
    assert error.reproducer == str(folder)
    assert folder.name.startswith("crash-")
    module = ir.parse_file(folder / "module.mlir")
    # The module as it was before the stage: after cse, before the stage's half change.
    assert ir.to_text(module).count("tosa.abs") == 1
    assert "payload.mlir" in (folder / "module.mlir").read_text()
    about = (folder / "about.txt").read_text()
    assert "IndexError: no such tile" in about
    assert "torch-mlir 20261001" in about
    assert "module.mlir is the module before the stage" in about


def test_reproducer_reproduces(tmp_path: Path, saved: Path) -> None:
    fails(tmp_path, "cse", "stage: crash as wreck")
    (folder,) = saved.iterdir()
    again = from_yaml((folder / "stage.yaml").read_text())
    with pytest.raises(InternalError, match="stage 'wreck': IndexError: no such tile"):
        Driver(REGISTRY).run(flatten(again, {}, REGISTRY), ir.parse_file(folder / "module.mlir"))


def test_in_place_failure_still_saves_the_module_before(tmp_path: Path, saved: Path) -> None:
    fails(tmp_path, "cse", "stage: crash", in_place=True)
    (folder,) = saved.iterdir()
    assert ir.to_text(ir.parse_file(folder / "module.mlir")).count("tosa.abs") == 1


def test_stage_without_text_is_saved_as_a_comment(saved: Path) -> None:
    with pytest.raises(InternalError):
        Driver().run(Pipeline("p", (Crash(),)), ir.parse(PAYLOAD))
    (folder,) = saved.iterdir()
    text = (folder / "stage.yaml").read_text()
    assert text.startswith("# stage 'crash' of pipeline 'crash' has no text form")


def test_reproducer_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        settings.scope(REPRODUCERS=tmp_path / "file" / "x"),
        pytest.raises(InternalError) as caught,
    ):
        Driver().run(Pipeline("p", (Crash(),)), ir.parse(PAYLOAD))
    assert caught.value.message == "stage 'crash': IndexError: no such tile"
    assert "not saved: cannot write to" in str(caught.value.reproducer)


def test_stage_that_returns_nothing(tmp_path: Path) -> None:
    error = fails(tmp_path, "stage: forget")
    assert isinstance(error, InternalError)
    assert error.message == "stage 'forget' returned no module"
    assert error.reproducer is not None


def test_invalid_input_is_not_blamed_on_a_stage(saved: Path) -> None:
    module = ir.parse(PAYLOAD)
    Break().run(module, StageScope(REGISTRY))
    stages = flatten(Descriptor("p", (parse_stage("cse"),)), {}, REGISTRY)
    with pytest.raises(CompileError) as caught:
        Driver().run(stages, module)
    assert "stage" not in caught.value.message
    assert not saved.exists()
