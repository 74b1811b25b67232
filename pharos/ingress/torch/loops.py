"""The steps of recurrent layers as loops: ``torch.operator "torch.pharos.lstm"`` and the like.

Each becomes a function with a loop, written in the torch dialect, and is then inlined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pharos import ir
from pharos.ir.bindings import mlir

_INLINE = "inline,symbol-dce"


def write_loops(module: Any) -> None:
    """Replace the operators of recurrent layers in ``module``, in the torch dialect."""
    found = [
        operation
        for operation in ir.operations(module, "torch.operator")
        if operation.attributes["name"].value in _STEPS
    ]
    for number, operation in enumerate(found):
        _call(module, operation, f"pharos_steps_{number}")
    if found:
        ir.run_passes(module, _INLINE)


def _call(module: Any, operation: Any, name: str) -> None:
    """A call of function ``name``, which is made, in the place of ``operation``."""
    operands = list(operation.operands)
    results = [result.type for result in operation.results]
    text = _function(name, operation.attributes["name"].value, operands, results)
    with module.context, operation.location:
        module.body.append(mlir.Operation.parse(text))
        with mlir.InsertionPoint(operation):
            callee = {"callee": mlir.FlatSymbolRefAttr.get(name)}
            call = mlir.Operation.create("func.call", results, operands, callee)
    for result, new in zip(list(operation.results), list(call.results), strict=True):
        result.replace_all_uses_with(new)
    operation.erase()


def _function(name: str, operator: str, operands: list[Any], results: list[Any]) -> str:
    """``@name(gates, *states, weight, bias) -> (outputs, *states)``: the loop over positions."""
    kinds = [str(operand.type) for operand in operands]
    out_kind, *state_kinds = map(str, results)
    states = [f"%s{n}" for n in range(len(state_kinds))]
    names = ["%gates", *(f"%start{n}" for n in range(len(state_kinds))), "%weight", "%bias"]
    parameters = ", ".join(f"{n}: {kind}" for n, kind in zip(names, kinds, strict=True))
    positions = _sizes(kinds[0])[0]
    carried = ", ".join([out_kind, *state_kinds])
    arguments = ", ".join(
        f"{n}: {kind}" for n, kind in zip(["%out", *states], [out_kind, *state_kinds], strict=True)
    )
    step = _Step(kinds[0], state_kinds[0], kinds[-1])
    after = _STEPS[operator](step, states)
    count = len(state_kinds) + 1
    return f"""
