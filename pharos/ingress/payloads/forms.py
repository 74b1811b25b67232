"""Operations in three forms: named (linalg.add), category (linalg.elementwise) and generic.

An elementwise computation is a tree: ``("add", 0, ("exp", 1))`` over operands by number, with
floats for constants. The named and category forms have one operation per node of the tree, the
generic form one for the whole tree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from pharos.ingress.payloads.writer import Value, Writer, is_float, tensor

FORMS = ("named", "category", "generic")
Tree: TypeAlias = Any

# By name: the scalar operation on floats and on integers, the kind of linalg.elementwise.
_OPERATIONS = {
    "add": ("arith.addf", "arith.addi", "add"),
    "sub": ("arith.subf", "arith.subi", "sub"),
    "mul": ("arith.mulf", "arith.muli", "mul"),
    "div": ("arith.divf", "arith.divsi", "div"),
    "max": ("arith.maximumf", "arith.maxsi", "max_signed"),
    "exp": ("math.exp", "", "exp"),
    "log": ("math.log", "", "log"),
    "tanh": ("math.tanh", "", "tanh"),
    "erf": ("math.erf", "", "erf"),
    "rsqrt": ("math.rsqrt", "", "rsqrt"),
    "negf": ("arith.negf", "", "negf"),
}
_SIGMOID: Tree = ("div", 1.0, ("add", 1.0, ("exp", ("negf", 0))))
ACTIVATIONS: dict[str, Tree] = {
    "none": 0,
    "relu": ("max", 0, 0.0),
    "sigmoid": _SIGMOID,
    "silu": ("mul", 0, _SIGMOID),
    "tanh": ("tanh", 0),
    "gelu": ("mul", ("mul", 0, 0.5), ("add", 1.0, ("erf", ("mul", 0, 0.7071067811865476)))),
}


class Forms:
    """Writes operations of one form."""

    def __init__(self, writer: Writer, form: str) -> None:
        self.writer = writer
        self.form = form

    def pointwise(self, tree: Tree, *operands: Value, dims: Sequence[Sequence[int]] = ()) -> Value:
        """``tree`` over ``operands``, of which the first has all dimensions.

        ``dims`` tells for each operand to which dimensions of the first its own belong.
        """
        shape, dtype = operands[0].shape, operands[0].dtype
        places = [tuple(d) for d in dims] or [tuple(range(len(shape)))] * len(operands)
        if not isinstance(tree, tuple):
            return operands[tree]
        if self.form == "generic":
            return self._generic(tree, operands, places)
        wide = [self._wide(v, p, shape) for v, p in zip(operands, places, strict=True)]
        return self._node(tree, wide, shape, dtype)

    def _node(self, tree: Tree, wide: Sequence[Value], shape: tuple[int, ...], dtype: str) -> Value:
        if isinstance(tree, float):
            return self.writer.filled(tree, shape, dtype)
        if not isinstance(tree, tuple):
            return wide[tree]
        operation, *parts = tree
        values = [self._node(part, wide, shape, dtype) for part in parts]
        out = self.writer.empty(shape, dtype)
        return self.writer.make(shape, dtype, f"{self._name(operation)} {_ends(values, out)}")

    def _name(self, operation: str) -> str:
        if self.form == "named":
            return f"linalg.{operation}"
        kind = _OPERATIONS[operation][2]
        return f"linalg.elementwise kind=#linalg.elementwise_kind<{kind}>"

    def _wide(self, value: Value, place: tuple[int, ...], shape: tuple[int, ...]) -> Value:
        """``value`` with all dimensions."""
        if len(place) == len(shape):
            return value
        missing = [d for d in range(len(shape)) if d not in place]
        out = self.writer.empty(shape, value.dtype)
        return self.writer.make(
            shape,
            value.dtype,
            f"linalg.broadcast ins({value.name} : {value.type}) outs({out.name} : {out.type}) "
            f"dimensions = {missing}",
        )

    def _generic(
        self, tree: Tree, operands: Sequence[Value], places: Sequence[tuple[int, ...]]
    ) -> Value:
        first = operands[0]
        out = self.writer.empty(first.shape, first.dtype)
        rank = len(first.shape)
        maps = [*places, tuple(range(rank))]
        body: list[str] = []
        result = self._scalar(tree, first.dtype, body)
        return self.generic(operands, out, maps, ["parallel"] * rank, body, result)

    def _scalar(self, tree: Tree, dtype: str, body: list[str]) -> str:
        """Write the operations of ``tree`` on scalars; the name of the result."""
        if isinstance(tree, float):
            return self.writer.constant(tree, dtype)
        if not isinstance(tree, tuple):
            return f"%x{tree}"
        operation, *parts = tree
        values = [self._scalar(part, dtype, body) for part in parts]
        name = self.writer.fresh()
        scalar = _OPERATIONS[operation][0 if is_float(dtype) else 1]
        body.append(f"{name} = {scalar} {', '.join(values)} : {dtype}")
        return name

    def generic(
        self,
        operands: Sequence[Value],
        out: Value,
        maps: Sequence[Sequence[Any]],
        kinds: Sequence[str],
        body: Sequence[str],
        result: str,
    ) -> Value:
        """A ``linalg.generic``: ``maps`` are loops (or texts of sums of loops) per dimension."""
        loops = ", ".join(f"d{n}" for n in range(len(kinds)))
        texts = [f"affine_map<({loops}) -> ({', '.join(map(_index, one))})>" for one in maps]
        named = ", ".join(f'"{kind}"' for kind in kinds)
        arguments = [f"%x{n}: {value.dtype}" for n, value in enumerate(operands)]
        lines = [
            f"linalg.generic {{indexing_maps = [{', '.join(texts)}], iterator_types = [{named}]}}",
            f"    {_operands(operands, out)} {{",
            f"  ^bb0({', '.join([*arguments, f'%out: {out.dtype}'])}):",
            *(f"    {line}" for line in body),
            f"    linalg.yield {result} : {out.dtype}",
            f"  }} -> {out.type}",
        ]
        return self.writer.make(out.shape, out.dtype, "\n  ".join(lines))

    def contract(
        self, a: Value, b: Value, start: Value, letters: tuple[str, str, str], named: str = ""
    ) -> Value:
        """The sum of products of ``a`` and ``b`` onto ``start``; ``letters`` name dimensions.

        ``named`` is the operation of the named form, with the default order of its dimensions
        ("matmul", "batch_matmul"), or one without maps.
        """
        order = "".join(dict.fromkeys(letters[2] + letters[0] + letters[1]))
        loops = ", ".join(order)
        maps = ", ".join(f"affine_map<({loops}) -> ({', '.join(one)})>" for one in letters)
        if self.form == "generic" or (self.form == "named" and not named):
            kinds = ["parallel" if one in letters[2] else "reduction" for one in order]
            places = [[order.index(one) for one in each] for each in letters]
            body, result = self.product(a, b, start)
            return self.generic([a, b], start, places, kinds, body, result)
        operation = f"linalg.{named}" if self.form == "named" else "linalg.contract"
        plain = self.form == "named" and letters in _PLAIN.get(named, [letters])
        attributes = "" if plain else f" indexing_maps = [{maps}]"
        return self.writer.make(
            start.shape, start.dtype, f"{operation}{attributes} {_ends([a, b], start)}"
        )

    def product(self, a: Value, b: Value, start: Value) -> tuple[list[str], str]:
        body: list[str] = []
        factors = []
        for number, value in enumerate((a, b)):
            name = f"%x{number}"
            if value.dtype != start.dtype:
                widened = self.writer.fresh()
                operation = "arith.extf" if is_float(value.dtype) else "arith.extsi"
                body.append(f"{widened} = {operation} {name} : {value.dtype} to {start.dtype}")
                name = widened
            factors.append(name)
        kind = 0 if is_float(start.dtype) else 1
        product, total = self.writer.fresh(), self.writer.fresh()
        body.append(f"{product} = {_OPERATIONS['mul'][kind]} {', '.join(factors)} : {start.dtype}")
        body.append(f"{total} = {_OPERATIONS['add'][kind]} %out, {product} : {start.dtype}")
        return body, total

    def reduce(self, operation: str, value: Value, axes: Sequence[int]) -> Value:
        """``value`` with ``axes`` combined by "add" or "max"."""
        kept = [d for d in range(len(value.shape)) if d not in axes]
        shape = [value.shape[d] for d in kept]
        start = self.writer.filled(0.0 if operation == "add" else float("-inf"), shape, value.dtype)
        scalar = _OPERATIONS[operation][0]
        if self.form != "generic":
            return self.writer.make(
                shape,
                value.dtype,
                f"linalg.reduce {{ {scalar} }} ins({value.name} : {value.type}) "
                f"outs({start.name} : {start.type}) dimensions = {list(axes)}",
            )
        kinds = ["reduction" if d in axes else "parallel" for d in range(len(value.shape))]
        name = self.writer.fresh()
        body = [f"{name} = {scalar} %x0, %out : {value.dtype}"]
        return self.generic([value], start, [range(len(kinds)), kept], kinds, body, name)

    def cast(self, value: Value, dtype: str) -> Value:
        """``value`` as ``dtype``; floats to floats, or integers to integers."""
        if dtype == value.dtype:
            return value
        out = self.writer.empty(value.shape, dtype)
        if self.form != "generic":
            return self.writer.make(value.shape, dtype, f"linalg.copy {_ends([value], out)}")
        rank = len(value.shape)
        name = self.writer.fresh()
        narrower = _bits(dtype) < _bits(value.dtype)
        operation = {
            (True, True): "arith.truncf",
            (True, False): "arith.extf",
            (False, True): "arith.trunci",
            (False, False): "arith.extsi",
        }[is_float(dtype), narrower]
        body = [f"{name} = {operation} %x0 : {value.dtype} to {dtype}"]
        return self.generic([value], out, [range(rank)] * 2, ["parallel"] * rank, body, name)

    def transposed(self, value: Value, order: Sequence[int]) -> Value:
        """``value`` with its dimensions in another order."""
        shape = [value.shape[d] for d in order]
        out = self.writer.empty(shape, value.dtype)
        if self.form != "generic":
            return self.writer.make(
                shape,
                value.dtype,
                f"linalg.transpose ins({value.name} : {value.type}) outs({out.name} : {out.type}) "
                f"permutation = {list(order)}",
            )
        places = [list(order).index(d) for d in range(len(order))]
        maps = [places, range(len(order))]
        return self.generic([value], out, maps, ["parallel"] * len(order), [], "%x0")


_PLAIN = {
    "matmul": [("mk", "kn", "mn")],
    "batch_matmul": [("bmk", "bkn", "bmn")],
    "mmt4d": [("mkpq", "nkrq", "mnpr")],
}


def _bits(dtype: str) -> int:
    return int(dtype.removeprefix("b")[1:])


def _index(loop: Any) -> str:
    return loop if isinstance(loop, str) else f"d{loop}"


def _operands(values: Sequence[Value], out: Value) -> str:
    if not values:
        return f"outs({out.name} : {tensor(out.shape, out.dtype)})"
    names = ", ".join(value.name for value in values)
    types = ", ".join(value.type for value in values)
    return f"ins({names} : {types}) outs({out.name} : {out.type})"


def _ends(values: Sequence[Value], out: Value) -> str:
    return f"{_operands(values, out)} -> {out.type}"
