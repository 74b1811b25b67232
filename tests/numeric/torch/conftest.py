"""Compile a model and call it like the model."""

import pytest


@pytest.fixture
def compiled():
    """``compiled(model, *args, **kwargs)``: a TorchFunction."""
    from pharos.ingress.torch import import_model
    from pharos.toolchain import build, torch_payload
    from pharos.toolchain.torch_function import TorchFunction

    def make(model, *args, dynamic_shapes=None, **kwargs):
        imported = import_model(model, args, kwargs, dynamic_shapes=dynamic_shapes)
        return TorchFunction(imported, build(torch_payload(imported)).artifact)

    return make
