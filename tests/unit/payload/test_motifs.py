"""Motifs other than contractions, each written in more than one way."""

from __future__ import annotations

import pytest

ROW = "affine_map<(i, j) -> (i)>"
ALL = "affine_map<(i, j) -> (i, j)>"
BOTH = '["parallel", "parallel"]'


def generic(result: str, inputs: str, body: str, maps: str, kinds: str, out: str) -> str:
    """One ``linalg.generic``; ``inputs`` are "%a : type, %b : type"."""
    names = ", ".join(one.split(" : ")[0] for one in inputs.split("; "))
    types = ", ".join(one.split(" : ")[1] for one in inputs.split("; "))
    arguments = ", ".join(f"%x{n}: f32" for n in range(len(inputs.split("; "))))
    target, type_ = out.split(" : ")
    return f"""{result} = linalg.generic {{indexing_maps = [{maps}], iterator_types = {kinds}}}
    ins({names} : {types}) outs({target} : {type_}) {{
  ^bb0({arguments}, %o: f32):
    {body}
  }} -> {type_}"""


FULL, SHORT = "tensor<4x8xf32>", "tensor<4xf32>"
SUM = "%acc = arith.addf %x0, %o : f32\n linalg.yield %acc : f32"
MAX = "%acc = arith.maximumf %x0, %o : f32\n linalg.yield %acc : f32"


def reduce_(result: str, value: str, body: str, start: str) -> str:
    kinds = '["parallel", "reduction"]'
    return generic(result, f"{value} : {FULL}", body, f"{ALL}, {ROW}", kinds, f"{start} : {SHORT}")


def row(result: str, value: str, stat: str, body: str) -> str:
    inputs = f"{value} : {FULL}; {stat} : {SHORT}"
    return generic(result, inputs, body, f"{ALL}, {ROW}, {ALL}", BOTH, f"%e : {FULL}")


def one(result: str, value: str, body: str) -> str:
    return generic(result, f"{value} : {FULL}", body, f"{ALL}, {ALL}", BOTH, f"%e : {FULL}")


def function(*operations: str, result: str = "%r") -> str:
    lines = "\n  ".join(operations)
    return f"""func.func @f(%x: {FULL}, %g: {SHORT}) -> {FULL} {{
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : {FULL}
  %v = tensor.empty() : {SHORT}
  %zeros = linalg.fill ins(%zero : f32) outs(%v : {SHORT}) -> {SHORT}
  %lows = linalg.fill ins(%low : f32) outs(%v : {SHORT}) -> {SHORT}
  {lines}
  return {result} : {FULL} }}"""


def yield_(operation: str, operands: str = "%x0, %x1") -> str:
    return f"%y = {operation} {operands} : f32\n linalg.yield %y : f32"


MAXIMUM = reduce_("%m", "%x", MAX, "%lows")
SOFTMAX = {
    "one operation": function(
        f"%r = linalg.softmax dimension(1) ins(%x : {FULL}) outs(%e : {FULL}) -> {FULL}"
    ),
    "five": function(
        MAXIMUM,
        row("%d", "%x", "%m", yield_("arith.subf")),
        one("%p", "%d", yield_("math.exp", "%x0")),
        reduce_("%s", "%p", SUM, "%zeros"),
        row("%r", "%p", "%s", yield_("arith.divf")),
    ),
    "exponents fused": function(
        MAXIMUM,
        row("%p", "%x", "%m", f"%d = arith.subf %x0, %x1 : f32\n {yield_('math.exp', '%d')}"),
        reduce_("%s", "%p", SUM, "%zeros"),
        row("%r", "%p", "%s", yield_("arith.divf")),
    ),
    "times the reciprocal": function(
        MAXIMUM,
        row("%p", "%x", "%m", f"%d = arith.subf %x0, %x1 : f32\n {yield_('math.exp', '%d')}"),
        reduce_("%s", "%p", SUM, "%zeros"),
        row(
            "%r",
            "%p",
            "%s",
            "%one = arith.constant 1.0 : f32\n %i = arith.divf %one, %x1 : f32\n"
            + yield_("arith.mulf", "%x0, %i"),
        ),
    ),
}


@pytest.mark.parametrize("form", SOFTMAX)
def test_softmax(motifs, form):
    (found,) = motifs(SOFTMAX[form])
    assert (found.kind, found.axis, found.shape) == ("softmax", 1, (4, 8))
    assert found.shifted and not found.logarithm


