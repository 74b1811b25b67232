"""The pipeline step that shares out the inner steps of products with few blocks.

    linalg.generic {c + a * b} ins(%a : 64x65536, %b : 65536x64) outs(%c)      // splits = 16
      ==>
    %p = memref.alloc() : memref<16x64x64xf32>
    linalg.generic {0} outs(%p)
    linalg.generic {p + a * b} ins(%a : 64x16x4096, %b : 16x4096x64) outs(%p)   // a batch of 16
    linalg.generic {c + p} ins(%p) outs(%c)                                     // the 16 joined

The parts are f32 where the result is narrower: what is rounded is the joined sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir import PARAMETERS
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Contraction
from pharos.targets.common.contractions.gpu_stage import contractions, refused, wanted
from pharos.targets.common.contractions.result import Start
from pharos.targets.common.contractions.surroundings import find_start
from pharos.targets.common.nests.body import copied_value
from pharos.targets.common.nests.lanes import scalar
from pharos.targets.common.nests.nest import expression_uses
from pharos.transform.generics import index_maps

SPLITS = "splits"
_NARROW = ("f16", "bf16")


@dataclass(frozen=True)
class SplitProducts:
    """Share out the inner steps of contractions whose ``pharos.params`` have ``splits`` over 1."""

    name: ClassVar[str] = "split-products"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place. CompileError for ``splits`` that do not share out what there
        is; a contraction over several loops is left as it is."""
        with module.context, mlir.Location.unknown():
            for contraction in list(contractions(module)):
                given = wanted(contraction)
                if SPLITS not in given:
                    continue
                generic = contraction.nest.operation.operation
                _note(generic, {n: v for n, v in given.items() if n != SPLITS})
                splits = given[SPLITS]
                inner = _inner_loop(contraction)
                if splits == 1 or inner is None:
                    continue
                size = contraction.sizes[inner] or 1
                if splits < 1 or size % splits:
                    reason = f"splits = {splits} does not divide the {size} inner steps"
                    raise refused(contraction, [reason])
                with generic.location, mlir.InsertionPoint(generic):
                    _split(contraction, inner, splits)
        return module


def _note(generic: Any, values: dict[str, int]) -> None:
    """Set the parameters of ``generic``."""
    i64 = mlir.IntegerType.get_signless(64)
    numbers = {name: mlir.IntegerAttr.get(i64, value) for name, value in values.items()}
    generic.attributes[PARAMETERS] = mlir.DictAttr.get(numbers)


def _inner_loop(contraction: Contraction) -> int | None:
    """The loop that can be cut: the only one that is summed over, an index by itself in every
    operand, the result being indexed by loops alone."""
    if len(contraction.inner) != 1:
        return None
    (inner,) = contraction.inner
    generic = contraction.nest.operation
    *inputs, result = index_maps(generic)
    for map_ in inputs:
        used = [e for e in map_.results if expression_uses(e, inner)]
        if len(used) > 1 or any(not isinstance(e, mlir.AffineDimExpr) for e in used):
            return None
    plain = all(isinstance(e, mlir.AffineDimExpr) for e in result.results)
    return inner if plain else None


def _split(contraction: Contraction, inner: int, splits: int) -> None:
    generic = contraction.nest.operation.operation
    start = find_start(contraction)
    *inputs, output = list(generic.operands)
    *in_maps, out_map = index_maps(generic)
    rank = out_map.n_dims
    # The new loop is the last one; the inner loop keeps its number, and has fewer steps.
    part = mlir.AffineExpr.get_dim(rank)
    kind = mlir.MemRefType(output.type)
    wide = mlir.F32Type.get() if str(kind.element_type) in _NARROW else kind.element_type
    shape = [splits, *kind.shape]
    parts = _buffer(shape, wide)
    _fill(parts)
    operands, maps = [], []
    for buffer, map_ in zip(inputs, in_maps, strict=True):
        cut, results = _cut(buffer, list(map_.results), inner, splits, part)
        operands.append(cut)
        maps.append(mlir.AffineMap.get(rank + 1, 0, results))
    maps.append(mlir.AffineMap.get(rank + 1, 0, [part, *out_map.results]))
    kinds = ["reduction" if loop == inner else "parallel" for loop in range(rank)]
    made = _generic([*operands, parts], maps, [*kinds, "parallel"])
    for name in generic.attributes:
        if name.startswith("pharos."):
            made.attributes[name] = generic.attributes[name]
    _multiply(contraction, generic, made)
    if start.fill is not None:  # beside the join, which then begins with what it writes
        start.fill.operation.move_before(generic)
    _join(parts, output, wide, start)
    generic.erase()


