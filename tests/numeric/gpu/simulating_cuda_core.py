"""A stand-in for libcuda.so.1 that NVIDIA's own packages load: ``FakeCuda`` behind a real library.

cuda-bindings opens "libcuda.so.1" itself, and asks its cuGetProcAddress_v2 for everything else. A
small ELF file of that name (its SONAME counts, not its path) is loaded first; its functions jump to
where its table says, to callbacks of this file. A process can do so once, before cuda-bindings has
looked for the driver: this is for child processes (``test_gpu_drivers_cuda_core.py``).
"""

from __future__ import annotations

import ctypes
import itertools
import platform
import struct
import threading
from typing import ClassVar

from simulating_libraries import I32, SIZE, U32, U64, FakeCuda, P, put

POSSIBLE = platform.system() == "Linux" and platform.machine() == "x86_64"
_NOT_FOUND = 1  # CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND
_MOVE = 1  # CU_GRAPH_USER_OBJECT_MOVE


def jumping_library(soname, names):
    """An ELF file for x86-64 with the functions ``names``, each ``jmp [table + 8 * number]``, and
    the writable array ``table``."""
    strings, places = b"\0", []
    for text in (soname, *names, "table"):
        places.append(len(strings))
        strings += text.encode() + b"\0"
    count = len(names) + 2  # symbols: none, functions, table
    symbols = 64 + 3 * 56  # behind the header and three program headers
    text = symbols + 24 * count
    hashes = -(-(text + len(strings)) // 8) * 8
    code = -(-(hashes + 4 * (3 + count)) // 16) * 16
    table = -(-(code + 16 * len(names)) // 4096) * 4096
    dynamic = table + 8 * len(names)
    entries = [(14, places[0]), (4, hashes), (5, text), (6, symbols), (10, len(strings)), (11, 24)]
    end = dynamic + 16 * (len(entries) + 1)
    file = bytearray(end)
    ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
    struct.pack_into("<16sHHIQQQIHHHHHH", file, 0, ident, 3, 62, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0)
    segments = [(1, 5, 0, table, 4096), (1, 6, table, end - table, 4096)]
    segments.append((2, 6, dynamic, end - dynamic, 8))
    for number, (kind, flags, at, size, align) in enumerate(segments):
        place = 64 + 56 * number
        struct.pack_into("<IIQQQQQQ", file, place, kind, flags, at, at, at, size, size, align)
    for number in range(len(names)):
        at = code + 16 * number
        jump = b"\xff\x25" + struct.pack("<i", table + 8 * number - at - 6)  # jmp [rip + table]
        file[at : at + len(jump)] = jump
        symbol = symbols + 24 * (number + 1)
        struct.pack_into("<IBBHQQ", file, symbol, places[number + 1], 0x12, 0, 1, at, 16)
    size = 8 * len(names)
    symbol = symbols + 24 * (count - 1)
    struct.pack_into("<IBBHQQ", file, symbol, places[-1], 0x11, 0, 1, table, size)
    file[text : text + len(strings)] = strings
    chain = [0, *range(2, count), 0]  # one bucket: all symbols, one after the other
    struct.pack_into(f"<{3 + count}I", file, hashes, 1, count, 1, *chain)
    for number, entry in enumerate(entries):
        struct.pack_into("<QQ", file, dynamic + 16 * number, *entry)
    return bytes(file)


class Served:
    """The library of this process: every function goes to the fake that was made last, and what
    ends a thing to the fake that made it."""

    ENDS: ClassVar = {
        "cuMemFree_v2", "cuMemHostUnregister", "cuStreamDestroy_v2", "cuEventDestroy_v2",
        "cuGraphDestroy", "cuGraphExecDestroy", "cuModuleUnload", "cuUserObjectRelease",
    }  # fmt: skip

    def __init__(self, folder):
        """Load it."""
        path = folder / "stand-in.so"
        names = ("cuGetProcAddress_v2", *FakeCudaCore.PROTOTYPES)
        path.write_bytes(jumping_library("libcuda.so.1", names))
        self.fakes = []
        self._kept = {}
        self._find = ctypes.CFUNCTYPE(I32, ctypes.c_char_p, P, I32, U64, P)(self.find)
        self.library = ctypes.CDLL(str(path))
        table = (P * len(names)).in_dll(self.library, "table")
        table[0] = ctypes.cast(self._find, P).value
        table[1:] = [self.address(name) for name in names[1:]]

    def find(self, name, out, version, flags, status):
        """cuGetProcAddress_v2."""
        name = name.decode()
        known = {f"{name}_v3" if version >= 12030 else f"{name}_v2", f"{name}_v2", name}
        if name == "cuGetProcAddress":
            put(out, P, ctypes.cast(self._find, P).value)
            return 0
        chosen = max(known & set(FakeCudaCore.PROTOTYPES), default=None)
        put(out, P, self.address(chosen) if chosen else None)
        if status:
            put(status, I32, 0 if chosen else _NOT_FOUND)
        return 0

    def address(self, name):
        """The C function ``name``."""
        if name not in self._kept:
            result, *kinds = FakeCudaCore.PROTOTYPES[name]
            function = ctypes.CFUNCTYPE(result, *kinds)(lambda *given: self.called(name, given))
            self._kept[name] = function
        return ctypes.cast(self._kept[name], P).value

    def called(self, name, given):
        fake = self.fakes[-1]
        if name in self.ENDS:
            fake = next((one for one in self.fakes if given[0] in one.live), fake)
        return fake.inner(name)(*given)


class FakeCudaCore(FakeCuda):
    """What cuda-core asks of the driver beside ``FakeCuda``."""

    PROTOTYPES: ClassVar = FakeCuda.PROTOTYPES | {
        "cuGetErrorString": [I32, I32, P], "cuCtxGetCurrent": [I32, P],
        "cuDevicePrimaryCtxRelease": [I32, I32],
        "cuCtxGetStreamPriorityRange": [I32, P, P], "cuStreamGetCtx": [I32, P, P],
        "cuStreamCreateWithPriority": [I32, P, U32, I32],
        "cuStreamGetCaptureInfo_v2": [I32, P, P, P, P, P, P],
        "cuStreamGetCaptureInfo_v3": [I32, P, P, P, P, P, P, P],
        "cuGraphInstantiateWithParams": [I32, P, P, P],
        "cuUserObjectCreate": [I32, P, P, P, U32, U32],
        "cuUserObjectRelease": [I32, P, U32], "cuGraphRetainUserObject": [I32, P, P, U32, U32],
        "cuGraphReleaseUserObject": [I32, P, P, U32],
        "cuPointerGetAttributes": [I32, U32, P, P, U64],
    }  # fmt: skip
    UNSAFE: ClassVar = FakeCuda.UNSAFE | {"cuStreamCreateWithPriority"}
    served: ClassVar[Served]
    numbers: ClassVar = itertools.count(0x1000, 16)
    version = 13000

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._numbers = self.numbers
        self._functions = {}
        self._objects = {}
        self._current = threading.local()
        self.served.fakes.append(self)

    def opener(self, missing=()):
        """Nothing: cuda-bindings has opened the library, with all functions that there are."""
        assert not missing

    def inner(self, name):
        """The function ``name``, with its failures."""
        return self._functions.setdefault(name, self._function(name))

    def cuGetErrorString(self, code, out):
        put(out, P, ctypes.cast(ctypes.c_char_p(b"words for people"), P).value)

    def cuDevicePrimaryCtxRelease(self, device):
        """A thread that used the device has ended."""

    def cuCtxSetCurrent(self, context):
        super().cuCtxSetCurrent(context)
        self._current.context = context

    def cuCtxGetCurrent(self, out):
        put(out, P, getattr(self._current, "context", None))

    def cuPointerGetAttributes(self, count, which, places, pointer):
        answers = {2: 2, 8: 0, 9: 0}  # memory of the device, not managed, device 0
        wanted, found = (I32 * count).from_address(which), (P * count).from_address(places)
        for name, place in zip(wanted, found, strict=True):
            put(place, I32, answers[name])

    def cuCtxGetStreamPriorityRange(self, least, greatest):
        put(least, I32, 0)
        put(greatest, I32, -5)

    def cuStreamCreateWithPriority(self, out, flags, priority):
        assert -5 <= priority <= 0
        self.cuStreamCreate(out, flags)

    def cuStreamGetCtx(self, stream, out):
        self.of("stream", stream)
        put(out, P, 0xC0)

    def cuStreamBeginCapture_v2(self, stream, mode):
        super().cuStreamBeginCapture_v2(stream, mode)
        self.noting = stream, self.new("noted", [])

    def cuStreamGetCaptureInfo_v2(self, stream, state, number, graph, nodes, count):
        self.of("stream", stream)
        active = self.capturing and self.noting[0] == stream
        put(state, I32, int(active))
        for where, kind, value in (
            (number, U64, 1),
            (graph, P, self.noting[1] if active else None),
            (nodes, P, None),
            (count, SIZE, 0),
        ):
            if where:
                put(where, kind, value)

    def cuStreamGetCaptureInfo_v3(self, stream, state, number, graph, nodes, edges, count):
        self.cuStreamGetCaptureInfo_v2(stream, state, number, graph, nodes, count)

    def cuStreamEndCapture(self, stream, out):
        self.capturing = False
        of, handle = self.noting
        assert of == stream
        self.of("noted", handle).extend(self.driver.end(self.of("stream", stream)))
        put(out, P, handle)

    def cuGraphInstantiateWithParams(self, out, noted, parameters):
        flags, upload = (U64 * 2).from_address(parameters)
        assert not flags and not upload
        put(parameters + 24, I32, 0)
        self.cuGraphInstantiateWithFlags(out, noted, 0)
        graph = P.from_address(out).value
        for number in self._objects.get(noted, ()):
            self.cuGraphRetainUserObject(graph, number, 1, 0)

    def cuGraphDestroy(self, noted):
        super().cuGraphDestroy(noted)
        self._let_go(noted)

    def cuGraphExecDestroy(self, graph):
        super().cuGraphExecDestroy(graph)
        self._let_go(graph)

    def _let_go(self, graph):
        for number in self._objects.pop(graph, ()):
            self.cuUserObjectRelease(number, 1)

    # What a graph keeps alive: a pointer, what frees it, and how many refer to it.

    def cuUserObjectCreate(self, out, pointer, destroy, count, flags):
        put(out, P, self.new("object", [pointer, destroy, count]))

    def cuGraphRetainUserObject(self, graph, number, count, flags):
        if flags != _MOVE:
            self.of("object", number)[2] += count
        self._objects.setdefault(graph, []).extend([number] * count)

    def cuGraphReleaseUserObject(self, graph, number, count):
        for _ in range(count):
            self._objects[graph].remove(number)
            self.cuUserObjectRelease(number, 1)

    def cuUserObjectRelease(self, number, count):
        kept = self.of("object", number)
        kept[2] -= count
        assert kept[2] >= 0
        if not kept[2]:
            self.drop("object", number)
            ctypes.CFUNCTYPE(None, P)(kept[1])(kept[0])
