"""Fused attentions as payloads, in the form that fusing leaves, and what numpy says they are."""

import math
import re

import numpy as np
from both_levels import DTYPES, numbers, ran, tensor

# Lines of MLIR that make %{o} of %{t}; %e is the element of the step's extra, %x the same as f32.
STEPS = {
    "scaled": "%{o} = arith.mulf %{t}, %scale : f32",
    "causal": """%i{o} = linalg.index {m} : index
    %j{o} = linalg.index {n} : index
    %p{o} = arith.constant {causal} : index
    %l{o} = arith.addi %i{o}, %p{o} : index
    %c{o} = arith.cmpi sle, %j{o}, %l{o} : index
    %{o} = arith.select %c{o}, %{t}, %none : f32""",
    "window": """%i{o} = linalg.index {m} : index
    %j{o} = linalg.index {n} : index
    %p{o} = arith.constant {first} : index
    %l{o} = arith.addi %i{o}, %p{o} : index
    %c{o} = arith.cmpi sge, %j{o}, %l{o} : index
    %{o} = arith.select %c{o}, %{t}, %none : f32""",
    "add": "%{o} = arith.addf %{t}, %x{o} : f32",
    "where": "%{o} = arith.select %e{o}, %{t}, %none : f32",
    "before": """%j{o} = linalg.index {n} : index
    %g{o} = arith.index_cast %j{o} : index to {kind}
    %c{o} = arith.cmpi slt, %g{o}, %e{o} : {kind}
    %{o} = arith.select %c{o}, %{t}, %none : f32""",
    "alibi": """%i{o} = linalg.index {m} : index
    %j{o} = linalg.index {n} : index
    %d{o} = arith.subi %j{o}, %i{o} : index
    %g{o} = arith.index_cast %d{o} : index to i32
    %f{o} = arith.sitofp %g{o} : i32 to f32
    %y{o} = arith.mulf %f{o}, %x{o} : f32
    %{o} = arith.addf %{t}, %y{o} : f32""",
}


