"""Run a payload on the simulated device, its XeGPU kernels at both levels."""

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from pharos import ir
from pharos.runtime.child import in_child
from pharos.targets.common.gpu import archive
from pharos.targets.xegpu.spirv import emit, tools
from pharos.targets.xegpu.workgroup.levels import BothLevels
from pharos.toolchain import Payload, Request, build, load

DTYPES = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32}
# Between lanes and workgroups, relative to the largest number: a rounding of the result, where
# sums in another order fall to the other side.
APART = {"f16": 1e-3, "bf16": 8e-3, "f32": 1e-5, "f64": 1e-13}
_made: dict[str, Any] = {}


@dataclass(frozen=True)
class Ran:
    """What came out: results as float32, the kernels in order, how far the levels were apart."""

    results: list[Any]
    kernels: list[str]
    differences: list[float]
    artifact: Any


def payload(text):
    return Payload("test", text, lambda: ir.parse(text, file="test.mlir"))


def ran(text, *arguments, parameters=None, target="xegpu:sim", entry="f"):
    """Compile ``text`` and call ``entry``. Raises when the two levels differ."""
    with tempfile.TemporaryDirectory() as folder:
        driving = {"dump_after": ["parallel-kernels"], "dump_dir": Path(folder)}
        request = Request(target=target, parameters=parameters or {}, driving=driving)
        built = build(payload(text), request, fresh=True)
        tiled = ir.parse_file(built.dumps[0])
    artifact = built.artifact
    runner = load(artifact)
    loaded = next(v for v in vars(runner).values() if hasattr(v, "device"))
    loaded.code = both = BothLevels(loaded.code, tiled, APART)
    assert both.kernels
    found = runner.call(entry, *arguments)
    launched = [
        step for step in artifact.metadata["launches"][entry]["steps"] if step["is"] == "launch"
    ]
    assert len(both.differences) == len(launched)  # every kernel ran at both levels
    results = list(found) if isinstance(found, (tuple, list)) else [found]
    return Ran(
        [np.asarray(r).astype(np.float32) for r in results if r is not None],
        [step["kernel"] for step in launched],
        [d.largest for d in both.differences],
        artifact,
    )


def spirv(artifact):
    """The SPIR-V of an artifact's kernels, without cache controls, made in a child process; what
    spirv-val refuses, where that is installed, is an error."""
    text = archive.unpack(artifact)[archive.LLVM_IR].decode()
    code = in_child(lambda report: emit.binary(emit.without_cache_controls(text)))
    if shutil.which(tools.SPIRV_VAL):
        tools.validate(code)
    return code


def wide(array):
    return array.astype(np.float32)


def numbers(rng, shape, dtype):
    return rng.standard_normal(shape).astype(DTYPES[dtype])


def tensor(shape, dtype):
    return f"tensor<{'x'.join(map(str, shape))}x{dtype}>"


BODIES = {
    "none": (None, lambda x, bias, other: x),
    "bias-relu": ("%s = arith.addf %x, %b : {o}\n%t = arith.maximumf %s, %zero : {o}",
                  lambda x, bias, other: np.maximum(x + bias, 0)),
    "residual": ("%t = arith.addf %x, %r : {o}", lambda x, bias, other: x + other),
    "tanh": ("%t = math.tanh %x : {o}", lambda x, bias, other: np.tanh(x)),
    "scaled": ("%c = arith.constant 0.125 : {o}\n%t = arith.mulf %x, %c : {o}",
               lambda x, bias, other: x * np.float32(0.125)),
}  # fmt: skip


def product(m, n, k, factor, result, *, turned=(False, False), ending="none", start="zero"):
    """A product as a payload: its arguments are A, B, a bias for each column, and C."""
    a = tensor((k, m) if turned[0] else (m, k), factor)
    b = tensor((n, k) if turned[1] else (k, n), factor)
    c, bias = tensor((m, n), result), tensor((n,), result)
    maps = ", ".join(
        f"affine_map<(i, j, l) -> ({dims})>"
        for dims in ("l, i" if turned[0] else "i, l", "j, l" if turned[1] else "l, j", "i, j")
    )
    begin = "%other" if start == "other" else "%filled"
    widen = (
        f"%p = arith.extf %x : {factor} to f32\n%q = arith.extf %y : {factor} to f32"
        if (factor, result) in (("f16", "f32"), ("bf16", "f32"))
        else ""
    )
    left, right = ("%p", "%q") if widen else ("%x", "%y")
    body, _ = BODIES[ending]
    after = (
        ""
        if body is None
        else f"""
  %done = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>,
      affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}}
      ins(%sums, %bias, %other : {c}, {bias}, {c}) outs(%empty : {c}) {{
  ^bb0(%x: {result}, %b: {result}, %r: {result}, %o: {result}):
    {body.replace("{o}", result)}
    linalg.yield %t : {result}
  }} -> {c}"""
    )
    return f"""
func.func @f(%A: {a}, %B: {b}, %bias: {bias}, %other: {c}) -> {c} {{
  %zero = arith.constant 0.0 : {result}
  %empty = tensor.empty() : {c}
  %filled = linalg.fill ins(%zero : {result}) outs(%empty : {c}) -> {c}
  %sums = linalg.generic {{indexing_maps = [{maps}],
      iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%A, %B : {a}, {b}) outs({begin} : {c}) {{
  ^bb0(%x: {factor}, %y: {factor}, %z: {result}):
    {widen}
    %u = arith.mulf {left}, {right} : {result}
    %v = arith.addf %z, %u : {result}
    linalg.yield %v : {result}
  }} -> {c}{after}
  return {"%sums" if body is None else "%done"} : {c}
}}"""


def check_product(m, n, k, factor, result, **options):
    """Run a product at both levels; the result must be numpy's. Gives what was run."""
    rng = np.random.default_rng(m + 7 * n + 31 * k)
    turned = options.get("turned", (False, False))
    a = numbers(rng, (k, m) if turned[0] else (m, k), factor)
    b = numbers(rng, (n, k) if turned[1] else (k, n), factor)
    bias, other = numbers(rng, (n,), result), numbers(rng, (m, n), result)
    parameters = options.pop("parameters", None)
    found = ran(product(m, n, k, factor, result, **options), a, b, bias, other,
                parameters=parameters)  # fmt: skip
    sums = (wide(a).T if turned[0] else wide(a)) @ (wide(b).T if turned[1] else wide(b))
    if options.get("start") == "other":
        sums = sums + wide(other)
    # What is stored between the product and what follows is rounded to the result's type.
    rounded = wide(sums.astype(DTYPES[result]))
    expected = BODIES[options.get("ending", "none")][1](rounded, wide(bias), wide(other))
    bound = {"f32": 3e-6, "f16": 2e-3, "bf16": 1.6e-2}[result]
    scale = max(1.0, float(np.abs(sums).max()))
    np.testing.assert_allclose(found.results[0], expected, rtol=0, atol=bound * scale)
    return found


def kinds(found):
    return [re.sub(r"_\d+$", "", name) for name in found.kernels]


__all__ = [
    "check_product",
    "kinds",
    "numbers",
    "payload",
    "product",
    "ran",
    "spirv",
    "tensor",
    "wide",
]
