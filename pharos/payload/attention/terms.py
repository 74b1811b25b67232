"""One element of a value as a term: what it was computed from, each operation as it is written.

    ("number", 0.5, "f32")            a constant
    ("place", digits)                 the number of a loop, from linalg.index
    ("leaf", identity, place)         an element of something that is not looked into
    ("apply", name, attributes, type, terms...)
    ("reduce", name, term, digit, start)

Elementwise operations, reductions of one input, reshapes, transpositions are seen through.
Terms are interned: equal terms have equal numbers. Conversions between float types are left out,
for what is computed here is computed in f32; integers keep theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from pharos.ir.bindings import mlir
from pharos.payload.attention.places import Dimension, Place, Split, reached, reshaped
from pharos.payload.bodies import scalar_constant
from pharos.payload.contraction import contraction_of
from pharos.payload.graph import Node, Read
from pharos.payload.maps import element_of, shape_of
from pharos.payload.structured import Structured

Term: TypeAlias = int
FLOATS = ("f16", "bf16", "f32", "f64")
_DEEP = 100
_SAFE = (
    "addf", "subf", "mulf", "divf", "negf", "maximumf", "minimumf", "maxnumf", "minnumf", "cmpf",
    "addi", "subi", "muli", "maxsi", "minsi", "maxui", "minui", "cmpi", "andi", "ori", "xori",
    "select", "extsi", "extui", "trunci", "index_cast", "index_castui", "sitofp", "uitofp",
)  # fmt: skip
_SAFE_MATH = ("exp", "exp2", "tanh", "absf", "sqrt", "rsqrt", "log", "log2", "absi")


class Terms:
    """The terms of one function's values."""

    def __init__(self) -> None:
        self._forms: list[tuple[Any, ...]] = []
        self._numbers: dict[tuple[Any, ...], Term] = {}
        self._known: dict[tuple[Any, ...], Term] = {}
        self.operations: dict[Term, Any] = {}
        self.reads: dict[Term, tuple[Read, Place]] = {}
        self.seen: dict[Node, None] = {}
        """The nodes that were looked into, in no order."""

    def form(self, term: Term) -> tuple[Any, ...]:
        """What ``term`` is."""
        return self._forms[term]

    def make(self, *form: Any) -> Term:
        """The number of this term."""
        number = self._numbers.get(form)
        if number is None:
            number = self._numbers[form] = len(self._forms)
            self._forms.append(form)
        return number

    def applied(self, term: Term, *names: str) -> tuple[Term, ...] | None:
        """The arguments of ``term`` if it applies an operation of one of these names."""
        form = self._forms[term]
        return form[4:] if form[0] == "apply" and form[1] in names else None

    def number(self, term: Term) -> float | None:
        """The value of a constant; None for anything else."""
        form = self._forms[term]
        return form[1] if form[0] == "number" else None

    def element(self, read: Read, place: Place, deep: int = 0) -> Term:
        """Element ``place`` of what ``read`` holds."""
        key = (read.node, read.output, read.value if read.node is None else None, read.same, place)
        if key not in self._known:
            found = self._inside(read, place, deep)
            self._known[key] = self.leaf(read, place) if found is None else found
        return self._known[key]

    def leaf(self, read: Read, place: Place) -> Term:
        """Element ``place`` of something that is not looked into."""
        source = read.value if read.node is None else (read.node, read.output, read.same)
        term = self.make("leaf", source, place)
        self.reads.setdefault(term, (read, place))
        return term

    def _inside(self, read: Read, place: Place, deep: int) -> Term | None:
        constant = scalar_constant(read.value)
        if constant is not None:
            return self.make("number", constant, element_of(read.value.type))
        node = read.node
        if node is None or not read.same or deep > _DEEP:
            return None
        if node.structured is not None:
            return self._structured(node, node.structured, read.output, place, deep)
        found: Term | None = None
        if node.name in ("tensor.expand_shape", "tensor.collapse_shape"):
            source = reshaped(node.operation, place)
            found = None if source is None else self.element(node.reads[0], source, deep + 1)
        elif node.name == "tensor.cast":
            found = self.element(node.reads[0], place, deep + 1)
        elif node.name == "linalg.softmax":
            found = self._softmax(node, place, deep)
        if found is not None:
            self.seen[node] = None
        return found

    def _structured(
        self, node: Node, nest: Structured, output: int, place: Place, deep: int
    ) -> Term | None:
        if nest.reductions and (nest.inputs != 1 or contraction_of(node) is not None):
            return None
        loops = _loops(nest, output, place)
        if loops is None or not _simple(nest):
            return None
        bound = _bind(nest, loops, place)
        arguments: list[Term] = []
        for number, (read, access) in enumerate(zip(node.reads, nest.accesses, strict=True)):
            where = reached(access, loops, shape_of(read.value.type))
            if where is None:
                return None
            carried = nest.reductions and number >= nest.inputs
            arguments.append(
                self.make("carried", number - nest.inputs)
                if carried
                else self.element(read, where, deep + 1)
            )
        made = self._body(nest, arguments, loops)[output]
        if nest.reductions:
            if len(bound) != 1:
                return None
            start = self.element(node.reads[nest.inputs + output], place, deep + 1)
            reduced = self._reduced(made, output, bound[0], start)
            if reduced is None:
                return None
            made = reduced
        self.seen[node] = None
        return made

    def _reduced(self, made: Term, output: int, bound: Dimension, start: Term) -> Term | None:
        form = self._forms[made]
        carried = self.make("carried", output)
        if form[0] != "apply" or carried not in form[4:] or len(form) != 6:
            return None
        over = form[5] if form[4] == carried else form[4]
        return None if over == carried else self.make("reduce", form[1], over, bound, start)

    def _softmax(self, node: Node, place: Place, deep: int) -> Term:
        """``linalg.softmax`` as what its definition says."""
        axis = mlir.IntegerAttr(node.operation.attributes["dimension"]).value
        used = _binders(place)

        def at(digit: Dimension) -> Term:
            return self.element(node.reads[0], (*place[:axis], digit, *place[axis + 1 :]), deep + 1)

        size = shape_of(node.reads[0].value.type)[axis]
        first, second = (((f"r{used + n}", size),) for n in (0, 1))
        low, zero = self.make("number", -float("inf"), "f32"), self.make("number", 0.0, "f32")

        def weight(digit: Dimension, inner: Dimension) -> Term:
            most = self.make("reduce", "arith.maximumf", at(inner), inner, low)
            shifted = self.make("apply", "arith.subf", "", "f32", at(digit), most)
            return self.make("apply", "math.exp", "", "f32", shifted)

        total = self.make("reduce", "arith.addf", weight(first, second), first, zero)
        above = weight(place[axis], first if place[axis] != first else second)
        return self.make("apply", "arith.divf", "", "f32", above, total)

    def _body(
        self, nest: Structured, arguments: Sequence[Term], loops: Sequence[Dimension | None]
    ) -> list[Term]:
        known: dict[Any, Term] = dict(zip(nest.body.arguments, arguments, strict=True))

        def of(value: Any) -> Term:
            if value not in known:
                known[value] = self._scalar(value)
            return known[value]

        operations = [one.operation for one in nest.body.operations]
        for operation in operations[:-1]:
            result = operation.results[0]
            if operation.name == "linalg.index":
                known[result] = self.make("place", loops[operation.attributes["dim"].value])
            elif operation.name == "arith.constant":
                known[result] = self._scalar(result)
            elif operation.name in ("arith.extf", "arith.truncf"):
                known[result] = of(operation.operands[0])
            else:
                known[result] = self._apply(operation, [of(v) for v in operation.operands])
        return [of(value) for value in operations[-1].operands]

    def _scalar(self, value: Any) -> Term:
        constant = scalar_constant(value)
        if constant is not None:
            return self.make("number", constant, element_of(value.type))
        owner = value.owner
        if not isinstance(owner, mlir.Block) and owner.name in ("arith.extf", "arith.truncf"):
            return self._scalar(owner.operands[0])
        return self.leaf(Read(None, 0, value), ())

    def _apply(self, operation: Any, arguments: list[Term]) -> Term:
        attributes = tuple(f"{name}={operation.attributes[name]}" for name in operation.attributes)
        kind = element_of(operation.results[0].type)
        term = self.make("apply", operation.name, attributes, kind, *arguments)
        self.operations.setdefault(term, operation)
        return term


