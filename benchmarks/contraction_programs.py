"""Programs that are one contraction: what the benchmarks of contractions share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConvolutionShape:
    """``images`` images of ``channels`` channels, ``sizes`` large; ``features`` filters of
    ``window``. There is no padding."""

    images: int
    channels: int
    sizes: tuple[int, ...]
    features: int
    window: tuple[int, ...]
    stride: int = 1
    dilation: int = 1
    groups: int = 1

    @property
    def outs(self) -> tuple[int, ...]:
        """The sizes of the result."""
        reach = [(k - 1) * self.dilation + 1 for k in self.window]
        return tuple(
            (size - r) // self.stride + 1 for size, r in zip(self.sizes, reach, strict=True)
        )

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of the image, the filters and the result, each with a dimension for the groups."""
        channels, features = self.channels // self.groups, self.features // self.groups
        return [
            (self.images, self.groups, channels, *self.sizes),
            (self.groups, features, channels, *self.window),
            (self.images, self.groups, features, *self.outs),
        ]

    def program(self) -> str:
        """The convolution, channels before pixels."""
        numbers = range(len(self.sizes))
        o, k = [f"o{i}" for i in numbers], [f"k{i}" for i in numbers]
        at = [f"{x} * {self.stride} + {y} * {self.dilation}" for x, y in zip(o, k, strict=True)]
        maps = [["n", "g", "c", *at], ["g", "f", "c", *k], ["n", "g", "f", *o]]
        loops = ["n", "g", "f", *o, "c", *k]
        return program(loops, list(map(", ".join, maps)), self.shapes, 1 + len(self.sizes))


def einsum_shapes(spec: str, sizes: dict[str, int]) -> list[tuple[int, ...]]:
    """The shapes of both factors and the result of ``spec``, such as ``mk,kn->mn``."""
    ins, out = spec.split("->")
    return [tuple(sizes[x] for x in side) for side in [*ins.split(","), out]]


def einsum_program(spec: str, sizes: dict[str, int]) -> str:
    """The product that ``spec`` says."""
    ins, out = spec.split("->")
    inner = [x for x in dict.fromkeys(ins.replace(",", "")) if x not in out]
    maps = [", ".join(side) for side in [*ins.split(","), out]]
    return program([*out, *inner], maps, einsum_shapes(spec, sizes), len(inner))


def program(loops: list[str], maps: list[str], shapes: list[tuple[int, ...]], inner: int) -> str:
    """``y = sum a * b``; the last ``inner`` loops are summed over."""
    a, b, y = (f"memref<{'x'.join(map(str, shape))}xf32>" for shape in shapes)
    kinds = ['"parallel"'] * (len(loops) - inner) + ['"reduction"'] * inner
    head = f"affine_map<({', '.join(loops)}) -> "
    return f"""
func.func @f(%a: {a}, %b: {b}, %y: {y}) {{
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%y : {y})
  linalg.generic {{indexing_maps = [{", ".join(f"{head}({m})>" for m in maps)}],
      iterator_types = [{", ".join(kinds)}]}} ins(%a, %b : {a}, {b}) outs(%y : {y}) {{
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  }}
  return
}}"""
