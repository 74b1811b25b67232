"""The pipeline stages of the CPU that are written in Python, by the names descriptors use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pharos.targets.common.aggregates import Aggregates
from pharos.targets.common.bool_bytes import BoolBytes
from pharos.targets.common.copies import StridedCopies
from pharos.targets.common.fast_math.stage import FastMath
from pharos.targets.common.nests.sharing import NoteSharing
from pharos.targets.common.scalar_operands import InlineScalars
from pharos.targets.cpu.assertions import Assertions
from pharos.targets.cpu.attention.stage import CpuAttention
from pharos.targets.cpu.contractions.stage import PackedContractions
from pharos.targets.cpu.float_class import FloatClass
from pharos.targets.cpu.half_masks import HalfMasks
from pharos.targets.cpu.libm_names import LibmNames
from pharos.targets.cpu.merged_functions import MergeFunctions
from pharos.targets.cpu.one_barrier import OneBarrier
from pharos.targets.cpu.reductions import SerialReductions
from pharos.targets.cpu.scopes import AllocaScopes
from pharos.targets.cpu.tensors import FreeTensors, NoteTensors
from pharos.targets.cpu.vector_loops.stage import VectorLoops
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
        NoteTensors,
        FreeTensors,
        StridedCopies,
        Assertions,
        SerialReductions,
        OneBarrier,
        AllocaScopes,
        FloatClass,
        LibmNames,
        CpuAttention,
        PackedContractions,
        InlineScalars,
        BoolBytes,
        VectorLoops,
        FastMath,
        HalfMasks,
        MergeFunctions,
    )
}
