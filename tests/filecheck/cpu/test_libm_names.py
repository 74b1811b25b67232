"""A program's own function never answers for one of C's."""

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.targets.cpu.libm_names import LibmNames
from pharos.toolchain import Request, lower, mlir_payload

CLASH = """
func.func @erff(%x: f32) -> f32 {
  %y = math.erf %x : f32
  return %y : f32
}"""


def test_a_clash_is_refused_with_both_places():
    with pytest.raises(UserError) as error:
        LibmNames().run(ir.parse(CLASH, file="clash.mlir"))
    assert "'math.erf' calls C's function 'erff'" in error.value.message
    assert error.value.span.line == 3
    assert error.value.notes[0].span.line == 2


def test_the_pipeline_asks():
    with pytest.raises(UserError, match="has a function of that name"):
        lower(mlir_payload(CLASH), Request(pipeline="default"))


@pytest.mark.parametrize(
    "text",
    [
        CLASH.replace("@erff", "@erf"),
        CLASH.replace("math.erf %x", "math.sqrt %x"),
        "func.func private @erff(f32) -> f32\n" + CLASH.replace("@erff", "@g"),
    ],
)
def test_what_does_not_clash_passes(text):
    module = ir.parse(text)
    assert LibmNames().run(module) is module
