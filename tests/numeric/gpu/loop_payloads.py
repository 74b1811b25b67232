"""Payloads of one operation or a few, with inputs and numpy's answer, for any GPU target.

A case is built by ``CASES[kind](shape, dtype)``: the text of a module with ``main`` on memrefs,
its inputs, what its outputs should be (in f64 or integers), and the error to allow relative to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import ml_dtypes
import numpy as np

DTYPES = {
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "f32": np.float32,
    "f64": np.float64,
    "i1": np.bool_,
    "i8": np.int8,
    "i32": np.int32,
    "i64": np.int64,
}
BOUND = {"f16": 2e-3, "bf16": 1.6e-2, "f32": 2e-6, "f64": 1e-12}


@dataclass(frozen=True)
class Case:
    text: str
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    bound: float


def is_float(dtype):
    return dtype in BOUND


def values(shape, dtype, seed=0):
    rng = np.random.default_rng([seed, *shape])
    if dtype == "i1":
        return rng.random(shape) < 0.5
    if is_float(dtype):
        return rng.standard_normal(shape).astype(DTYPES[dtype])
    return rng.integers(-9, 10, shape).astype(DTYPES[dtype])


def memref(shape, dtype):
    return f"memref<{''.join(f'{n}x' for n in shape)}{dtype}>"


def affine(loops, results):
    return f"affine_map<({', '.join(loops)}) -> ({', '.join(results)})>"


def generic(loops, kinds, ins, outs, body):
    """``ins``, ``outs``: (value, type, results of its map); ``body``: lines and what it yields."""
    lines, result = body
    every = [*ins, *outs]
    maps = ", ".join(affine(loops, results) for _, _, results in every)
    names = [f"%a{n}" for n in range(len(ins))] + [f"%o{n}" for n in range(len(outs))]
    elements = [kind.rstrip(">").split("x")[-1].split("<")[-1] for _, kind, _ in every]
    formals = ", ".join(f"{n}: {e}" for n, e in zip(names, elements, strict=True))
    words = {"p": '"parallel"', "r": '"reduction"'}

    def part(word, some):
        if not some:
            return ""
        listed, types = ", ".join(v for v, _, _ in some), ", ".join(t for _, t, _ in some)
        return f"{word}({listed} : {types})"

    return f"""
  linalg.generic {{indexing_maps = [{maps}],
      iterator_types = [{", ".join(words[k] for k in kinds)}]}}
    {part("ins", ins)} {part("outs", outs)} {{
  ^bb0({formals}):
    {lines}
    linalg.yield {result} : {", ".join(elements[len(ins) :])}
  }}"""


def function(arguments, body):
    formals = ", ".join(f"{name}: {kind}" for name, kind in arguments)
    return f"func.func @main({formals}) {{\n  {body}\n  return\n}}"


def names(count):
    return [f"d{n}" for n in range(count)]


def fill(value, kind, rank):
    loops = names(rank)
    return generic(loops, "p" * rank, [], [(value, kind, loops)], ("", "%start"))


def biased(shape, dtype):
    """max(x + b, 0) with b along the last dimension."""
    loops, kind, row = names(len(shape)), memref(shape, dtype), memref(shape[-1:], dtype)
    add, most = ("addf", "maximumf") if is_float(dtype) else ("addi", "maxsi")
    zero = "0.0" if is_float(dtype) else "0"
    lines = f"""%z = arith.constant {zero} : {dtype}
    %s = arith.{add} %a0, %a1 : {dtype}
    %r = arith.{most} %s, %z : {dtype}"""
    ins = [("%x", kind, loops), ("%b", row, loops[-1:])]
    body = generic(loops, "p" * len(shape), ins, [("%y", kind, loops)], (lines, "%r"))
    x, b = values(shape, dtype), values(shape[-1:], dtype, 1)
    wide = np.float64 if is_float(dtype) else np.int64
    expected = np.maximum(x.astype(wide) + b.astype(wide), 0)
    text = function([("%x", kind), ("%b", row), ("%y", kind)], body)
    return Case(text, [x, b], [expected], BOUND.get(dtype, 0))


def gelu(shape, dtype):
    """x (1 + erf(x / sqrt 2)) / 2."""
    loops, kind = names(len(shape)), memref(shape, dtype)
    lines = f"""%h = arith.constant 0.5 : {dtype}
    %q = arith.constant {math.sqrt(0.5)} : {dtype}
    %s = arith.mulf %a0, %q : {dtype}
    %e = math.erf %s : {dtype}
    %l = arith.mulf %a0, %h : {dtype}
    %p = arith.mulf %l, %e : {dtype}
    %r = arith.addf %l, %p : {dtype}"""
    body = generic(
        loops, "p" * len(shape), [("%x", kind, loops)], [("%y", kind, loops)], (lines, "%r")
    )
    x = values(shape, dtype)
    wide = x.astype(np.float64)
    expected = wide / 2 * (1 + np.vectorize(math.erf, otypes=[float])(wide * math.sqrt(0.5)))
    return Case(function([("%x", kind), ("%y", kind)], body), [x], [expected], BOUND[dtype] * 2)


def masked(shape, dtype):
    """where(m, x, -1), and the mask turned over, both bools."""
    loops, kind, bits = names(len(shape)), memref(shape, dtype), memref(shape, "i1")
    minus = "-1.0" if is_float(dtype) else "-1"
    lines = f"""%t = arith.constant true
    %n = arith.constant {minus} : {dtype}
    %r = arith.select %a1, %a0, %n : {dtype}
    %f = arith.xori %a1, %t : i1"""
    ins = [("%x", kind, loops), ("%m", bits, loops)]
    outs = [("%y", kind, loops), ("%z", bits, loops)]
    body = generic(loops, "p" * len(shape), ins, outs, (lines, "%r, %f"))
    x, m = values(shape, dtype), values(shape, "i1", 1)
    wide = np.float64 if is_float(dtype) else np.int64
    text = function([("%x", kind), ("%m", bits), ("%y", kind), ("%z", bits)], body)
    return Case(text, [x, m], [np.where(m, x.astype(wide), -1), ~m], 0)


def transposed(shape, dtype):
    """The last two dimensions exchanged."""
    loops = names(len(shape))
    turned = [*loops[:-2], loops[-1], loops[-2]]
    kind, other = memref(shape, dtype), memref((*shape[:-2], shape[-1], shape[-2]), dtype)
    body = generic(
        loops, "p" * len(shape), [("%x", kind, loops)], [("%y", other, turned)], ("", "%a0")
    )
    x = values(shape, dtype)
    text = function([("%x", kind), ("%y", other)], body)
    wide = x.astype(np.float64) if is_float(dtype) else x
    return Case(text, [x], [np.swapaxes(wide, -1, -2)], 0)


def gathered(shape, dtype):
    """Rows of a table, chosen by numbers."""
    rows, width = shape
    table, picks, out = memref((11, width), dtype), memref((rows,), "i64"), memref(shape, dtype)
    lines = f"""%c = arith.index_cast %a0 : i64 to index
    %n = arith.constant 11 : i64
    %k = arith.cmpi ult, %a0, %n : i64
    cf.assert %k, "no such row"
    %j = linalg.index 1 : index
    %v = memref.load %t[%c, %j] : {table}"""
    body = generic(
        ["i", "j"], "pp", [("%p", picks, ["i"])], [("%y", out, ["i", "j"])], (lines, "%v")
    )
    t, p = values((11, width), dtype), np.arange(rows) * 7 % 11
    text = function([("%t", table), ("%p", picks), ("%y", out)], body)
    return Case(text, [t, p], [t[p].astype(np.float64)], 0)


def reduction(axes, operation):
    """Sum, product or maximum over ``axes``."""
    floats = {"add": "addf", "max": "maximumf", "min": "minimumf"}
    whole = {"add": "addi", "max": "maxsi", "min": "minsi"}
    of = {"add": np.sum, "max": np.max, "min": np.min}[operation]

    def build(shape, dtype):
        loops = names(len(shape))
        over = [axis % len(shape) for axis in axes]
        kept = [n for n in range(len(shape)) if n not in over]
        kind, other = memref(shape, dtype), memref([shape[n] for n in kept], dtype)
        name = (floats if is_float(dtype) else whole)[operation]
        start = {"add": "0", "max": "-128", "min": "127"}[operation]
        start += ".0" if is_float(dtype) else ""
        ins = [("%x", kind, loops)]
        outs = [("%y", other, [loops[n] for n in kept])]
        kinds = "".join("r" if n in over else "p" for n in range(len(shape)))
        body = f"%start = arith.constant {start} : {dtype}\n" + fill("%y", other, len(kept))
        lines = f"%r = arith.{name} %a0, %o0 : {dtype}"
        body += generic(loops, kinds, ins, outs, (lines, "%r"))
        x = values(shape, dtype)
        wide = np.float64 if is_float(dtype) else np.int64
        expected = np.asarray(of(x.astype(wide), axis=tuple(over)))
        if dtype in ("i8", "i32"):
            expected = expected.astype(DTYPES[dtype])
        length = math.prod(shape[n] for n in over)
        # Rounded once at the end, sums of any order inside; f32 is added in f32.
        grown = 1 if operation != "add" else max(1.0, math.sqrt(length))
        bound = BOUND.get(dtype, 0) * grown if operation == "add" else 0
        return Case(function([("%x", kind), ("%y", other)], body), [x], [expected], bound)

    return build


def softmax(shape, dtype):
    """Along the last dimension."""
    loops = names(len(shape))
    kind, row = memref(shape, dtype), memref(shape[:-1], dtype)
    kinds, all_ = "p" * (len(shape) - 1) + "r", "p" * len(shape)
    x, m, e = ("%x", kind, loops), ("%m", row, loops[:-1]), ("%e", kind, loops)
    body = f"""%m = memref.alloc() : {row}
  %e = memref.alloc() : {kind}
  %start = arith.constant 0x{{low}} : {dtype}
  %zero = arith.constant 0.0 : {dtype}"""
    body = body.replace("{low}", {"f32": "FF800000", "f16": "FC00", "bf16": "FF80"}[dtype])
    body += fill("%m", row, len(shape) - 1)
    body += generic(loops, kinds, [x], [m], (f"%r = arith.maximumf %a0, %o0 : {dtype}", "%r"))
    lines = f"%d = arith.subf %a0, %a1 : {dtype}\n    %r = math.exp %d : {dtype}"
    body += generic(loops, all_, [x, m], [e], (lines, "%r"))
    body += fill("%m", row, len(shape) - 1).replace("%start", "%zero")
    body += generic(loops, kinds, [e], [m], (f"%r = arith.addf %a0, %o0 : {dtype}", "%r"))
    quotient = (f"%r = arith.divf %a0, %a1 : {dtype}", "%r")
    body += generic(loops, all_, [e, m], [("%y", kind, loops)], quotient)
    data = values(shape, dtype)
    wide = data.astype(np.float64)
    powers = np.exp(wide - wide.max(-1, keepdims=True))
    expected = powers / powers.sum(-1, keepdims=True)
    return Case(function([("%x", kind), ("%y", kind)], body), [data], [expected], BOUND[dtype] * 3)


def layer_norm(shape, dtype):
    """(x - mean) / sqrt(var + 1e-5) * g + b over the last dimension, inside in f32."""
    loops = names(len(shape))
    kind, row, last = memref(shape, dtype), memref(shape[:-1], "f32"), memref(shape[-1:], dtype)
    kinds, all_ = "p" * (len(shape) - 1) + "r", "p" * len(shape)
    x, s, v = ("%x", kind, loops), ("%s", row, loops[:-1]), ("%v", row, loops[:-1])
    count = shape[-1]
    to = "" if dtype == "f32" else f"%w = arith.extf %a0 : {dtype} to f32\n    "
    w = "%a0" if dtype == "f32" else "%w"

    def wide(name, value):
        is_wide = dtype == "f32"
        cast = f"%{name}w = arith.extf {value} : {dtype} to f32\n    "
        return ("", value) if is_wide else (cast, f"%{name}w")

    body = f"""%s = memref.alloc() : {row}
  %v = memref.alloc() : {row}
  %start = arith.constant 0.0 : f32
  %n = arith.constant {float(count)} : f32
  %eps = arith.constant 1.0e-5 : f32"""
    body += fill("%s", row, len(shape) - 1)
    body += generic(loops, kinds, [x], [s], (f"{to}%r = arith.addf {w}, %o0 : f32", "%r"))
    body += fill("%v", row, len(shape) - 1)
    lines = f"""{to}%m = arith.divf %a1, %n : f32
    %d = arith.subf {w}, %m : f32
    %q = arith.mulf %d, %d : f32
    %r = arith.addf %q, %o0 : f32"""
    body += generic(loops, kinds, [x, s], [v], (lines, "%r"))
    (cast_g, g), (cast_b, b) = wide("g", "%a3"), wide("b", "%a4")
    back = "" if dtype == "f32" else f"\n    %t = arith.truncf %r : f32 to {dtype}"
    lines = f"""{to}{cast_g}{cast_b}%m = arith.divf %a1, %n : f32
    %d = arith.subf {w}, %m : f32
    %u = arith.divf %a2, %n : f32
    %p = arith.addf %u, %eps : f32
    %i = math.rsqrt %p : f32
    %h = arith.mulf %d, %i : f32
    %k = arith.mulf %h, {g} : f32
    %r = arith.addf %k, {b} : f32{back}"""
    weights = [("%g", last, loops[-1:]), ("%b", last, loops[-1:])]
    result = "%r" if dtype == "f32" else "%t"
    body += generic(loops, all_, [x, s, v, *weights], [("%y", kind, loops)], (lines, result))
    data, gain, shift = values(shape, dtype), *(values(shape[-1:], dtype, n) for n in (1, 2))
    exact = data.astype(np.float64)
    centred = exact - exact.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    expected = scaled * gain.astype(np.float64) + shift.astype(np.float64)
    text = function([("%x", kind), ("%g", last), ("%b", last), ("%y", kind)], body)
    return Case(text, [data, gain, shift], [expected], BOUND[dtype] * 8)


def chained(shape, dtype):
    """x - max(h + t, -8) with h half the sum of the row and t a number of the row that is an
    output: t becomes h + t. Numbers are made of others, one by a reduction over one element."""
    rows = shape[0]
    kind, one, plain = memref(shape, dtype), memref((rows, 1), dtype), memref((rows,), dtype)
    body = f"""%s = memref.alloc() : {one}
  %m = memref.alloc() : {plain}
  %zero = arith.constant 0.0 : {dtype}
  %start = arith.constant -8.0 : {dtype}"""
    body += fill("%s", one, 2).replace("%start", "%zero")
    add, most = f"%r = arith.addf %a0, %o0 : {dtype}", f"%r = arith.maximumf %a0, %o0 : {dtype}"
    x, s = ("%x", kind, ["i", "j"]), ("%s", one, ["i", "0"])
    body += generic(["i", "j"], "pr", [x], [s], (add, "%r"))
    lines = f"""%c = arith.constant 0.5 : {dtype}
    %p = arith.mulf %a0, %c : {dtype}
    %r = arith.addf %p, %o0 : {dtype}"""
    both = ["i", "j"]
    body += generic(both, "pp", [("%s", one, both)], [("%t", one, both)], (lines, "%r"))
    body += fill("%m", plain, 1)
    body += generic(both, "pr", [("%t", one, both)], [("%m", plain, ["i"])], (most, "%r"))
    ins = [x, ("%m", plain, ["i"])]
    less = (f"%r = arith.subf %a0, %a1 : {dtype}", "%r")
    body += generic(both, "pp", ins, [("%y", kind, both)], less)
    data = values(shape, dtype)
    body = f"memref.copy %u, %t : {one} to {one}\n  " + body
    more = values((rows, 1), dtype, 1)
    wide = data.astype(np.float64)
    half = wide.sum(-1, keepdims=True) / 2 + more.astype(np.float64)
    bound = BOUND[dtype] * 2 * max(1.0, math.sqrt(shape[1]))
    text = function([("%x", kind), ("%u", one), ("%y", kind), ("%t", one)], body)
    return Case(text, [data, more], [wide - np.maximum(half, -8), half], bound)


def scan(shape, dtype):
    """The running sum along the last dimension."""
    loops = names(len(shape))
    kind, row = memref(shape, dtype), memref(shape[:-1], dtype)
    kinds = "p" * (len(shape) - 1) + "r"
    start, add = ("0.0", "addf") if is_float(dtype) else ("0", "addi")
    body = f"%s = memref.alloc() : {row}\n  %start = arith.constant {start} : {dtype}"
    body += fill("%s", row, len(shape) - 1)
    outs = [("%y", kind, loops), ("%s", row, loops[:-1])]
    lines = f"%r = arith.{add} %o1, %a0 : {dtype}"
    body += generic(loops, kinds, [("%x", kind, loops)], outs, (lines, "%r, %r"))
    x = values(shape, dtype)
    wide = np.float64 if is_float(dtype) else np.int64
    expected = np.cumsum(x.astype(wide), -1)
    bound = BOUND.get(dtype, 0) * math.sqrt(max(1, shape[-1]))
    return Case(function([("%x", kind), ("%y", kind)], body), [x], [expected], bound)


def scan_before(shape, dtype):
    """The largest of all before each along the last dimension, from 0 on, and of all."""
    loops = names(len(shape))
    kind, row = memref(shape, dtype), memref(shape[:-1], dtype)
    start, most = ("0.0", "maximumf") if is_float(dtype) else ("0", "maxsi")
    body = f"%start = arith.constant {start} : {dtype}" + fill("%s", row, len(shape) - 1)
    outs = [("%y", kind, loops), ("%s", row, loops[:-1])]
    lines = f"%r = arith.{most} %o1, %a0 : {dtype}"
    kinds = "p" * (len(shape) - 1) + "r"
    body += generic(loops, kinds, [("%x", kind, loops)], outs, (lines, "%o1, %r"))
    x = values(shape, dtype)
    wide = x.astype(np.float64 if is_float(dtype) else np.int64)
    running = np.maximum(np.maximum.accumulate(wide, -1), 0)
    before = np.concatenate([np.zeros_like(running[..., :1]), running[..., :-1]], -1)
    text = function([("%x", kind), ("%y", kind), ("%s", row)], body)
    return Case(text, [x], [before, running[..., -1]], 0)


def pooled(shape, dtype):
    """The largest of windows of 3 by 2, steps of 2 by 1, over the last two dimensions."""
    *lead, height, width = shape
    loops = [*names(len(lead)), "h", "w", "p", "q"]
    out = (*lead, (height - 3) // 2 + 1, width - 1)
    kind, other, window = memref(shape, dtype), memref(out, dtype), memref((3, 2), dtype)
    low = "-1000.0" if is_float(dtype) else "-128"
    name = "maximumf" if is_float(dtype) else "maxsi"
    body = f"%k = memref.alloc() : {window}\n  %start = arith.constant {low} : {dtype}"
    body += fill("%y", other, len(out))
    ins = [("%x", kind, [*loops[:-4], "h * 2 + p", "w + q"]), ("%k", window, ["p", "q"])]
    outs = [("%y", other, loops[:-2])]
    lines = f"%r = arith.{name} %o0, %a0 : {dtype}"
    body += generic(loops, "p" * len(out) + "rr", ins, outs, (lines, "%r"))
    x = values(shape, dtype)
    wide = x.astype(np.float64) if is_float(dtype) else x
    views = [
        wide[..., p : p + 2 * out[-2] - 1 : 2, q : q + out[-1]] for p in range(3) for q in range(2)
    ]
    text = function([("%x", kind), ("%y", other)], body)
    return Case(text, [x], [np.max(views, axis=0)], 0)


def product(shape, dtype):
    """A matrix product of integers, or a matrix with a vector: M, K (, N)."""
    m, k, *n = shape
    loops = ["i", "k", "j"][: 2 + len(n)]
    a, b, y = memref((m, k), dtype), memref((k, *n), dtype), memref((m, *n), dtype)
    is_f = is_float(dtype)
    start, mul, add = ("0.0", "mulf", "addf") if is_f else ("0", "muli", "addi")
    body = f"%start = arith.constant {start} : {dtype}" + fill("%y", y, 1 + len(n))
    ins = [("%a", a, ["i", "k"]), ("%b", b, loops[1:])]
    outs = [("%y", y, ["i", *loops[2:]])]
    lines = f"%p = arith.{mul} %a0, %a1 : {dtype}\n    %r = arith.{add} %o0, %p : {dtype}"
    body += generic(loops, "prp"[: len(loops)], ins, outs, (lines, "%r"))
    left, right = values((m, k), dtype), values((k, *n), dtype, 1)
    wide = np.float64 if is_f else np.int64
    expected = left.astype(wide) @ right.astype(wide)
    bound = BOUND.get(dtype, 0) * 2 * math.sqrt(max(1, k))
    text = function([("%a", a), ("%b", b), ("%y", y)], body)
    return Case(text, [left, right], [expected], bound)


def convolved(shape, dtype):
    """A convolution without padding, N C H W O: windows of 3 by 2."""
    n, c, h, w, o = shape
    loops = ["n", "o", "h", "w", "c", "p", "q"]
    kind, weights = memref((n, c, h, w), dtype), memref((o, c, 3, 2), dtype)
    other = memref((n, o, h - 2, w - 1), dtype)
    body = f"%start = arith.constant 0.0 : {dtype}" + fill("%y", other, 4)
    ins = [("%x", kind, ["n", "c", "h + p", "w + q"]), ("%k", weights, ["o", "c", "p", "q"])]
    lines = f"%p = arith.mulf %a0, %a1 : {dtype}\n    %r = arith.addf %o0, %p : {dtype}"
    outs = [("%y", other, loops[:4])]
    body += generic(loops, "pppprrr", ins, outs, (lines, "%r"))
    x, k = values((n, c, h, w), dtype), values((o, c, 3, 2), dtype, 1)
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 2), axis=(2, 3))
    expected = np.einsum("nchwpq,ocpq->nohw", windows, k.astype(np.float64))
    text = function([("%x", kind), ("%k", weights), ("%y", other)], body)
    return Case(text, [x, k], [expected], BOUND[dtype] * 2 * math.sqrt(6 * c))


CASES: dict[str, Callable[..., Case]] = {
    "biased": biased,
    "gelu": gelu,
    "masked": masked,
    "transposed": transposed,
    "gathered": gathered,
    "row sum": reduction((-1,), "add"),
    "row max": reduction((-1,), "max"),
    "column sum": reduction((0,), "add"),
    "column min": reduction((0,), "min"),
    "total": reduction((0, 1), "add"),
    "softmax": softmax,
    "layer norm": layer_norm,
    "chained": chained,
    "scan": scan,
    "scan before": scan_before,
    "pooled": pooled,
    "product": product,
    "convolved": convolved,
}
