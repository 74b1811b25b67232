"""Passes as MLIR reads them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharos import ir
from pharos.core.errors import UserError
from pharos.ir.bindings import PassManager
from pharos.pipeline import Options, Pass, PassStage, Value, parse_stage
from pharos.pipeline.passes import check_passes, mlir_text

CONTEXT = ir.new_context()


def text_of(option: str, value: Value) -> str:
    return mlir_text(PassStage((Pass("p", Options({option: value})),)))


def test_text() -> None:
    stage = parse_stage("func.func(cse,a{x=1 y=[1,2] z=true w=none}),b{s='x y' t=\"it's\" u=''}")
    assert isinstance(stage, PassStage)
    expected = "func.func(cse,a{x=1 y={1,2} z=true}),b{s='x y' t=\"it's\" u=''}"
    assert mlir_text(stage) == expected


@given(st.text(alphabet="ab01 ,={}()[]'\"$é\n-", max_size=12))
@settings(deadline=None)
def test_mlir_reads_the_string_that_was_meant_or_it_is_refused(text: str) -> None:
    try:
        written = text_of("data-layout-str", text).replace("p{", "gpu-kernel-outlining{")
    except UserError as error:
        assert error.message.startswith("MLIR cannot read the text ")
        return
    with CONTEXT:
        printed = str(PassManager.parse(f"any({written})"))
    found = re.fullmatch(r"any\(gpu-kernel-outlining\{data-layout-str=(.*)\}\)", printed, re.DOTALL)
    assert found is not None
    # MLIR prints a string that has blanks in braces.
    assert found[1] in (text, f"{{{text}}}")


@pytest.mark.parametrize("text", [" a", "a ", "{", "}{", "'\"", "\0", "\n"])
def test_strings_that_mlir_cannot_carry(text: str) -> None:
    with pytest.raises(UserError, match="MLIR cannot read the text"):
        text_of("x", text)


def test_none_in_a_list() -> None:
    with pytest.raises(UserError, match="none cannot be an element of a list"):
        text_of("x", (1, None))


@pytest.mark.parametrize(
    "text",
    [
        "canonicalize,func.func(cse),symbol-dce",
        "func.func(any(cse))",
        "any(cse)",
        "func.func(llvm-request-c-wrappers)",
        "canonicalize{disable-patterns=[a, 'b c'] max-iterations=-1 top-down=false}",
        "func.func(scf-parallel-loop-tiling{parallel-loop-tile-sizes=[32, 16]})",
        "one-shot-bufferize{bufferize-function-boundaries}",
    ],
)
def test_known(text: str) -> None:
    stage = parse_stage(text)
    assert isinstance(stage, PassStage)
    check_passes(stage)


ERRORS = [
    ("cse,canonicalise", "1:5", "MLIR has no pass 'canonicalise'", "did you mean 'canonicalize'?"),
    ("symbol_dce", "1:1", "MLIR has no pass 'symbol_dce'", "did you mean 'symbol-dce'?"),
    ("CSE", "1:1", "MLIR has no pass 'CSE'", "did you mean 'cse'?"),
    ("no-such-pass-at-all", "1:1", "MLIR has no pass 'no-such-pass-at-all'", None),
    ("'cse,cse'", "1:1", "MLIR has no pass 'cse,cse'", None),
    ("func.func", "1:1", "MLIR has no pass 'func.func'", None),
    ("func.fun(cse)", "1:1", "expected an operation to nest passes under, found 'func.fun'",
     "did you mean 'func.func'?"),
    ("whatever.it(cse)", "1:1", "expected an operation to nest passes under, found 'whatever.it'",
     "for example func.func(cse)"),
    ("llvm-request-c-wrappers", "1:1",
     "pass 'llvm-request-c-wrappers' runs on func.func, not on builtin.module",
     "write func.func(llvm-request-c-wrappers)"),
    ("func.func(convert-func-to-llvm)", "1:11",
     "pass 'convert-func-to-llvm' runs on builtin.module, not on func.func",
     "take it out of func.func(...)"),
    ("canonicalize{max-iteration=1}", "1:14", "pass 'canonicalize' has no option 'max-iteration'",
     "did you mean 'max-iterations'?"),
    ("canonicalize{'a b'=1}", "1:14", "pass 'canonicalize' has no option \"a b\"", None),
    ("canonicalize{top-down=false max-iterations=x}", "1:29",
     "pass 'canonicalize' does not accept max-iterations=x", "its default is max-iterations=10"),
    ("canonicalize{region-simplify=[1]}", "1:14",
     "pass 'canonicalize' does not accept region-simplify=[1]",
     "its default is region-simplify=normal"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "message", "hint"), ERRORS)
def test_unknown(text: str, place: str, message: str, hint: str | None) -> None:
    stage = parse_stage(text, file="cli")
    assert isinstance(stage, PassStage)
    with pytest.raises(UserError) as caught:
        check_passes(stage)
    assert caught.value.message == message
    assert str(caught.value.span) == f"cli:{place}"
    assert caught.value.hint == hint
