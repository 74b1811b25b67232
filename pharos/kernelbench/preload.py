"""Import once what every problem's process would import: they are forks of this one.

A child compiles a small model and tells which modules that took. This process imports them and
runs nothing of torch, whose threads would not be there in a fork.
"""

from __future__ import annotations

import contextlib
import importlib
import sys

from pharos import toolchain
from pharos.core.errors import PharosError
from pharos.runtime.child import in_child


def preload(target: str) -> None:
    """Import what it takes to compile for ``target``.

    What fails here is left to the problems, whose rows will tell.
    """
    try:
        names = in_child(lambda report: _needed(target))
    except (PharosError, ImportError, OSError):
        return
    for name in names:
        # Some modules can only be imported from within others.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    # What is the same for all problems, and found out once in a process: the hash of Pharos's
    # sources, the target's facts, the descriptors that its pipeline is made of.
    with contextlib.suppress(PharosError, OSError):
        request = toolchain.Request(target)
        toolchain.cached(toolchain.Payload("", "", dict), request)
        toolchain.plan(request)


def _needed(target: str) -> list[str]:
    """The modules that are imported once a small model was compiled, run and compared."""
    import torch

    from pharos.ingress.torch import import_model
    from pharos.kernelbench import work
    from pharos.toolchain.front_ends import torch_payload
    from pharos.toolchain.torch_function import TorchFunction

    model, inputs = torch.nn.Linear(8, 8), [torch.ones(2, 8)]
    imported = import_model(model, inputs)
    built = toolchain.build(torch_payload(imported), toolchain.Request(target), fresh=True)
    TorchFunction(imported, built.artifact)(*inputs)
    first = work.__name__
    return [first, *sorted(name for name in sys.modules if _can_be_imported(name))]


def _can_be_imported(name: str) -> bool:
    """Whether a module is a file's: programs' own modules and torch's made-up ones are not."""
    spec = getattr(sys.modules[name], "__spec__", None)
    return spec is not None and spec.origin not in (None, "built-in") and name != "__main__"