def test_softmax_without_the_maximum(motifs):
    (found,) = motifs(
        function(
            one("%p", "%x", yield_("math.exp", "%x0")),
            reduce_("%s", "%p", SUM, "%zeros"),
            row("%r", "%p", "%s", yield_("arith.divf")),
        )
    )
    assert found.kind == "softmax" and not found.shifted


def test_dividing_by_another_sum_is_no_softmax(motifs):
    found = motifs(
        function(
            one("%p", "%x", yield_("math.exp", "%x0")),
            reduce_("%s", "%x", SUM, "%zeros"),
            row("%r", "%p", "%s", yield_("arith.divf")),
        )
    )
    assert "softmax" not in [motif.kind for motif in found]
    assert [m.kind for m in found] == ["reduction", "elementwise"]


def test_log_softmax(motifs):
    (found,) = motifs(
        function(
            MAXIMUM,
            row("%d", "%x", "%m", yield_("arith.subf")),
            one("%p", "%d", yield_("math.exp", "%x0")),
            reduce_("%s", "%p", SUM, "%zeros"),
            row(
                "%r",
                "%d",
                "%s",
                f"%l = math.log %x1 : f32\n {yield_('arith.subf', '%x0, %l')}",
            ),
        )
    )
    assert found.kind == "softmax" and found.logarithm and found.shifted


COUNT = "%n = arith.constant 8.0 : f32\n %eps = arith.constant 1.0e-5 : f32\n"
SCALE = COUNT + "%mean = arith.divf %x1, %n : f32\n %w = arith.addf %mean, %eps : f32\n"


def squares(of: str) -> str:
    return one("%q", of, yield_("arith.mulf", "%x0, %x0"))


def test_rms_norm(motifs):
    (found,) = motifs(
        function(
            squares("%x"),
            reduce_("%s", "%q", SUM, "%zeros"),
            row(
                "%r",
                "%x",
                "%s",
                SCALE + "%i = math.rsqrt %w : f32\n" + yield_("arith.mulf", "%x0, %i"),
            ),
        )
    )
    assert (found.kind, found.form, found.axes) == ("norm", "rms", (1,))


def test_layer_norm_with_a_square_root(motifs):
    (found,) = motifs(
        function(
            reduce_("%s", "%x", SUM, "%zeros"),
            row(
                "%d",
                "%x",
                "%s",
                COUNT + "%mean = arith.divf %x1, %n : f32\n" + yield_("arith.subf", "%x0, %mean"),
            ),
            squares("%d"),
            reduce_("%v2", "%q", SUM, "%zeros"),
            row(
                "%r",
                "%d",
                "%v2",
                SCALE + "%i = math.sqrt %w : f32\n" + yield_("arith.divf", "%x0, %i"),
            ),
        )
    )
    assert (found.kind, found.form, found.axes) == ("norm", "layer", (1,))
    assert len(found.covers) == 6  # the fill, too


def test_the_norm_of_another_value_is_none(motifs):
    found = motifs(
        function(
            squares("%x"),
            reduce_("%s", "%q", SUM, "%zeros"),
            row(
                "%r",
                "%q",
                "%s",
                SCALE + "%i = math.rsqrt %w : f32\n" + yield_("arith.mulf", "%x0, %i"),
            ),
        )
    )
    assert "norm" not in [motif.kind for motif in found]


@pytest.mark.parametrize(
    ("body", "combiner"),
    [
        (SUM, "sum"),
        (MAX, "max"),
        (SUM.replace("addf", "mulf"), "product"),
        ("%sq = arith.mulf %x0, %x0 : f32\n" + SUM.replace("%x0", "%sq"), "sum of mul"),
        (SUM.replace("arith.addf %x0, %o", "arith.subf %x0, %o"), "other"),
    ],
)
def test_reductions(motifs, body, combiner):
    (found,) = motifs(function(reduce_("%s", "%x", body, "%zeros"), result="%x"))
    assert (found.kind, found.combiner) == ("reduction", combiner)
    assert (found.kept, found.reduced, found.axes) == ((4,), (8,), (1,))


def test_elementwise_operations_over_the_same_loops_are_one_group(motifs):
    found = motifs(
        function(
            one("%a", "%x", yield_("math.exp", "%x0")),
            one("%b", "%a", yield_("math.tanh", "%x0")),
            reduce_("%s", "%b", SUM, "%zeros"),
            row("%r", "%a", "%s", yield_("arith.addf")),
        )
    )
    # The last reads %a, but a sum of %b stands between them.
    assert [m.kind for m in found] == ["elementwise", "reduction", "elementwise"]
    assert [step.name for step in found[0].steps] == ["exp", "tanh"]
    assert [step.name for step in found[2].steps] == ["bias"]


