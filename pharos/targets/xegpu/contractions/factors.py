"""The pipeline step that computes the factors of products before them.

    linalg.generic {out + max(x + b, 0) * w} ins(%x, %b, %w) outs(%c)
      ==>
    %f = memref.alloc()
    linalg.generic {max(x + b, 0)} ins(%x, %b) outs(%f)
    linalg.generic {out + f * w} ins(%f, %w) outs(%c)

Fusion of elementwise operations moves what follows one layer into the product of the next. Matrix
instructions multiply what block loads bring, so there it goes back, and on into the kernel of the
layer that it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.contractions.contraction import Contraction, Factor
from pharos.targets.common.contractions.gpu_stage import contractions
from pharos.targets.common.nests.body import copied_value
from pharos.targets.common.nests.memory import root
from pharos.targets.common.nests.sharing import may_share

_NARROW = ("f16", "bf16")
_WIDENING = "arith.extf"


@dataclass(frozen=True)
class XeGpuFactors:
    """Compute f16 and bf16 factors of products apart; others are left in the product."""

    name: ClassVar[str] = "xegpu-factors"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Rewrite ``module`` in place."""
        with module.context, mlir.Location.unknown():
            for contraction in list(contractions(module)):
                values = [_computed(f) for f in (contraction.left, contraction.right)]
                if any(value is not None for value in values):
                    _rewrite(contraction, values)
        return module


def _computed(factor: Factor) -> Any | None:
    """The narrow value of the body that ``factor`` is, widened or not; None when it is read as it
    is, or computed in f32."""
    value = factor.value
    while not isinstance(value.owner, mlir.Block) and value.owner.name == _WIDENING:
        value = value.owner.operands[0]
    if isinstance(value.owner, mlir.Block) or str(value.type) not in _NARROW:
        return None
    if not any(operand.steps() for operand in factor.operands):
        return None
    return value


def _rewrite(contraction: Contraction, values: Sequence[Any]) -> None:
    generic = contraction.nest.operation.operation
    made = []
    for factor, value in zip((contraction.left, contraction.right), values, strict=True):
        if value is not None:
            anchor = _earliest(generic, [operand.buffer for operand in factor.operands])
            with generic.location, mlir.InsertionPoint(anchor):
                made.append((value, *_made(contraction, factor, value)))
    with generic.location, mlir.InsertionPoint(generic):
        _replace(generic, made)


def _earliest(generic: Any, sources: Sequence[Any]) -> Any:
    """The operation before which ``sources`` have what ``generic`` reads of them: behind what wrote
    them, so that it can become part of that."""
    memory = [root(source) for source in sources]
    block = [o.operation for o in generic.block.operations]
    anchor = generic
    for operation in reversed(block[: block.index(generic)]):
        if operation.name not in ("memref.alloc", "linalg.generic"):
            break
        made = any(result in (*sources, *memory) for result in operation.results)
        buffers = [o for o in operation.operands if isinstance(o.type, mlir.MemRefType)]
        shared = any(may_share(buffer, source) for buffer in buffers for source in sources)
        if made or shared or _captures(operation):
            break
        anchor = operation
    return anchor


def _captures(operation: Any) -> bool:
    """Whether the body of a generic may do more than compute with its arguments."""
    inner = [o.operation for r in operation.regions for b in r.blocks for o in b.operations]
    return not all(o.name.startswith(("arith.", "math.", "linalg.")) for o in inner)


def _made(contraction: Contraction, factor: Factor, value: Any) -> tuple[Any, tuple[int, ...]]:
    """A buffer with ``value`` for every step of the loops that it depends on, and these loops,
    slowest first as the operand with most of them has it."""
    operand = max(factor.operands, key=lambda o: len(o.steps()))
    used = {loop for o in factor.operands for loop in o.steps()}
    steps = operand.steps()
    loops = tuple(sorted(used, key=lambda loop: (-(steps.get(loop) or 0), loop)))
    shape = [contraction.sizes[loop] or 1 for loop in loops]
    kind = mlir.MemRefType.get(shape, value.type)
    buffer = dialect("memref").AllocOp(kind, [], [], alignment=64).result
    generic = contraction.nest.operation.operation
    numbers = [mlir.BlockArgument(a).arg_number for a in factor.arguments]
    renamed = _renaming(generic, loops)
    maps = [renamed(_maps(generic)[number]) for number in numbers]
    maps.append(mlir.AffineMap.get_identity(len(loops)))
    sources = [generic.operands[number] for number in numbers]
    new = _generic([*sources, buffer], maps, ["parallel"] * len(loops))
    block = new.regions[0].blocks[0]
    known = dict(zip(factor.arguments, block.arguments, strict=False))
    with mlir.InsertionPoint(block):
        dialect("linalg").YieldOp([copied_value(value, generic.regions[0].blocks[0], known)])
    return buffer, loops


