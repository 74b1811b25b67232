"""Level Zero's functions, records and results, as far as they are used here.

Source: ze_api.h of the Level Zero specification 1.13; sizes and offsets of its records were
compared with a C compiler's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, ClassVar

from pharos.targets.common.gpu.host import failures
from pharos.targets.common.gpu.host.failures import Vendor
from pharos.targets.common.gpu.host.library import Prototypes

VENDOR = Vendor(
    "Intel",
    "the Level Zero loader and Intel's compute run time (libze_loader.so.1)",
    "Level Zero 1.6 or newer",
    "clinfo or xpu-smi",
)
LIBRARIES = ("libze_loader.so.1", "libze_loader.so")
_P, _U32, _U64, _SIZE = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_size_t
_EVENTS = [_P, _U32, _P]  # what is signalled, how many are waited for, which

# Numbers of records (ze_structure_type_t).
DEVICE_PROPERTIES, IP_VERSION = 0x20006, 0x1000F
CONTEXT, QUEUE, LIST, MODULE, KERNEL = 0xD, 0xE, 0xF, 0x1B, 0x1D
DEVICE_MEMORY, HOST_MEMORY, POOL, EVENT = 0x15, 0x16, 0x10, 0x11
SYSTEM_MEMORY = 0x20037
GPU, SPIRV, ASYNCHRONOUS = 1, 0, 2
LIST_IN_ORDER, QUEUE_IN_ORDER, HOST_VISIBLE, HOST_SCOPE = 8, 2, 1, 4
FOREVER = (1 << 64) - 1

# What lets the device work on memory of the host that is there already.
MAPS_SYSTEM_MEMORY = b"ZE_extension_external_memmap_sysmem"

PROTOTYPES: Prototypes = {
    "zeInit": [_U32],
    "zeDriverGet": [_P, _P],
    "zeDriverGetExtensionProperties": [_P, _P, _P],
    "zeDeviceGet": [_P, _P, _P],
    "zeDeviceGetProperties": [_P, _P],
    "zeContextCreate": [_P, _P, _P],
    "zeMemAllocDevice": [_P, _P, _SIZE, _SIZE, _P, _P],
    "zeMemAllocHost": [_P, _P, _SIZE, _SIZE, _P],
    "zeMemFree": [_P, _P],
    "zeModuleCreate": [_P, _P, _P, _P, _P],
    "zeModuleDestroy": [_P],
    "zeModuleBuildLogGetString": [_P, _P, _P],
    "zeModuleBuildLogDestroy": [_P],
    "zeKernelCreate": [_P, _P, _P],
    "zeKernelDestroy": [_P],
    "zeKernelSetGroupSize": [_P, _U32, _U32, _U32],
    "zeKernelSetArgumentValue": [_P, _U32, _SIZE, _P],
    "zeCommandListCreateImmediate": [_P, _P, _P, _P],
    "zeCommandListCreate": [_P, _P, _P, _P],
    "zeCommandListClose": [_P],
    "zeCommandListDestroy": [_P],
    "zeCommandListHostSynchronize": [_P, _U64],
    "zeCommandListAppendMemoryCopy": [_P, _P, _P, _SIZE, *_EVENTS],
    "zeCommandListAppendMemoryFill": [_P, _P, _P, _SIZE, _SIZE, *_EVENTS],
    "zeCommandListAppendLaunchKernel": [_P, _P, _P, *_EVENTS],
    "zeCommandListAppendWriteGlobalTimestamp": [_P, _P, *_EVENTS],
    "zeCommandListAppendSignalEvent": [_P, _P],
    "zeCommandListAppendWaitOnEvents": [_P, _U32, _P],
    "zeCommandQueueCreate": [_P, _P, _P, _P],
    "zeCommandQueueDestroy": [_P],
    "zeCommandQueueExecuteCommandLists": [_P, _U32, _P, _P],
    "zeCommandQueueSynchronize": [_P, _U64],
    "zeEventPoolCreate": [_P, _P, _U32, _P, _P],
    "zeEventPoolDestroy": [_P],
    "zeEventCreate": [_P, _P, _P],
    "zeEventDestroy": [_P],
    "zeEventHostSynchronize": [_P, _U64],
}

KINDS: Mapping[int, str] = {
    0x70000001: failures.FAULT,
    0x70000002: failures.NO_MEMORY,
    0x70000003: failures.NO_MEMORY,
    0x70000004: failures.BAD_CODE,
    0x70000005: failures.BAD_CODE,
    0x70000006: failures.LOST,
    0x78000001: failures.NO_DEVICE,
    0x78000002: failures.OLD_DRIVER,
    0x78000003: failures.OLD_DRIVER,
    0x7800000F: failures.BAD_CODE,
    0x78000011: failures.BAD_CODE,
    0x78000013: failures.LAUNCH,
    0x78000014: failures.LAUNCH,
    0x78000016: failures.LAUNCH,
}


class Record(ctypes.Structure):
    """What every record begins with: its number, and the next record."""

    _fields_: ClassVar[Any] = (("stype", _U32), ("next", _P))


class Queue(Record):
    """ze_command_queue_desc_t"""

    _fields_ = (
        ("ordinal", _U32), ("index", _U32), ("flags", _U32), ("mode", _U32), ("priority", _U32),
    )  # fmt: skip


class List(Record):
    """ze_command_list_desc_t"""

    _fields_ = (("ordinal", _U32), ("flags", _U32))


class Flags(Record):
    """ze_context_desc_t, ze_host_mem_alloc_desc_t"""

    _fields_ = (("flags", _U32),)


class SystemMemory(Record):
    """ze_external_memmap_sysmem_ext_desc_t"""

    _fields_ = (("address", _P), ("size", _U64))


class Extension(ctypes.Structure):
    """ze_driver_extension_properties_t"""

    _fields_ = (("name", ctypes.c_char * 256), ("version", _U32))


class DeviceMemory(Record):
    """ze_device_mem_alloc_desc_t"""

    _fields_ = (("flags", _U32), ("ordinal", _U32))


class Module(Record):
    """ze_module_desc_t"""

    _fields_ = (
        ("format", _U32), ("size", _SIZE), ("input", ctypes.c_char_p),
        ("flags", ctypes.c_char_p), ("constants", _P),
    )  # fmt: skip


class Kernel(Record):
    """ze_kernel_desc_t"""

    _fields_ = (("flags", _U32), ("name", ctypes.c_char_p))


class Pool(Record):
    """ze_event_pool_desc_t"""

    _fields_ = (("flags", _U32), ("count", _U32))


class Event(Record):
    """ze_event_desc_t"""

    _fields_ = (("index", _U32), ("signal", _U32), ("wait", _U32))


class IpVersion(Record):
    """ze_device_ip_version_ext_t"""

    _fields_ = (("version", _U32),)


class DeviceProperties(Record):
    """ze_device_properties_t"""

    _fields_ = (
        ("type", _U32), ("vendor", _U32), ("device", _U32), ("flags", _U32),
        ("subdevice", _U32), ("clock", _U32), ("most_bytes", _U64), ("contexts", _U32),
        ("priority", _U32), ("threads", _U32), ("width", _U32), ("eus", _U32),
        ("subslices", _U32), ("slices", _U32), ("resolution", _U64), ("bits", _U32),
        ("kernel_bits", _U32), ("uuid", ctypes.c_ubyte * 16), ("name", ctypes.c_char * 256),
    )  # fmt: skip