def _simple(nest: Structured) -> bool:
    """Whether the body has only operations that mean the same wherever they are written."""
    for one in list(nest.body.operations)[:-1]:
        dialect, _, name = one.operation.name.partition(".")
        known = _SAFE if dialect == "arith" else _SAFE_MATH if dialect == "math" else ()
        if one.operation.name in ("linalg.index", "arith.constant", "arith.extf", "arith.truncf"):
            continue
        if name not in known:
            return False
    return True


def _loops(nest: Structured, output: int, place: Place) -> list[Dimension | None] | None:
    """The place of each parallel loop; None when the output does not show one."""
    loops: list[Dimension | None] = [None] * nest.loops
    for index, digits in zip(nest.outputs[output], place, strict=True):
        if index is None or (index.terms and index.loop is None):
            return None
        if index.loop is not None:
            loops[index.loop] = digits
    if any(loops[d] is None for d in nest.parallel):
        return None
    return loops


def _binders(place: Place) -> int:
    return sum(digit[0].startswith("r") for digits in place for digit in digits)


def _bind(nest: Structured, loops: list[Dimension | None], place: Place) -> list[Dimension]:
    """Give each reduction loop a digit that ``place`` does not use."""
    used = _binders(place)
    found = []
    for number, loop in enumerate(sorted(nest.reductions)):
        digits: Dimension = ((f"r{used + number}", nest.sizes[loop]),)
        loops[loop] = digits
        found.append(digits)
    return found


__all__ = ["FLOATS", "Split", "Term", "Terms"]
