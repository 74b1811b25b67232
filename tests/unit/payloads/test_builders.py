"""Every combination of options gives a module that verifies, or is refused in one line."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharos import ir
from pharos.core.errors import UserError, render
from pharos.ingress.payloads import BUILDERS, make
from pharos.ingress.payloads.forms import ACTIVATIONS, FORMS
from pharos.ingress.payloads.writer import DTYPES, FLOATS
from pharos.payload import inspect_payload

CONTEXT = ir.new_context()
REFUSED = "is not supported: "


def verified(name: str, **options):
    """The facts of the payload's function; None when the combination is refused in one line."""
    try:
        built = make(name, **options)
    except UserError as error:
        text = render(error)
        assert "\n" not in text and REFUSED in text, text
        return None
    assert built.flops > 0
    (function,) = inspect_payload(ir.parse(built.text, context=CONTEXT)).functions
    assert function.name == built.name
    return function


sizes = st.integers(1, 4).map(lambda n: 4 * n)
flags = st.booleans()


@settings(max_examples=120, deadline=None)
@given(
    m=sizes, n=sizes, k=sizes, batch=st.sampled_from([0, 1, 3]), transpose_a=flags,
    transpose_b=flags, bias=flags, activation=st.sampled_from(list(ACTIVATIONS)),
    accumulate=flags, form=st.sampled_from(FORMS), dtype=st.sampled_from(DTYPES),
    accumulator=st.sampled_from(["", "", *DTYPES]), result=st.sampled_from(["", "", *DTYPES]),
    tiles=st.sampled_from([(), (), (2, 4, 4), (4, 2, 4), (8, 8, 8)]),
    vnni=st.sampled_from([0, 0, 2, 4]),
)  # fmt: skip
def test_matmul(**options):
    function = verified("matmul", **options)
    if function is None:
        return
    (found,) = (m for m in function.motifs if m.kind == "contraction")
    assert (found.m, found.n, found.k) == (options["m"], options["n"], options["k"])
    assert found.batch == max(1, options["batch"])
    if not options["tiles"]:
        assert (found.transpose_a, found.transpose_b) == (
            options["transpose_a"],
            options["transpose_b"],
        )
    assert (found.initial == "value") == options["accumulate"]
    assert len(found.epilogue) >= options["bias"] + (options["activation"] != "none")


@settings(max_examples=60, deadline=None)
@given(
    batch=sizes, layers=st.lists(sizes, min_size=2, max_size=4).map(tuple), bias=flags,
    activation=st.sampled_from(list(ACTIVATIONS)), last_activation=flags, softmax=flags,
    transposed_weights=flags, form=st.sampled_from(FORMS), dtype=st.sampled_from(DTYPES),
    tiles=st.sampled_from([(), (), (4, 4, 4), (2, 2, 4)]), vnni=st.sampled_from([0, 0, 2, 4]),
)  # fmt: skip
def test_mlp(**options):
    function = verified("mlp", **options)
    if function is None:
        return
    found = [m for m in function.motifs if m.kind == "contraction"]
    pairs = list(zip(options["layers"], options["layers"][1:], strict=False))
    assert [(m.k, m.n) for m in found] == pairs
    # No layer is transposed because an earlier one is.
    if not options["tiles"]:
        assert [m.transpose_a for m in found] == [False] * len(found)
        assert {m.transpose_b for m in found} == {options["transposed_weights"]}
    assert [m.kind for m in function.motifs].count("softmax") == options["softmax"]


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 2), heads=st.sampled_from([1, 4, 6]), queries=st.integers(1, 5),
    keys=st.integers(0, 7), depth=st.integers(1, 8), value_depth=st.integers(0, 5),
    kv_heads=st.sampled_from([0, 0, 1, 2, 3]),
    mask=st.sampled_from(["none", "additive", "boolean"]),
    causal=flags, window=st.sampled_from([0, 0, 3]), alibi=flags,
    empty=st.sampled_from(["nan", "zero"]), form=st.sampled_from(FORMS),
    dtype=st.sampled_from(FLOATS),
)  # fmt: skip
def test_attention(**options):
    function = verified("attention", **options)
    if function is None or min(options["queries"], options["heads"], options["depth"]) == 1:
        return
    found = [m for m in function.motifs if m.kind == "attention"]
    if options["keys"] != 1:
        assert len(found) == 1, [m.describe() for m in function.motifs]
        assert found[0].keys == (options["keys"] or options["queries"])
        assert (found[0].mask == "causal") == options["causal"]
        assert (found[0].obstacle == "") == (options["dtype"] != "f64")


ROWS = list(itertools.product(FORMS, FLOATS, [(4, 8), (3, 4, 5), (7,)]))


@pytest.mark.parametrize(("form", "dtype", "shape"), ROWS)
def test_softmax_and_norms(form, dtype, shape):
    common = {"shape": shape, "form": form, "dtype": dtype}
    for log, axis in itertools.product([False, True], range(-1, len(shape))):
        function = verified("softmax", log=log, axis=axis, **common)
        (found,) = (m for m in function.motifs if m.kind == "softmax")
        assert (found.axis, found.logarithm) == (axis % len(shape), log)
    for name, axes, affine in itertools.product(
        ["layer-norm", "rms-norm"], range(1, len(shape) + 1), [False, True]
    ):
        function = verified(name, axes=axes, affine=affine, **common)
        (found,) = (m for m in function.motifs if m.kind == "norm")
        assert found.form == name.removesuffix("-norm")
        assert found.axes == tuple(range(len(shape) - axes, len(shape)))