def _replace(generic: Any, made: Sequence[tuple[Any, Any, tuple[int, ...]]]) -> None:
    """``generic`` with the buffers ``made`` as inputs in place of the values they have, and
    without inputs that nothing uses then."""
    body = generic.regions[0].blocks[0]
    inputs = len(body.arguments) - 1
    rank = len(list(generic.attributes["iterator_types"]))
    extra = []
    for value, _, _ in made:
        argument = body.add_argument(value.type, generic.location)
        value.replace_all_uses_with(argument)
        extra.append(argument)
    _erase_unused(body)
    kept = [n for n in range(inputs) if list(body.arguments[n].uses)]
    maps, operands = _maps(generic), list(generic.operands)
    more = [mlir.AffineMap.get(rank, 0, [mlir.AffineExpr.get_dim(d) for d in m[2]]) for m in made]
    kinds = [str(k).split("<")[1].rstrip(">") for k in generic.attributes["iterator_types"]]
    new = _generic(
        [*(operands[n] for n in kept), *(m[1] for m in made), operands[inputs]],
        [*(maps[n] for n in kept), *more, maps[inputs]],
        kinds,
    )
    for name in generic.attributes:
        if name not in new.attributes:
            new.attributes[name] = generic.attributes[name]
    block = new.regions[0].blocks[0]
    old = [*(body.arguments[n] for n in kept), *extra, body.arguments[inputs]]
    for before, after in zip(old, block.arguments, strict=True):
        before.replace_all_uses_with(after)
    for operation in [o.operation for o in body.operations]:
        block.append(operation)
    generic.erase()


def _erase_unused(body: Any) -> None:
    for operation in reversed([o.operation for o in body.operations][:-1]):
        if not any(list(result.uses) for result in operation.results):
            operation.erase()


def _maps(generic: Any) -> list[Any]:
    return [attribute.value for attribute in generic.attributes["indexing_maps"]]


def _renaming(generic: Any, loops: Sequence[int]) -> Any:
    """From a map over the loops of ``generic`` to the same over ``loops`` only."""
    numbers = {loop: number for number, loop in enumerate(loops)}

    def rename(map_: Any) -> Any:
        # Loops that are not among them run once.
        zero = mlir.AffineExpr.get_constant(0)
        dims = [
            mlir.AffineExpr.get_dim(numbers[d]) if d in numbers else zero
            for d in range(map_.n_dims)
        ]
        given = mlir.AffineMap.get(len(loops), 0, dims)
        return mlir.AffineMap.get(len(loops), 0, [e.compose(given) for e in map_.results])

    return rename


def _generic(operands: Sequence[Any], maps: Sequence[Any], kinds: Sequence[str]) -> Any:
    """A ``linalg.generic`` on memrefs, the last one written, whose body has only its arguments."""
    words = [mlir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]
    made = mlir.Operation.create(
        "linalg.generic",
        operands=list(operands),
        attributes={
            "indexing_maps": mlir.ArrayAttr.get([mlir.AffineMapAttr.get(m) for m in maps]),
            "iterator_types": mlir.ArrayAttr.get(words),
            "operandSegmentSizes": mlir.DenseI32ArrayAttr.get([len(operands) - 1, 1]),
        },
        regions=1,
    )
    elements = [mlir.MemRefType(operand.type).element_type for operand in operands]
    made.regions[0].blocks.append(*elements, arg_locs=[made.location] * len(elements))
    return made
