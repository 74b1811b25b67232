"""A checkpoint for any target: in the host's memory, or on a device with memory of its own."""

from __future__ import annotations

from pathlib import Path

from pharos import toolchain
from pharos.models.gpt2.device_model import DeviceGpt2
from pharos.models.gpt2.model import Gpt2

AnyGpt2 = Gpt2 | DeviceGpt2


def open_model(
    path: str | Path, *, dtype: str | None, target: str, positions: int, prompt: int
) -> AnyGpt2:
    """The checkpoint at ``path`` for ``target``, ready to be called: what a call needs is compiled
    by then, or by the model's ``ready``.

    ``dtype`` is how weights are stored, None as in the checkpoint; ``positions`` and ``prompt``
    are the lengths of the text and of what it starts with, in tokens. Raises UserError for a bad
    file, dtype, length or target, and where the target has no device here.
    """
    if toolchain.target(target).open_sizes:
        return Gpt2.load(path, dtype=dtype, target=target, positions=positions)
    return DeviceGpt2.load(path, dtype=dtype, target=target, positions=positions, prompt=prompt)