@pytest.mark.parametrize(
    ("operation", "result", "form"),
    [
        ("linalg.transpose ins(%x : tensor<4x8xf32>) outs(%t : tensor<8x4xf32>) "
         "permutation = [1, 0]", "8x4", "transpose"),
        ("linalg.broadcast ins(%g : tensor<4xf32>) outs(%t : tensor<8x4xf32>) "
         "dimensions = [0]", "8x4", "broadcast"),
        ("tensor.concat dim(0) %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>",
         "8x8", "concat"),
    ],
)  # fmt: skip
def test_movements(motifs, operation, result, form):
    text = function(f"%t = tensor.empty() : tensor<{result}xf32>", f"%m = {operation}", result="%x")
    (found,) = motifs(text)
    assert (found.kind, found.form) == ("movement", form)
    assert "x".join(map(str, found.shape)) == result


CONVOLUTIONS = {
    "named": """%r = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>,
      strides = dense<2> : vector<2xi64>}
    ins(%x, %w : tensor<1x3x9x9xf32>, tensor<5x3x3x3xf32>)
    outs(%c : tensor<1x5x4x4xf32>) -> tensor<1x5x4x4xf32>""",
    "generic": """%r = linalg.generic {indexing_maps = [
      affine_map<(n, f, y, x, c, p, q) -> (n, c, y * 2 + p, x * 2 + q)>,
      affine_map<(n, f, y, x, c, p, q) -> (f, c, p, q)>,
      affine_map<(n, f, y, x, c, p, q) -> (n, f, y, x)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction",
        "reduction"]}
    ins(%x, %w : tensor<1x3x9x9xf32>, tensor<5x3x3x3xf32>) outs(%c : tensor<1x5x4x4xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      %s = arith.addf %o, %p : f32
      linalg.yield %s : f32
    } -> tensor<1x5x4x4xf32>""",
}


@pytest.mark.parametrize("form", CONVOLUTIONS)
def test_convolutions(motifs, form):
    (found,) = motifs(f"""func.func @f(%x: tensor<1x3x9x9xf32>, %w: tensor<5x3x3x3xf32>,
    %c: tensor<1x5x4x4xf32>) -> tensor<1x5x4x4xf32> {{
  {CONVOLUTIONS[form]}
  return %r : tensor<1x5x4x4xf32> }}""")
    assert found.kind == "convolution" and found.layouts == ("ncss", "fcww", "nfoo")
    assert (found.batch, found.channels, found.features, found.groups) == (1, 3, 5, 1)
    assert (found.space, found.window) == ((4, 4), (3, 3))
    assert (found.strides, found.dilations) == ((2, 2), (1, 1))


def test_depthwise_convolution_and_pooling(motifs):
    depthwise, pooling = motifs("""func.func @f(%x: tensor<2x9x9x4xf32>, %w: tensor<3x3x4xf32>,
    %c: tensor<2x7x7x4xf32>, %o: tensor<2x7x7x4xf32>) -> (tensor<2x7x7x4xf32>, tensor<2x7x7x4xf32>)
    {
  %r = linalg.depthwise_conv_2d_nhwc_hwc
    ins(%x, %w : tensor<2x9x9x4xf32>, tensor<3x3x4xf32>)
    outs(%c : tensor<2x7x7x4xf32>) -> tensor<2x7x7x4xf32>
  %k = tensor.empty() : tensor<3x3xf32>
  %p = linalg.pooling_nhwc_max ins(%x, %k : tensor<2x9x9x4xf32>, tensor<3x3xf32>)
    outs(%o : tensor<2x7x7x4xf32>) -> tensor<2x7x7x4xf32>
  return %r, %p : tensor<2x7x7x4xf32>, tensor<2x7x7x4xf32> }""")
    assert depthwise.depthwise and depthwise.groups == 4
    assert (pooling.kind, pooling.combiner, pooling.window) == ("pooling", "max", (3, 3))


def test_a_function_without_a_body_and_loops_have_no_motifs(motifs):
    assert (
        motifs("""func.func @f(%m: memref<8xf32>) {
  affine.for %i = 0 to 8 {
    %v = affine.load %m[%i] : memref<8xf32>
    affine.store %v, %m[%i] : memref<8xf32>
  }
  return }""")
        == []
    )