class Case:
    """An attention ``spec`` ("bhmd,bhnd,bhne->bhme") over ``sizes`` by letter, with ``steps`` of
    its score: names of STEPS, or pairs of one with the letters and type of its extra."""

    def __init__(self, spec, sizes, steps=("scaled",), dtype="f16", **more):
        self.spec, self.sizes, self.dtype = spec, sizes, dtype
        self.steps = [step if isinstance(step, tuple) else (step, None, None) for step in steps]
        self.causal, self.window = more.get("causal"), more.get("window")
        self.empty_rows, self.result = more.get("empty_rows", "nan"), more.get("result", dtype)
        inputs, self.out = spec.split("->")
        self.inputs = inputs.split(",")
        self.loops = [d for d in self.out if d not in "me"] + list("mnde")
        if self.causal is not None and "causal" not in steps:
            self.steps.append(("causal", None, None))
        if self.window is not None:
            self.steps.append(("window", None, None))
        self.params = more.get("params", {})
        self.scale = 1 / math.sqrt(sizes["d"])

    def text(self):
        extras = [(letters, kind) for _, letters, kind in self.steps if letters is not None]
        kinds = [(one, self.dtype) for one in self.inputs] + extras + [(self.out, self.result)]
        types = [tensor([self.sizes[d] for d in letters], kind) for letters, kind in kinds]
        maps = ", ".join(
            f"affine_map<({', '.join(self.loops)}) -> ({', '.join(letters)})>"
            for letters, _ in kinds
        )
        iterators = ", ".join('"reduction"' if d in "nd" else '"parallel"' for d in self.loops)
        arguments = ", ".join(f"%a{n}: {t}" for n, t in enumerate(types[:-1]))
        block = ", ".join(f"%b{n}: {kind}" for n, (_, kind) in enumerate(kinds))
        sink = f"pharos.softmax_weighted_sum_{self.dtype}_{self.result}"
        signature = f"(f32, {self.dtype}, {self.result}) -> {self.result}"
        band = [f"{k} = {v} : i64" for k, v in (("causal", self.causal), ("window", self.window))
                if v is not None]  # fmt: skip
        attribute = "{" + ", ".join([*band, f'empty_rows = "{self.empty_rows}"']) + "}"
        params = "{" + ", ".join(f"{k} = {v} : i64" for k, v in self.params.items()) + "}"
        attributes = f"{{pharos.attention = {attribute}, pharos.params = {params}}}"
        return f"""
func.func private @{sink}{signature}
func.func @f({arguments}) -> {types[-1]} {{
  %scale = arith.constant {self.scale!r} : f32
  %none = arith.constant 0xFF800000 : f32
  %empty = tensor.empty() : {types[-1]}
  %r = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}}
      ins({", ".join(f"%a{n}" for n in range(len(types) - 1))} : {", ".join(types[:-1])})
      outs(%empty : {types[-1]}) attrs = {attributes} {{
  ^bb0({block}):
    {self._product()}
    {self._score(len(kinds) - 1)}
    %w = func.call @{sink}(%t{len(self.steps)}, %b2, %b{len(kinds) - 1}) : {signature}
    linalg.yield %w : {self.result}
  }} -> {types[-1]}
  return %r : {types[-1]}
}}"""

    def _product(self):
        if self.dtype == "f32":
            return "%s = arith.mulf %b0, %b1 : f32"
        wide = [f"%{x} = arith.extf %b{n} : {self.dtype} to f32" for n, x in enumerate("qk")]
        return "\n    ".join([*wide, "%s = arith.mulf %q, %k : f32"])

    def _score(self, result):
        names = {"m": len(self.loops) - 4, "n": len(self.loops) - 3, "causal": self.causal}
        if self.window is not None:
            names["first"] = self.causal - self.window + 1
        lines, extra, before = [], 3, "s"
        for number, (step, _, kind) in enumerate(self.steps, 1):
            after = f"t{number}"
            if kind is not None:
                lines.append(self._element(after, extra, kind))
                extra += 1
            lines.append(STEPS[step].format(o=after, t=before, kind=kind, **names))
            before = after
        assert extra == result
        return "\n    ".join(lines)

    def _element(self, name, number, kind):
        """%x as f32, or %e as an integer."""
        element = f"%b{number}"
        if kind in ("i32", "i64"):
            made = f"%zero{name} = arith.constant 0 : {kind}\n"
            return f"{made}%e{name} = arith.addi {element}, %zero{name} : {kind}"
        if kind == "i1":
            made = f"%true{name} = arith.constant true\n"
            return f"{made}%e{name} = arith.andi {element}, %true{name} : i1"
        if kind == "f32":
            made = f"%zero{name} = arith.constant 0.0 : f32\n"
            return f"{made}%x{name} = arith.addf {element}, %zero{name} : f32"
        return f"%x{name} = arith.extf {element} : {kind} to f32"

    def arguments(self, rng, magnitude=1.0):
        """Random inputs: q, k, v and the extras."""
        found = [
            numbers(rng, [self.sizes[d] for d in one], "f32") * (magnitude if n < 2 else 1)
            for n, one in enumerate(self.inputs)
        ]
        found = [one.astype(DTYPES[self.dtype]) for one in found]
        for _, letters, kind in self.steps:
            if letters is not None:
                shape = [self.sizes[d] for d in letters]
                found.append(self._drawn(rng, shape, kind))
        return found

    def _drawn(self, rng, shape, kind):
        if kind == "i1":
            return rng.random(shape) < 0.7
        if kind in ("i32", "i64"):
            return rng.integers(1, self.sizes["n"] + 1, shape).astype(f"int{kind[1:]}")
        return numbers(rng, shape, kind)

    def expected(self, q, k, v, *extras):
        """In float64, from the rounded inputs."""
        q, k, v = (np.asarray(one, np.float64) for one in (q, k, v))
        full = [d for d in self.loops if d not in "de"]
        scores = np.einsum(f"{self.inputs[0]},{self.inputs[1]}->{''.join(full)}", q, k)
        places = np.ogrid[tuple(slice(0, self.sizes[d]) for d in full)]
        i, j = places[full.index("m")], places[full.index("n")]
        rest = iter(extras)
        for step, letters, _ in self.steps:
            extra = None
            if letters is not None:
                extra = np.asarray(next(rest))
                order = [letters.index(d) for d in full if d in letters]
                shape = [self.sizes[d] if d in letters else 1 for d in full]
                extra = np.transpose(extra, order).reshape(shape)
            scores = self._step(step, scores, i, j, extra)
        most = scores.max(full.index("n"), keepdims=True)
        weights = np.exp(scores - np.where(np.isfinite(most), most, 0))
        total = weights.sum(full.index("n"), keepdims=True)
        with np.errstate(invalid="ignore"):
            weights = weights / total
        if self.empty_rows == "zero":
            weights = np.where(total == 0, 0, weights)
        return np.einsum(f"{''.join(full)},{self.inputs[2]}->{self.out}", weights, v)

    def _step(self, step, scores, i, j, extra):
        if step == "scaled":
            return scores * self.scale
        if step == "add":
            return scores + extra.astype(np.float64)
        if step == "alibi":
            return scores + (j - i) * extra.astype(np.float64)
        kept = {
            "causal": lambda: j <= i + self.causal,
            "window": lambda: j >= i + self.causal - self.window + 1,
            "where": lambda: extra,
            "before": lambda: j < extra,
        }[step]()
        return np.where(kept, scores, -np.inf)


BOUNDS = {"f16": 2e-3, "bf16": 1.6e-2, "f32": 1e-5}


def check(case, seed=0, magnitude=1.0, parameters=None, target="xegpu:sim"):
    """Run ``case`` at both levels and compare with float64. Gives what was run.

    The weights are rounded to the type of V: with a largest value of V of a, the error is at most
    about a times half a unit of that type, and the rounding of the result.
    """
    arguments = case.arguments(np.random.default_rng(seed), magnitude)
    found = ran(case.text(), *arguments, parameters=parameters, target=target)
    expected = case.expected(*arguments)
    scale = max(1.0, float(np.abs(np.asarray(arguments[2], np.float64)).max()))
    bound = BOUNDS[case.dtype] * scale / 2
    np.testing.assert_allclose(found.results[0], expected, rtol=0, atol=bound)
    own = [re.sub(r"_\d+$", "", name) for name in found.kernels]
    assert own.count("f_attention" if case.dtype == "f32" else "attention") == 1
    return found
