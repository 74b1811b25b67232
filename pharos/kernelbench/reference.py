"""The problem in PyTorch: models with the same weights, random inputs, and what is right.

The model of the code under test and eager's start as equals and each goes its own way: what one
changes in place (running statistics) does not reach the other, and is compared at the end.
"""

from __future__ import annotations

import contextlib
import copy
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._pytree import tree_map

from pharos.core.errors import UserError
from pharos.kernelbench.check import Expected
from pharos.kernelbench.lively import enliven
from pharos.kernelbench.options import Options

TORCH_DTYPES = {
    "f32": torch.float32,
    "bf16": torch.bfloat16,
    "f16": torch.float16,
    "f64": torch.float64,
}
# The seed before a call of eager and of compiled code: a model that draws random numbers draws
# the same ones in both.
DRAWN = 11
# Seconds that a problem may spend on float64 references; after that eager is the reference. What
# a deep network in training makes of rounding is known only from float64, also on a busy machine.
_EXACT_SECONDS = 20.0


class ProblemError(UserError):
    """The problem itself does not run in PyTorch: nothing of ours is at fault."""


@dataclass
class Reference:
    """One problem as PyTorch computes it. ``ours`` is to be imported and compiled; ``eager`` is
    its equal. ``exact_runs`` counts references in float64, ``runs`` all; ``notes``: for the row."""

    problem: Any
    options: Options
    ours: torch.nn.Module = field(init=False)
    eager: torch.nn.Module = field(init=False)
    exact_runs: int = 0
    runs: int = 0
    notes: list[str] = field(default_factory=list)
    _exact_seconds: float = 0.0
    _exact_state: dict[str, Any] = field(default_factory=dict)
    _state_errors: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ours = _run("making the model", self._model)
        # What a call that fails has to say, the comparison's own first call says.
        with contextlib.suppress(Exception):
            enliven(self.ours, self.inputs(0))
        self.eager = copy.deepcopy(self.ours)

    def inputs(self, number: int) -> list[Any]:
        """The inputs with that number, the same ones each time: fresh random tensors."""
        seed = self.options.seed + number
        torch.manual_seed(1 + seed)
        given = self.options.make_inputs
        values = _run("get_inputs()", lambda: self._given(seed) if given else self._own())
        return list(tree_map(self._converted, values))

    def other_inputs(self) -> list[Any]:
        """Inputs of the same shapes that show more mistakes: a problem's own are mostly uniform
        in [0, 1), where a rectifier does nothing."""
        torch.manual_seed(7 + self.options.seed)
        own = getattr(self.problem, "get_check_inputs", None)
        if own is not None and self.options.make_inputs is None:
            return list(tree_map(self._converted, _run("get_check_inputs()", own)))
        inputs = self.inputs(self.options.seeds)
        return list(tree_map(_normal, inputs))

    def expected(self, inputs: list[Any]) -> Expected:
        """What eager makes of ``inputs`` (which it may change), and float64 where it is cheap."""
        self.runs += 1
        exact = self._exact(inputs)
        torch.manual_seed(DRAWN)
        before = torch.get_rng_state()
        eager = _run("eager", lambda: self.call(self.eager, inputs))
        if exact is not None and not torch.equal(before, torch.get_rng_state()):
            # In float64 other random numbers are drawn.
            exact, self.exact_runs = None, self.exact_runs - 1
        if exact is not None:
            self._add_state_errors()
        return Expected(eager, exact)

    def try_out(self, inputs: list[Any]) -> None:
        """Raises ProblemError when eager cannot run ``inputs``; changes nothing."""
        model = copy.deepcopy(self.eager)
        _run("eager", lambda: self.call(model, copy.deepcopy(inputs)))

    def call(self, model: Any, inputs: list[Any]) -> Any:
        """``model(*inputs)`` without gradients."""
        with torch.no_grad():
            return model(*inputs)

    def differing_state(self, tolerance: Any) -> str:
        """What differs between the weights and buffers of the two models; "" for nothing."""
        from pharos.kernelbench.check import compare

        expected, found = self.eager.state_dict(), self.ours.state_dict()
        for name, value in expected.items():
            known = Expected(value, eagers_error=self._state_errors.get(name, 0.0))
            verdict = compare(found.get(name), known, tolerance)
            if verdict.wrong:
                return f"after the calls, {name} of the model: {verdict.wrong}"
        return ""

    def _add_state_errors(self) -> None:
        """Note how far eager's buffers are from the exact ones after this call: a running mean
        in a deep network has the rounding of all layers before it."""
        for name, value in self.eager.named_buffers():
            exact = self._exact_state.get(name)
            if exact is not None and value.dtype.is_floating_point and value.numel():
                off = float((value.double() - exact).abs().nan_to_num(0.0).max())
                self._state_errors[name] = self._state_errors.get(name, 0.0) + off

    def _model(self) -> torch.nn.Module:
        torch.manual_seed(self.options.seed)
        initial = self.problem.get_init_inputs()
        # Newer problems give keyword arguments: a list, then a dict.
        if len(initial) == 2 and isinstance(initial[0], list) and isinstance(initial[1], dict):
            model = self.problem.model_class(*initial[0], **initial[1])
        else:
            model = self.problem.model_class(*initial)
        if self.options.mode is not None:
            model.train(self.options.mode == "train")
        elif names := _quieten(model):
            self.notes.append(f"not random, as in evaluation: {', '.join(names)}")
        model = model.to(TORCH_DTYPES[self.options.dtype])
        _vary_constant_weights(model)
        made: torch.nn.Module = model
        return made

    def _own(self) -> list[Any]:
        return list(self.problem.get_inputs())

    def _given(self, seed: int) -> list[Any]:
        from pharos.ingress.torch.memory import as_torch

        maker = self.options.make_inputs
        return [as_torch(array) for array in maker(seed)] if maker else []

    def _converted(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.dtype.is_floating_point:
            return value.to(TORCH_DTYPES[self.options.dtype])
        return value

    def _exact(self, inputs: list[Any]) -> Any:
        if self._exact_seconds > _EXACT_SECONDS or self.options.dtype == "f64":
            return None
        start = time.monotonic()
        try:
            model = copy.deepcopy(self.eager).double()
            found = self.call(model, tree_map(_doubled, inputs))
        except Exception:  # a boundary: some models insist on their dtype; eager remains
            self._exact_seconds = float("inf")
            return None
        self._exact_seconds += time.monotonic() - start
        self._exact_state = dict(model.named_buffers())
        self.exact_runs += 1
        return tree_map(_doubled, found)


def _normal(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.dtype.is_floating_point:
        return torch.randn_like(value)
    return value


def _doubled(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.dtype.is_floating_point:
        return value.double()
    return value.clone() if isinstance(value, torch.Tensor) else value


def _quieten(model: torch.nn.Module) -> list[str]:
    """Put the layers that drop elements at random into evaluation mode; their names.

    No two calls of such a model agree, so that nothing can be compared with it.
    """
    kind = torch.nn.modules.dropout._DropoutNd
    found = {n: m for n, m in model.named_modules() if isinstance(m, kind) and m.training and m.p}
    for module in found.values():
        module.eval()
    return list(found)


def _vary_constant_weights(model: torch.nn.Module) -> None:
    """Give weights that are all equal (a norm's scale of 1, its shift of 0) values of their own.

    Otherwise a kernel that mixed them up would pass.
    """
    with torch.no_grad():
        for weight in model.parameters():
            floats = weight.numel() > 1 and weight.dtype.is_floating_point
            if floats and bool((weight == weight.reshape(-1)[0]).all()):
                weight.add_(0.1 * torch.randn_like(weight))


def _run(what: str, work: Any) -> Any:
    """``work()``, a part of the problem's own code. Raises ProblemError for what it raises."""
    try:
        return work()
    except UserError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # a boundary: the problem's code may raise anything
        if "not enough memory" in str(error) or "can't allocate memory" in str(error):
            raise MemoryError(str(error)) from None
        raise ProblemError(
            f"{what} of the problem fails in PyTorch: {type(error).__name__}: {error}"
        ) from error