@settings(max_examples=100, deadline=None)
@given(
    rank=st.integers(1, 3), channels=st.sampled_from([2, 4, 6]), features=st.sampled_from([2, 4]),
    groups=st.sampled_from([1, 1, 2, 4]), stride=st.integers(1, 2), dilation=st.integers(1, 2),
    padding=st.integers(0, 1), channels_are=st.sampled_from(["first", "last"]), bias=flags,
    activation=st.sampled_from(["none", "relu", "gelu"]), form=st.sampled_from(FORMS),
    dtype=st.sampled_from(["f32", "bf16", "i8"]), result=st.sampled_from(["", "f32", "bf16"]),
    window=st.integers(1, 3),
)  # fmt: skip
def test_conv(rank, stride, dilation, padding, window, **options):
    many = {
        "strides": (stride,) * rank,
        "dilations": (dilation,) * rank,
        "padding": (padding,) * rank,
        "window": (window,) * rank,
        "size": (9, 8, 7)[:rank],
    }
    function = verified("conv", **options, **many)
    if function is None or window == 1:
        return
    (found,) = (m for m in function.motifs if m.kind == "convolution")
    assert found.window == many["window"] and found.strides == many["strides"]
    assert found.dilations == many["dilations"]
    groups = options["groups"]
    assert (found.groups or 1) == groups
    assert found.channels == options["channels"] // groups
    assert found.features == options["features"] // groups


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("matmul", {"tiles": (3, 4, 4)}, "--tiles with m 8 is not supported: 3 does not divide it"),
        ("matmul", {"tiles": (4, 4, 4), "transpose_b": True}, "--tiles with --transpose-b"),
        ("matmul", {"tiles": (4, 4, 4), "vnni": 2}, "--vnni 2 with --dtype f32"),
        ("matmul", {"vnni": 2}, "--vnni 2 with no --tiles"),
        ("matmul", {"activation": "gelu", "dtype": "i32"}, "--activation gelu with --dtype i32"),
        ("matmul", {"accumulator": "bf16"}, "--accumulator bf16 with --dtype f32"),
        ("matmul", {"tiles": (4, 4, 4), "batch": 2}, "--batch with --tiles"),
        ("conv", {"form": "category"}, "conv with --form category"),
        ("conv", {"groups": 3}, "--groups 3 with --channels 4"),
        ("conv", {"window": (9,)}, "--window with --size"),
        ("attention", {"causal": True, "keys": 2}, "--causal and 4 queries with 2 keys"),
        ("attention", {"kv_heads": 2}, "--kv-heads with --form named"),
        ("attention", {"window": 2}, "--window 2 with no --causal"),
        ("softmax", {"dtype": "i32"}, "softmax with --dtype i32"),
        ("mlp", {"tiles": (4, 4, 4), "softmax": True}, "--tiles with --softmax"),
        ("mlp", {"layers": (4, 8, 8), "tiles": (4, 2, 4)}, "--tiles with 2 layers"),
    ],
)
def test_a_refusal_names_the_pair(name, options, said):
    given = {
        "matmul": {"m": 8, "n": 8, "k": 8},
        "mlp": {"batch": 4, "layers": (4, 8)},
        "attention": {"heads": 4, "queries": 4, "depth": 4},
        "softmax": {"shape": (4, 4)},
        "conv": {"channels": 4, "features": 4, "size": (8,), "window": (3,)},
    }[name]
    with pytest.raises(UserError) as raised:
        make(name, **{**given, **options})
    text = render(raised.value)
    assert said in text and REFUSED in text and "\n" not in text


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("matmull", {}, "did you mean 'matmul'"),
        ("matmul", {"m": 1, "n": 1}, "matmul needs the option 'k'"),
        ("matmul", {"m": 1, "n": 1, "k": 0}, "--k: expected at least 1, found 0"),
        ("matmul", {"m": 1, "n": 1, "k": 1, "bais": True}, "did you mean 'bias'"),
        ("matmul", {"m": 1, "n": 1, "k": 1, "form": "nmaed"}, "did you mean 'named'"),
        ("matmul", {"m": 1, "n": 1, "k": 1, "tiles": (1, 1)}, "expected m,n,k, found 2 sizes"),
        ("mlp", {"batch": 1, "layers": (4,)}, "expected two sizes or more, found 1"),
        ("softmax", {"shape": (4,), "axis": 1}, "expected one of 1 axes, found 1"),
        ("softmax", {"shape": ()}, "expected at least one size"),
        ("layer-norm", {"shape": (4,), "axes": 2}, "--axes: expected 1 to 1, found 2"),
        ("conv", {"channels": 1, "features": 1, "size": (4, 4), "window": (3,)}, "--window"),
    ],
)
def test_options_that_are_wrong_alone(name, options, said):
    with pytest.raises(UserError) as raised:
        make(name, **options)
    assert said in render(raised.value)


def test_the_forms_are_what_their_names_say():
    def names(form: str) -> set[str]:
        text = make("matmul", m=4, n=4, k=4, bias=True, activation="relu", form=form).text
        return {word for word in text.replace("(", " ").split() if word.startswith("linalg.")}

    assert {"linalg.matmul", "linalg.add", "linalg.max"} <= names("named")
    assert {"linalg.contract", "linalg.elementwise"} <= names("category")
    assert names("generic") == {"linalg.fill", "linalg.generic", "linalg.yield"}


def test_every_builder_is_here():
    assert set(BUILDERS) == {
        "matmul", "mlp", "attention", "softmax", "layer-norm", "rms-norm", "conv",
    }  # fmt: skip