def _cut(
    buffer: Any, results: list[Any], inner: int, splits: int, part: Any
) -> tuple[Any, list[Any]]:
    """``buffer`` with the dimension of the inner loop in two, and its indices."""
    dimension = next((n for n, e in enumerate(results) if expression_uses(e, inner)), None)
    if dimension is None:
        return buffer, results
    kind = mlir.MemRefType(buffer.type)
    strides, offset = kind.get_strides_and_offset()
    size = kind.shape[dimension] // splits
    shape = [*kind.shape[:dimension], splits, size, *kind.shape[dimension + 1 :]]
    steps = [*strides[:dimension], strides[dimension] * size, *strides[dimension:]]
    layout = kind.layout
    if str(layout).startswith("strided"):
        layout = mlir.StridedLayoutAttr.get(offset, steps)
    else:
        layout = None
    wanted_ = mlir.MemRefType.get(shape, kind.element_type, layout, kind.memory_space)
    groups, next_ = [], 0
    for n in range(len(kind.shape)):
        groups.append([next_, next_ + 1] if n == dimension else [next_])
        next_ += len(groups[-1])
    cut = dialect("memref").ExpandShapeOp(wanted_, buffer, groups, [], shape).result
    return cut, [*results[:dimension], part, *results[dimension:]]


def _multiply(contraction: Contraction, generic: Any, made: Any) -> None:
    """The body of ``made``: both factors as they are in ``generic``, widened to the sums."""
    before, body = generic.regions[0].blocks[0], made.regions[0].blocks[0]
    known = dict(zip(before.arguments, body.arguments, strict=True))
    arith, wide = dialect("arith"), body.arguments[len(body.arguments) - 1].type
    with mlir.InsertionPoint(body):
        factors = [
            copied_value(side.value, before, known)
            for side in (contraction.left, contraction.right)
        ]
        if str(wide) == "f32":
            factors = [f if f.type == wide else arith.extf(wide, f) for f in factors]
        total = body.arguments[len(body.arguments) - 1]
        if isinstance(wide, mlir.IntegerType):
            sums = arith.addi(total, arith.muli(*factors))
        else:
            sums = arith.addf(total, arith.mulf(*factors))
        dialect("linalg").YieldOp([sums])


def _join(parts: Any, output: Any, wide: Any, start: Start) -> None:
    """Add all of ``parts`` to ``output``: in ``wide`` where that is more than it holds. ``start``
    is what ``output`` holds; zeros of a narrow one are not written."""
    kind = mlir.MemRefType(output.type)
    sums = output
    if kind.element_type != wide:
        sums = _buffer(list(kind.shape), wide)
        if start.fill is not None and start.zero:
            start.fill.operation.erase()
            _fill(sums)
        else:
            _copy(output, sums)
    rank = kind.rank
    dims = [mlir.AffineExpr.get_dim(d) for d in range(rank)]
    last = mlir.AffineExpr.get_dim(rank)
    maps = [mlir.AffineMap.get(rank + 1, 0, r) for r in ([last, *dims], dims)]
    joined = _generic([parts, sums], maps, [*(["parallel"] * rank), "reduction"])
    body, arith = joined.regions[0].blocks[0], dialect("arith")
    with mlir.InsertionPoint(body):
        a, b = body.arguments
        add = arith.addi if isinstance(wide, mlir.IntegerType) else arith.addf
        dialect("linalg").YieldOp([add(b, a)])
    if sums != output:
        _copy(sums, output)


def _copy(source: Any, target: Any) -> None:
    """Elements of f16, bf16 or f32 to those of another of them."""
    rank, arith = mlir.MemRefType(target.type).rank, dialect("arith")
    identity = mlir.AffineMap.get_identity(rank)
    made = _generic([source, target], [identity, identity], ["parallel"] * rank)
    body = made.regions[0].blocks[0]
    with mlir.InsertionPoint(body):
        a, b = body.arguments
        value = arith.extf(b.type, a) if b.type.width > a.type.width else arith.truncf(b.type, a)
        dialect("linalg").YieldOp([value])


def _fill(target: Any) -> None:
    kind = mlir.MemRefType(target.type)
    zero = scalar(kind.element_type, 0)
    made = _generic([target], [mlir.AffineMap.get_identity(kind.rank)], ["parallel"] * kind.rank)
    with mlir.InsertionPoint(made.regions[0].blocks[0]):
        dialect("linalg").YieldOp([zero])


def _buffer(shape: Sequence[int], element: Any) -> Any:
    kind = mlir.MemRefType.get(list(shape), element)
    return dialect("memref").AllocOp(kind, [], [], alignment=64).result


def _generic(operands: Sequence[Any], maps: Sequence[Any], kinds: Sequence[str]) -> Any:
    """A generic whose last operand is its output, with a body that is still empty."""
    made = dialect("linalg").GenericOp(
        [],
        list(operands[:-1]),
        [operands[-1]],
        mlir.ArrayAttr.get([mlir.AffineMapAttr.get(m) for m in maps]),
        mlir.ArrayAttr.get([mlir.Attribute.parse(f"#linalg.iterator_type<{k}>") for k in kinds]),
    )
    types = [mlir.MemRefType(o.type).element_type for o in operands]
    made.regions[0].blocks.append(*types, arg_locs=[mlir.Location.current] * len(types))
    return made
