"""The score function of an attention: from a product of query and key to what softmax takes.

Written anew wherever a kernel has a score, on scalars or on vectors of any shape:

    t = score.emit(s, place, extra)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pharos.ir.bindings import dialect, mlir
from pharos.payload.bands import Bands, number_of
from pharos.targets.common.nests.body import evaluate
from pharos.targets.common.nests.nest import Nest

Place = Callable[[int], Any]
"""From a loop (m, n or a batch loop) to its number: an index, or a vector of them."""
Extra = Callable[[int], Any]
"""From the number of an extra (0 for the first) to its element or elements, of its own type."""


@dataclass(frozen=True)
class Score:
    """``value``, computed in a body from the product ``product``; both are f32.

    ``places`` are the loops whose numbers it needs, ``used`` the extras, ``outside`` the values
    from outside the body that are no constants. ``factor`` is the number that the product is
    multiplied with first (1 if there is none), and ``scaled`` the value after it.
    """

    nest: Nest
    product: Any
    value: Any
    scaled: Any
    factor: float
    places: tuple[int, ...]
    used: tuple[int, ...]
    outside: tuple[Any, ...]

    @property
    def plain(self) -> bool:
        """Whether the score is the product times ``factor`` and nothing else."""
        return bool(self.value == self.scaled)

    def emit(
        self,
        product: Any,
        place: Place,
        extra: Extra,
        *,
        outside: Callable[[Any], Any] = lambda value: value,
        scaled: bool = False,
        band: tuple[int | None, int | None] | None = None,
    ) -> Any:
        """The score of ``product``, a scalar or a vector of f32, at the insertion point.

        Scalars among what ``place`` and ``extra`` give stand for all lanes. ``scaled`` says that
        ``product`` was multiplied by ``factor`` already. ``band`` is (causal, window) in a tile
        whose queries see all of its keys (``AttentionSite.open_tile``): comparisons which that
        settles are not made.
        """
        known = {self.scaled if scaled else self.product: product}
        for number in self.used:
            known[self._argument(number)] = extra(number)
        for operation in self._operations("linalg.index"):
            if operation.attributes["dim"].value in self.places:
                known[operation.results[0]] = place(operation.attributes["dim"].value)
        known.update((value, outside(value)) for value in self.outside)
        known.update(self._settled(band) if band is not None else {})
        type_ = product.type
        shape = list(type_.shape) if isinstance(type_, mlir.VectorType) else [1]
        return evaluate(self.value, known, shape)

    def _argument(self, number: int) -> Any:
        return self.nest.body.arguments[3 + number]

    def _operations(self, name: str) -> list[Any]:
        inner = [one.operation for one in self.nest.body.operations]
        return [one for one in inner if one.name == name]

    def _settled(self, band: tuple[int | None, int | None]) -> dict[Any, Any]:
        """The comparisons that have one answer where every query of a tile sees every key."""
        causal, window = band
        m = len(self.nest.parallel) - 4
        bands = Bands(m, m + 1, {d: self.nest.size(d) for d in range(m + 2)})
        found = {}
        for operation in self._operations("arith.cmpi"):
            answer = _answer(*bands.truth(operation.results[0]), causal, window)
            if answer is not None:
                type_ = mlir.IntegerType.get_signless(1)
                found[operation.results[0]] = dialect("arith").constant(type_, int(answer))
        return found


def _answer(holds: Any, fails: Any, causal: int | None, window: int | None) -> bool | None:
    """What a comparison is for ``d`` from causal - window + 1 to causal, if that is certain."""
    for sides, answer in ((holds, True), (fails, False)):
        low = causal - window + 1 if causal is not None and window is not None else None
        if low is not None and sides.above < low:
            return answer
        if causal is not None and sides.below > causal:
            return answer
    return None


def read_score(nest: Nest, sink: str) -> Score | None:
    """The score function in the body of ``nest``; None when the body has another form."""
    operations = [one.operation for one in nest.body.operations]
    end = operations[-1]
    call = end.operands[0].owner if len(end.operands) == 1 else None
    if call is None or isinstance(call, mlir.Block) or call.name != "func.call":
        return None
    arguments = list(nest.body.arguments)
    if not str(call.attributes["callee"].value).startswith(sink):
        return None
    value, weighted, before = call.operands
    if weighted != arguments[2] or before != arguments[-1] or str(value.type) != "f32":
        return None
    product = _product(operations, arguments[0], arguments[1])
    if product is None:
        return None
    return _score(nest, product, value)


def _product(operations: list[Any], query: Any, key: Any) -> Any | None:
    """The first product of both arguments, widened or not."""
    for operation in operations:
        if operation.name != "arith.mulf" or str(operation.results[0].type) != "f32":
            continue
        if {_unwidened(one) for one in operation.operands} == {query, key}:
            return operation.results[0]
    return None


def _unwidened(value: Any) -> Any:
    owner = value.owner
    if not isinstance(owner, mlir.Block) and owner.name == "arith.extf":
        return owner.operands[0]
    return value


def _score(nest: Nest, product: Any, value: Any) -> Score | None:
    body = nest.body
    reached = _reached(value, product, body)
    if reached is None:
        return None
    operations, leaves = reached
    arguments = list(body.arguments)
    if any(leaf in (*arguments[:3], arguments[-1]) for leaf in leaves):
        return None
    places = {o.attributes["dim"].value for o in operations if o.name == "linalg.index"}
    if places & {len(nest.parallel) - 2, len(nest.parallel) - 1}:
        return None
    own = [leaf for leaf in leaves if leaf in arguments]
    scaled, factor = _scaled(product, [o for o in operations if o.name == "arith.mulf"])
    return Score(
        nest, product, value, scaled, factor,
        places=tuple(sorted(places)),
        used=tuple(sorted(arguments.index(leaf) - 3 for leaf in own)),
        outside=tuple(leaf for leaf in leaves if leaf not in arguments),
    )  # fmt: skip


def _reached(value: Any, product: Any, body: Any) -> tuple[list[Any], list[Any]] | None:
    """The operations of ``body`` between ``product`` and ``value``, and the values that they take
    from elsewhere, constants left out; None when one is not of arith or math."""
    operations: list[Any] = []
    leaves: list[Any] = []
    seen = {product}
    pending = [value]
    while pending:
        one = pending.pop()
        if one in seen or number_of(one) is not None:
            continue
        seen.add(one)
        owner = one.owner
        if isinstance(owner, mlir.Block) or owner.operation.block != body:
            leaves.append(one)
            continue
        if owner.name != "linalg.index" and owner.name.split(".")[0] not in ("arith", "math"):
            return None
        operations.append(owner.operation)
        pending.extend(owner.operands)
    return operations, leaves


def _scaled(product: Any, products: list[Any]) -> tuple[Any, float]:
    """``product`` times a number, if that is all that is done with it, and the number."""
    uses = list(product.uses)
    if len(uses) == 1:
        user = uses[0].owner.operation
        if user in products:
            others = [number_of(one) for one in user.operands if one != product]
            if len(others) == 1 and others[0] is not None:
                return user.results[0], others[0]
    return product, 1.0