func.func private @{name}({parameters}) -> ({carried}) {{
  %true = torch.constant.bool true
  %none = torch.constant.none
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %length = torch.constant.int {positions}
  {_list_of_sizes(_sizes(out_kind))}
  %memory = torch.aten.empty.memory_format %sizes, %none, %none, %none, %none, %none
    : !torch.list<int>, !torch.none, !torch.none, !torch.none, !torch.none, !torch.none
    -> {out_kind}
  %turned = torch.aten.t %weight : {kinds[-2]} -> {step.weight}
  %last:{count} = torch.prim.Loop %length, %true, init(%memory, {", ".join(names[1:-2])}) {{
  ^bb0(%i: !torch.int, {arguments}):
    %gate = torch.aten.select.int %gates, %zero, %i
      : {kinds[0]}, !torch.int, !torch.int -> {step.row}
    {step.text}
    %rows = torch.aten.unsqueeze {after[0]}, %zero : {step.state}, !torch.int -> {step.rows}
    %next = torch.aten.add.int %i, %one : !torch.int, !torch.int -> !torch.int
    %filled = torch.aten.slice_scatter %out, %rows, %zero, %i, %next, %one
      : {out_kind}, {step.rows}, !torch.int, !torch.int, !torch.int, !torch.int -> {out_kind}
    torch.prim.Loop.condition %true, iter(%filled, {", ".join(after)} : {carried})
  }} : (!torch.int, !torch.bool, {carried}) -> ({carried})
  return {", ".join(f"%last#{n}" for n in range(count))} : {carried}
}}"""


class _Step:
    """The text of one step, value by value. ``row`` is the type of a position of the gates,
    ``state`` that of a state (B, H), ``rows`` that of one position of the outputs."""

    def __init__(self, gates: str, state: str, bias: str) -> None:
        batch, width = _sizes(gates)[1:]
        self.state, self.bias = state, bias
        self.hidden = _sizes(state)[1]
        self.element = state.rsplit(",", 1)[1].rstrip(">")
        self.row = self._kind(batch, width)
        self.rows = self._kind(1, batch, self.hidden)
        self.weight = self._kind(self.hidden, width)
        self.lines: list[str] = []

    @property
    def text(self) -> str:
        return "\n    ".join(self.lines)

    def of(self, operator: str, *values: str) -> str:
        """``operator`` on states."""
        kinds = ", ".join([self.state] * len(values))
        return self._new(f"torch.aten.{operator} {', '.join(values)} : {kinds} -> {self.state}")

    def add(self, left: str, right: str, kind: str = "", operator: str = "add") -> str:
        kind = kind or self.state
        kinds = f"{kind}, {kind}, !torch.int -> {kind}"
        return self._new(f"torch.aten.{operator}.Tensor {left}, {right}, %one : {kinds}")

    def subtract(self, left: str, right: str) -> str:
        return self.add(left, right, operator="sub")

    def own_gates(self, state: str) -> str:
        """What the last state gives to the gates."""
        kinds = f"{self.state}, {self.weight} -> {self.row}"
        product = self._new(f"torch.aten.mm {state}, %turned : {kinds}")
        if self.bias == "!torch.none":
            return product
        kinds = f"{self.row}, {self.bias}, !torch.int -> {self.row}"
        return self._new(f"torch.aten.add.Tensor {product}, %bias, %one : {kinds}")

    def parts(self, gates: str) -> list[str]:
        """``gates`` in pieces as wide as a state."""
        found = []
        for start in range(0, _sizes(self.row)[1], self.hidden):
            ends = [self._new(f"torch.constant.int {n}") for n in (start, start + self.hidden)]
            found.append(
                self._new(
                    f"torch.aten.slice.Tensor {gates}, %one, {', '.join(ends)}, %one : {self.row},"
                    f" !torch.int, !torch.int, !torch.int, !torch.int -> {self.state}"
                )
            )
        return found

    def _new(self, operation: str) -> str:
        name = f"%v{len(self.lines)}"
        self.lines.append(f"{name} = {operation}")
        return name

    def _kind(self, *sizes: int) -> str:
        return f"!torch.vtensor<[{','.join(map(str, sizes))}],{self.element}>"


def _lstm(step: _Step, states: list[str]) -> list[str]:
    hidden, cell = states
    gates = step.add("%gate", step.own_gates(hidden), step.row)
    i, f, g, o = step.parts(gates)
    kept = step.of("mul.Tensor", step.of("sigmoid", f), cell)
    taken = step.of("mul.Tensor", step.of("sigmoid", i), step.of("tanh", g))
    cell = step.add(kept, taken)
    hidden = step.of("mul.Tensor", step.of("sigmoid", o), step.of("tanh", cell))
    return [hidden, cell]


def _gru(step: _Step, states: list[str]) -> list[str]:
    (hidden,) = states
    r, z, n = step.parts("%gate")
    own_r, own_z, own_n = step.parts(step.own_gates(hidden))
    reset = step.of("sigmoid", step.add(r, own_r))
    new = step.of("tanh", step.add(n, step.of("mul.Tensor", reset, own_n)))
    update = step.of("sigmoid", step.add(z, own_z))
    return [step.add(step.of("mul.Tensor", step.subtract(hidden, new), update), new)]


_STEPS: dict[str, Callable[[_Step, list[str]], list[str]]] = {
    "torch.pharos.lstm": _lstm,
    "torch.pharos.gru": _gru,
}


def _sizes(kind: str) -> list[int]:
    """The sizes in ``!torch.vtensor<[2,3],f32>``."""
    return [int(size) for size in kind.partition("[")[2].partition("]")[0].split(",")]


def _list_of_sizes(sizes: list[int]) -> str:
    """Constants of ``sizes``, and %sizes, the list of them."""
    lines = [f"%size{n} = torch.constant.int {size}" for n, size in enumerate(sizes)]
    names = ", ".join(f"%size{n}" for n in range(len(sizes)))
    kinds = ", ".join(["!torch.int"] * len(sizes))
    lines.append(f"%sizes = torch.prim.ListConstruct {names} : ({kinds}) -> !torch.list<int>")
    return "\n  ".join(lines)
