"""From the operations of an attention to the one that stands for it.

%s = product(%q, %k)                     %o = linalg.generic {pharos.attention = {...}}
%p = softmax(score(%s, masks))    ==>         ins(%q, %k, %v, masks) outs(%empty) {
%o = product(%p, %v)                            s = q * k; t = score(s)
                                                yield call @pharos.softmax_weighted_sum(t, v, o)
                                              }
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pharos.ir import PARAMETERS
from pharos.ir.bindings import dialect, mlir
from pharos.payload.attention import Form, Term
from pharos.payload.bands import EVERYWHERE, NOWHERE, Bands, Sides
from pharos.payload.maps import Size
from pharos.transform.attention.operands import operand, reshape
from pharos.transform.attention.region import declare_sink, write_body

ATTENTION = "pharos.attention"


def _erase(operation: Any) -> None:
    operation.erase()


def fuse(form: Form, module: Any, erase: Callable[[Any], None] = _erase) -> Any:
    """Replace the second product of ``form`` by the fused operation, which is returned; operations
    that nobody needs any more are erased by ``erase``. Everything is on tensors of ``module``."""
    old = form.values.operation
    with old.location, mlir.InsertionPoint(old):
        read = [
            operand(form.query, ("m", "k"), form.sizes),
            operand(form.key, ("n", "k"), form.sizes),
            operand(form.value, ("n", "v"), form.sizes),
            *(operand(source, (), form.sizes) for _, source in form.extras),
        ]
        element = mlir.RankedTensorType(old.results[0].type).element_type
        value = mlir.RankedTensorType(read[2][0].type).element_type
        declare_sink(module, value, element)
        out = tuple(symbol for digits in form.result for symbol, _ in digits)
        new = _operation(form, read, out, element)
        result = _reshaped_back(form, new.results[0], old.results[0].type)
    if PARAMETERS in old.attributes:
        new.attributes[PARAMETERS] = old.attributes[PARAMETERS]
    old.results[0].replace_all_uses_with(result)
    erase_dead(old, erase)
    return new


def _operation(form: Form, read: Sequence[tuple[Any, Any]], out: Any, element: Any) -> Any:
    symbols = list(form.sizes)
    values = [value for value, _ in read]
    known = dict(zip([s for _, one in read for s in one], _sizes(values), strict=True))
    empty = _empty([form.sizes[s] for s in out], [known[s] for s in out], element)
    kinds = ["reduction" if s in ("n", "k") else "parallel" for s in symbols]
    maps = [_map(symbols, one) for one in (*(s for _, s in read), out)]
    attributes = {
        "indexing_maps": mlir.ArrayAttr.get([mlir.AffineMapAttr.get(m) for m in maps]),
        "iterator_types": mlir.ArrayAttr.get(
            [mlir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]
        ),
        "operandSegmentSizes": mlir.DenseI32ArrayAttr.get([len(values), 1]),
    }
    new = mlir.Operation.create(
        "linalg.generic", results=[empty.type], operands=[*values, empty],
        attributes=attributes, regions=1,
    )  # fmt: skip
    types = [mlir.RankedTensorType(v.type).element_type for v in (*values, empty)]
    location = mlir.Location.current
    block = new.regions[0].blocks.append(*types, arg_locs=[location] * len(types))
    outside: dict[Term, Any] = dict(form.outside)
    score = write_body(form, block, symbols, outside)
    new.attributes[ATTENTION] = _described(form, score, symbols)
    return new


def _map(symbols: Sequence[str], own: Sequence[str]) -> Any:
    dims = [mlir.AffineExpr.get_dim(symbols.index(s)) for s in own]
    return mlir.AffineMap.get(len(symbols), 0, dims)


def _sizes(values: Sequence[Any]) -> list[tuple[Any, int]]:
    """Every dimension of ``values``, as the value and its number."""
    return [(v, d) for v in values for d in range(mlir.RankedTensorType(v.type).rank)]


def _empty(sizes: Sequence[Size], known: Sequence[tuple[Any, int]], element: Any) -> Any:
    tensor = dialect("tensor")
    dynamic = []
    for size, (value, dim) in zip(sizes, known, strict=True):
        if size is None:
            at = dialect("arith").ConstantOp(mlir.IndexType.get(), dim).result
            dynamic.append(tensor.DimOp(value, at).result)
    shape = [mlir.ShapedType.get_dynamic_size() if s is None else s for s in sizes]
    type_ = mlir.RankedTensorType.get(shape, element)
    return mlir.Operation.create("tensor.empty", results=[type_], operands=dynamic).results[0]


def _reshaped_back(form: Form, value: Any, type_: Any) -> Any:
    """The result with the dimensions that the second product gave it."""
    if value.type == type_:
        return value
    groups, at = [], 0
    for digits in form.result:
        groups.append(list(range(at, at + len(digits))))
        at += len(digits)
    if all(len(group) == 1 for group in groups):
        return dialect("tensor").CastOp(type_, value).result
    return reshape(value, list(mlir.RankedTensorType(type_).shape), groups, expand=False)


def _described(form: Form, score: Any, symbols: Sequence[str]) -> Any:
    """The attribute: what is known of the scores that are minus infinity."""
    m, n = symbols.index("m"), symbols.index("n")
    causal, window = _band(form, Bands(m, n, dict(enumerate(form.sizes.values()))), score)
    i64 = mlir.IntegerType.get_signless(64)
    found = {"empty_rows": mlir.StringAttr.get(form.empty_rows)}
    if causal is not None:
        found["causal"] = mlir.IntegerAttr.get(i64, causal)
    if window is not None:
        found["window"] = mlir.IntegerAttr.get(i64, window)
    return mlir.DictAttr.get(found)


def _band(form: Form, bands: Bands, score: Any) -> tuple[int | None, int | None]:
    """``causal`` and ``window`` of the attribute; None where nothing is known or hidden."""
    queries, keys = form.sizes["m"], form.sizes["n"]
    sides = bands.low(score)
    if not form.extras:
        # Masks that fill with a large number; a row without any key would be their mean.
        wide = bands.low(score, enormous=True)
        sides = wide if _all_see(wide, queries, keys) else sides
    if sides == EVERYWHERE:
        return None, None
    causal = sides.above if sides.above < NOWHERE.above else None
    if causal is not None and keys is not None and causal >= keys - 1:
        causal = None
    first = sides.below if sides.below > NOWHERE.below else None
    if first is not None and queries is not None and first <= 1 - queries:
        first = None
    if first is None:
        return causal, None
    last = causal if causal is not None else None if keys is None else keys - 1
    return (None, None) if last is None else (last, max(last - first + 1, 0))


def _all_see(sides: Sides, queries: Size, keys: Size) -> bool:
    """Whether every query has a key that is not hidden."""
    if sides.above < max(0, sides.below):
        return False
    if sides.below == NOWHERE.below:
        return True
    return queries is not None and keys is not None and queries - 1 + sides.below <= keys - 1


def erase_dead(operation: Any, erase: Callable[[Any], None]) -> None:
    """Erase ``operation``, and what only it needed."""
    pending = [operation]
    while pending:
        one = pending.pop()
        if any(list(result.uses) for result in one.results) or not _harmless(one):
            continue
        sources = []
        for value in dict.fromkeys([*one.operands, *_captured(one)]):
            owner = value.owner
            if not isinstance(owner, mlir.Block):
                sources.append(owner.operation)
        erase(one)
        pending += [s for n, s in enumerate(sources) if s not in sources[:n] + pending]


def _captured(operation: Any) -> list[Any]:
    """Values of outside that the body of a linalg operation uses."""
    return [
        value
        for region in operation.regions
        for block in region.blocks
        for inner in block.operations
        for value in inner.operation.operands
        if not isinstance(value.owner, mlir.Block) and value.owner.operation.block != block
    ]


def _harmless(operation: Any) -> bool:
    name = operation.name
    if not operation.results or ATTENTION in operation.attributes:
        return False
    return name.startswith(("linalg.", "tensor.", "arith."))
