"""Random shapes, strides, types and operators against PyTorch.

PHAROS_FUZZ=convolution:17 pytest tests/numeric/fuzz      # one case again
"""

from __future__ import annotations

import os

import pytest

torch = pytest.importorskip("torch")

from pharos.core.errors import UserError  # noqa: E402
from tests.numeric.fuzz.cases import KINDS, Case, case  # noqa: E402

TOLERANCE = {
    torch.float32: {"rtol": 2e-4, "atol": 2e-4},
    torch.float64: {"rtol": 1e-6, "atol": 1e-6},
    # Eager rounds every intermediate result to bf16, and so do we, but not at the same places.
    torch.bfloat16: {"rtol": 4e-2, "atol": 8e-2},
}
QUICK, LONG = 3, 60


class Model(torch.nn.Module):
    """A function as a model."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def check(one: Case) -> None:
    """Compile the case, and compare its outputs, poisoned before, with eager."""
    from pharos.ingress.torch import import_model
    from pharos.toolchain import build, torch_payload
    from pharos.toolchain.torch_function import TorchFunction

    model = Model(one.function).eval()
    try:
        want = model(*one.inputs)
    except (RuntimeError, IndexError) as error:
        pytest.skip(f"eager refuses {one.text}: {error}")
    try:
        imported = import_model(model, one.inputs)
    except UserError as error:
        # torch-mlir has no depthwise convolution in three dimensions: it is refused by name.
        if "cannot be imported" not in str(error):
            raise
        pytest.skip(f"{one.text}: {error}")
    function = TorchFunction(imported, build(torch_payload(imported)).artifact)
    bound = function.bind(*one.inputs, poison=True)
    bound()
    found = bound.finish()
    pairs = zip(_listed(found), _listed(want), strict=True)
    for mine, theirs in pairs:
        tolerance = TOLERANCE.get(theirs.dtype, {"rtol": 0, "atol": 0})
        torch.testing.assert_close(mine, theirs, equal_nan=True, msg=_named(one), **tolerance)


def _listed(value):
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _named(one: Case):
    return lambda text: f"{one.text}: {text}"


@pytest.mark.parametrize("seed", range(QUICK))
@pytest.mark.parametrize("kind", KINDS)
def test_a_few(kind, seed):
    check(case(kind, seed))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many(kind):
    failed = [text for seed in range(QUICK, LONG) if (text := failure(kind, seed))]
    assert not failed, "\n".join(failed)


def failure(kind: str, seed: int) -> str | None:
    """How a case fails; None when it does not, or when eager refuses it."""
    try:
        check(case(kind, seed))
    except (AssertionError, UserError) as error:
        return f"{kind}:{seed} {str(error)[:300]}"
    except pytest.skip.Exception:
        pass
    return None


@pytest.mark.skipif("PHAROS_FUZZ" not in os.environ, reason="no case named in PHAROS_FUZZ")
def test_one_again():
    kind, seed = os.environ["PHAROS_FUZZ"].split(":")
    check(case(kind, int(seed)))
