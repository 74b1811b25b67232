"""A stand-in for libze_loader.so.1, from ze_api.h: launches run on the simulator."""

import ctypes
from typing import ClassVar

from simulating_libraries import I32, SIZE, U32, U64, P, Simulating, put

EVENTS = [P, U32, P]
IP_VERSIONS = {"bmg": 20 << 22 | 1 << 14 | 4, "pvc": 12 << 22 | 60 << 14 | 7}
NANOSECOND_TICKS = 10**9


def field(address, offset, kind):
    return kind.from_address(address + offset).value


class FakeLevelZero(Simulating):
    """One GPU behind two drivers, the first of which has only a CPU."""

    PROTOTYPES: ClassVar = {
        "zeInit": [I32, U32], "zeDriverGet": [I32, P, P], "zeDeviceGet": [I32, P, P, P],
        "zeDriverGetExtensionProperties": [I32, P, P, P],
        "zeDeviceGetProperties": [I32, P, P], "zeContextCreate": [I32, P, P, P],
        "zeMemAllocDevice": [I32, P, P, SIZE, SIZE, P, P],
        "zeMemAllocHost": [I32, P, P, SIZE, SIZE, P], "zeMemFree": [I32, P, P],
        "zeModuleCreate": [I32, P, P, P, P, P], "zeModuleDestroy": [I32, P],
        "zeModuleBuildLogGetString": [I32, P, P, P], "zeModuleBuildLogDestroy": [I32, P],
        "zeKernelCreate": [I32, P, P, P], "zeKernelDestroy": [I32, P],
        "zeKernelSetGroupSize": [I32, P, U32, U32, U32],
        "zeKernelSetArgumentValue": [I32, P, U32, SIZE, P],
        "zeCommandListCreateImmediate": [I32, P, P, P, P],
        "zeCommandListCreate": [I32, P, P, P, P], "zeCommandListClose": [I32, P],
        "zeCommandListDestroy": [I32, P], "zeCommandListHostSynchronize": [I32, P, U64],
        "zeCommandListAppendMemoryCopy": [I32, P, P, P, SIZE, *EVENTS],
        "zeCommandListAppendMemoryFill": [I32, P, P, P, SIZE, SIZE, *EVENTS],
        "zeCommandListAppendLaunchKernel": [I32, P, P, P, *EVENTS],
        "zeCommandListAppendWriteGlobalTimestamp": [I32, P, P, *EVENTS],
        "zeCommandListAppendSignalEvent": [I32, P, P],
        "zeCommandListAppendWaitOnEvents": [I32, P, U32, P],
        "zeCommandQueueCreate": [I32, P, P, P, P], "zeCommandQueueDestroy": [I32, P],
        "zeCommandQueueExecuteCommandLists": [I32, P, U32, P, P],
        "zeCommandQueueSynchronize": [I32, P, U64],
        "zeEventPoolCreate": [I32, P, P, U32, P, P], "zeEventPoolDestroy": [I32, P],
        "zeEventCreate": [I32, P, P, P], "zeEventDestroy": [I32, P],
        "zeEventHostSynchronize": [I32, P, U64],
    }  # fmt: skip
    fault_code = 0x70000001
    chip = "bmg"
    gpus = 1
    log = b"error: instruction 7"
    extensions = (b"ZE_extension_float_atomics", b"ZE_extension_external_memmap_sysmem")

    def opener(self, missing=()):
        return self.library(self.PROTOTYPES, missing)

    def zeInit(self, flags):
        assert flags == 0

    def _several(self, handles, count, out):
        if out:
            for number, handle in enumerate(handles):
                put(out + 8 * number, P, handle)
        put(count, U32, len(handles))

    def zeDriverGet(self, count, out):
        self._several([0x11, 0x12], count, out)

    def zeDeviceGet(self, driver, count, out):
        self._several([0x21] if driver == 0x11 else [0x22] * self.gpus, count, out)

    def zeDriverGetExtensionProperties(self, driver, count, out):
        assert driver == 0x12
        if out:
            for number, name in enumerate(self.extensions[: field(count, 0, U32)]):
                ctypes.memmove(out + 260 * number, name + b"\0", len(name) + 1)
                put(out + 260 * number + 256, U32, 1 << 16)
        put(count, U32, len(self.extensions))

    def zeDeviceGetProperties(self, device, out):
        assert field(out, 0, U32) == 0x20006
        put(out + 16, U32, 2 if device == 0x21 else 1)
        put(out + 80, U64, NANOSECOND_TICKS)
        put(out + 88, U32, 48)
        ctypes.memmove(out + 112, b"Simulated Arc\0", 14)
        following = field(out, 8, P)
        if following:
            assert field(following, 0, U32) == 0x1000F
            put(following + 16, U32, IP_VERSIONS[self.chip])

    def zeContextCreate(self, driver, wanted, out):
        assert driver == 0x12 and field(wanted, 0, U32) == 0xD
        put(out, P, 0xC0)

    def zeMemAllocDevice(self, context, wanted, size, alignment, device, out):
        assert (context, device, field(wanted, 0, U32)) == (0xC0, 0x22, 0x15)
        put(out, P, self.allocate(size))

    def zeMemAllocHost(self, context, wanted, size, alignment, out):
        assert context == 0xC0 and field(wanted, 0, U32) == 0x16
        following = field(wanted, 8, P)
        if not following:
            put(out, P, self.allocate(size))
            return 0
        assert field(following, 0, U32) == 0x20037 and field(wanted, 16, U32) == 0
        start = field(following, 16, P)
        if start % 4096 or size % 4096 or field(following, 24, U64) != size:
            return 0x78000004
        assert start not in self.live
        self.driver.register(start, size)
        self.live[start] = ("registered", size)
        put(out, P, start)
        return 0

    def zeMemFree(self, context, address):
        if self.live[address][0] == "registered":
            self.drop("registered", address)
            self.driver.unregister(address)
        else:
            self.free(address)

    def zeModuleCreate(self, context, device, wanted, out, log):
        assert field(wanted, 0, U32) == 0x1B and field(wanted, 16, U32) == 0
        image = ctypes.string_at(field(wanted, 32, P), field(wanted, 24, SIZE))
        put(log, P, self.new("log", self.log))
        if image not in self.images:
            return 0x70000004
        put(out, P, self.load(image))
        return 0

    def zeModuleDestroy(self, module):
        self.drop("module", module)

    def zeModuleBuildLogGetString(self, log, size, out):
        text = self.of("log", log) + b"\0"
        if out:
            ctypes.memmove(out, text, len(text))
        put(size, SIZE, len(text))

    def zeModuleBuildLogDestroy(self, log):
        self.drop("log", log)

    def zeKernelCreate(self, module, wanted, out):
        assert field(wanted, 0, U32) == 0x1D
        name = ctypes.string_at(field(wanted, 24, P)).decode()
        put(out, P, self.new("kernel", {"of": (module, name), "values": {}}))

    def zeKernelDestroy(self, kernel):
        self.drop("kernel", kernel)

    def zeKernelSetGroupSize(self, kernel, x, y, z):
        if x * y * z > self.facts.max_block:
            return 0x78000013
        self.of("kernel", kernel)["block"] = (x, y, z)
        return 0

    def zeKernelSetArgumentValue(self, kernel, number, size, value):
        found = self.of("kernel", kernel)
        if self.parameters(found["of"])[number] != size:
            return 0x78000016
        found["values"][number] = ctypes.create_string_buffer(ctypes.string_at(value, size), size)
        return 0

    def zeCommandListAppendLaunchKernel(self, stream, kernel, groups, signal, count, waits):
        found = self.of("kernel", kernel)
        addresses = [ctypes.addressof(found["values"][n]) for n in sorted(found["values"])]
        grid = tuple((U32 * 3).from_address(groups))
        self.launch(found["of"], grid, found["block"], 0, addresses, stream)

    def zeCommandListCreateImmediate(self, context, device, wanted, out):
        assert field(wanted, 0, U32) == 0xE and field(wanted, 24, U32) == 2
        assert field(wanted, 28, U32) == 2
        put(out, P, self.new("stream", self.driver.stream()))

    def zeCommandListCreate(self, context, device, wanted, out):
        assert field(wanted, 0, U32) == 0xF and field(wanted, 20, U32) == 8
        stream = self.driver.stream()
        self.driver.begin(stream)
        put(out, P, self.new("stream", stream))

    def zeCommandListClose(self, stream):
        self.of("stream", stream)

    def zeCommandListDestroy(self, stream):
        self.drop("stream", stream)

    def zeCommandListHostSynchronize(self, stream, timeout):
        assert timeout == (1 << 64) - 1 and self.of("stream", stream).noted is None

    def zeCommandListAppendMemoryCopy(self, stream, target, source, size, *events):
        stream = self.of("stream", stream)
        inside = [self.driver.memory.holds(address, size) for address in (target, source)]
        if all(inside):
            self.driver.move(target, source, size, stream)
        else:
            copy = self.driver.write if inside[0] else self.driver.read
            copy(target, source, size, stream)

    def zeCommandListAppendMemoryFill(self, stream, target, pattern, length, size, *events):
        assert size == length
        self.driver.put(target, ctypes.string_at(pattern, length), self.of("stream", stream))

    def zeCommandListAppendWriteGlobalTimestamp(self, stream, target, *events):
        ticks = int(self.driver.record(self.of("stream", stream)) * NANOSECOND_TICKS)
        put(target, U64, ticks % (1 << 48))

    def zeCommandListAppendSignalEvent(self, stream, event):
        self.of("event", event)["happened"] = True

    def zeCommandListAppendWaitOnEvents(self, stream, count, events):
        assert count == 1 and self.of("event", field(events, 0, P))["happened"]

    def zeCommandQueueCreate(self, context, device, wanted, out):
        put(out, P, self.new("queue", None))

    def zeCommandQueueDestroy(self, queue):
        self.drop("queue", queue)

    def zeCommandQueueExecuteCommandLists(self, queue, count, lists, fence):
        self.of("queue", queue)
        assert count == 1 and fence is None
        for work in self.of("stream", field(lists, 0, P)).noted:
            work()

    def zeCommandQueueSynchronize(self, queue, timeout):
        self.of("queue", queue)

    def zeEventPoolCreate(self, context, wanted, count, devices, out):
        assert field(wanted, 0, U32) == 0x10 and field(wanted, 20, U32) == 1
        put(out, P, self.new("pool", None))

    def zeEventPoolDestroy(self, pool):
        self.drop("pool", pool)

    def zeEventCreate(self, pool, wanted, out):
        assert field(wanted, 0, U32) == 0x11
        put(out, P, self.new("event", {"happened": False}))

    def zeEventDestroy(self, event):
        self.drop("event", event)

    def zeEventHostSynchronize(self, event, timeout):
        assert self.of("event", event)["happened"]
