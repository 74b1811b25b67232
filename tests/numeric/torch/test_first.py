"""Models that need nothing special run and agree with eager."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from pharos.ingress.torch import import_model  # noqa: E402
from pharos.toolchain import Request, build, torch_payload  # noqa: E402
from pharos.toolchain.torch_function import TorchFunction  # noqa: E402


def compiled(model, *args):
    imported = import_model(model, args)
    return TorchFunction(imported, build(torch_payload(imported), Request()).artifact)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (nn.Linear(7, 5), (3, 7)),
        (nn.Conv2d(3, 5, 3, padding=1, stride=2), (2, 3, 9, 11)),
        (nn.BatchNorm2d(3).eval(), (2, 3, 5, 7)),
    ],
    ids=lambda p: type(p).__name__ if isinstance(p, nn.Module) else None,
)
def test_agrees_with_eager(model, shape):
    x = torch.randn(shape)
    bound = compiled(model, x).bind(x, poison=True)
    bound()
    with torch.no_grad():
        torch.testing.assert_close(bound.finish(), model(x))
