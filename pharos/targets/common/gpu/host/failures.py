"""What can go wrong with a device, in words, with what to do about it: one table for all vendors.

A vendor's driver maps its result codes to these kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pharos.core.errors import UserError

NO_LIBRARY = "no library"
NO_DEVICE = "no device"
OTHER_CHIP = "other chip"
OLD_DRIVER = "old driver"
BAD_CODE = "bad code"
NO_MEMORY = "no memory"
LAUNCH = "launch"
FAULT = "fault"
LOST = "lost"
REGISTERED = "registered"
OTHER = "other"

_WORDS: Mapping[str, tuple[str, str]] = {
    NO_LIBRARY: (
        "the driver of {vendor} GPUs was not found",
        "install {package}; without a GPU, use the simulated device: --target {name}:sim",
    ),
    NO_DEVICE: (
        "the driver of {vendor} GPUs is here, but it finds no device",
        "check that {tool} lists it and that this process may open it (containers need to be "
        "given devices); without a GPU: --target {name}:sim",
    ),
    OTHER_CHIP: (
        "the device {device} cannot run code for {name}",
        "compile for the chip that is here, or use the simulated one: --target {name}:sim",
    ),
    OLD_DRIVER: (
        "the driver of {vendor} GPUs is too old for what it was asked",
        "update {package} ({newest})",
    ),
    BAD_CODE: (
        "the driver refused the code for {name}",
        "compile it again; if it is refused again, report it with what the driver says",
    ),
    NO_MEMORY: (
        "{name} is out of memory",
        "free buffers, close graphs, or take smaller inputs",
    ),
    LAUNCH: (
        "a kernel could not be launched on {name}",
        "it asks for more work-items, registers or shared memory than the device has: choose "
        "smaller tiles (--parameter), see `pharos plan`",
    ),
    FAULT: (
        "a kernel failed on {name}, and the device can no longer be used by this process",
        "run it on the simulated device, which names the kernel and the line: --target {name}:sim",
    ),
    LOST: (
        "the device {name} was lost",
        "see the system's log ({tool}); start again",
    ),
    REGISTERED: (
        "the memory is registered with {name} already",
        "use the buffer that was made first",
    ),
    OTHER: ("the driver of {vendor} GPUs reports an error", "see what it says above"),
}


@dataclass(frozen=True)
class Vendor:
    """Words for messages. ``package`` is what to install, ``newest`` which version of it is new
    enough, ``tool`` what lists devices on the command line."""

    vendor: str
    package: str
    newest: str
    tool: str


class DeviceError(UserError):
    """A failure of a device or of its driver; ``kind`` is one of this file's."""

    def __init__(self, kind: str, message: str, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


def failure(
    kind: str, vendor: Vendor, name: str, detail: str = "", device: str = ""
) -> DeviceError:
    """The error of a kind, for the device or target ``name``; ``detail`` is what the driver says,
    ``device`` what is there instead."""
    words = {"name": name.removesuffix(":sim"), "device": device, **vars(vendor)}
    message, hint = (text.format(**words) for text in _WORDS[kind])
    return DeviceError(kind, message + (f": {detail}" if detail else ""), hint)
