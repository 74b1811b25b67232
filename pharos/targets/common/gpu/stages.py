"""The stages that every GPU target has, by the names descriptors use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pharos.targets.common.aggregates import Aggregates
from pharos.targets.common.bool_bytes import BoolBytes
from pharos.targets.common.contractions.splits import SplitProducts
from pharos.targets.common.copies import StridedCopies
from pharos.targets.common.fast_math.stage import FastMath
from pharos.targets.common.gpu.device_functions import DeviceFunctions
from pharos.targets.common.gpu.parallel_kernels import ParallelKernels
from pharos.targets.common.gpu.programs.calls import LaunchCalls
from pharos.targets.common.gpu.programs.copies import WaitingCopies
from pharos.targets.common.gpu.programs.linalg import LinalgKernels
from pharos.targets.common.gpu.programs.merged import MergedKernels
from pharos.targets.common.gpu.programs.sides import KernelFunctions
from pharos.targets.common.gpu.programs.sizes import LaunchSizes
from pharos.targets.common.loops.stage import GpuLoops
from pharos.targets.common.nests.sharing import NoteSharing
from pharos.targets.common.scalar_operands import InlineScalars
from pharos.transform.nested_concats import NestedConcats
from pharos.transform.rounded_constants import RoundedConstants
from pharos.transform.scans import Scans
from pharos.transform.scatters import Scatters
from pharos.transform.sorts import Sorts

STAGES: Mapping[str, Callable[..., Any]] = {
    kind.name: kind
    for kind in (
        Scans,
        Scatters,
        Sorts,
        NestedConcats,
        RoundedConstants,
        Aggregates,
        NoteSharing,
        StridedCopies,
        InlineScalars,
        BoolBytes,
        SplitProducts,
        GpuLoops,
        ParallelKernels,
        DeviceFunctions,
        FastMath,
        WaitingCopies,
        LaunchSizes,
        LinalgKernels,
        KernelFunctions,
        MergedKernels,
        LaunchCalls,
    )
}
