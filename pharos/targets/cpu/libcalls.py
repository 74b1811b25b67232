"""Names that code generation calls by itself, beyond libc and libm.

The engine wants an address for each before it writes the object; whether they exist is checked
by name in the finished object, where a missing one is an error that names it.
"""

from __future__ import annotations

# What the translation of the omp dialect calls (LLVM, OMPKinds.def).
_KMPC = (
    "fork_call fork_call_if fork_teams global_thread_num push_num_threads push_proc_bind "
    "serialized_parallel end_serialized_parallel barrier cancel cancel_barrier "
    "cancellationpoint flush critical critical_with_hint end_critical master end_master masked "
    "end_masked single end_single copyprivate ordered end_ordered "
    "for_static_init_4 for_static_init_4u for_static_init_8 for_static_init_8u for_static_fini "
    "distribute_static_init_4u distribute_static_init_8u distribute_static_fini "
    "dist_for_static_init_4u dist_for_static_init_8u "
    "dispatch_init_4u dispatch_init_8u dispatch_next_4u dispatch_next_8u dispatch_fini_4u "
    "dispatch_fini_8u dispatch_deinit "
    "reduce end_reduce reduce_nowait end_reduce_nowait alloc free omp_task omp_task_alloc "
    "omp_taskwait omp_taskyield taskgroup end_taskgroup taskloop"
)

# Compiler run-time functions of conversions and wide arithmetic (LLVM, RuntimeLibcalls.td).
_FLOATS = ("sf", "df", "xf", "tf")
_WIDE = ("si", "di", "ti")
_CONVERSIONS = (
    *(f"__trunc{a}{b}2" for a in _FLOATS for b in ("bf", "hf", "sf", "df")),
    *(f"__extend{a}{b}2" for a in ("hf", "bf", "sf", "df") for b in _FLOATS),
    *(f"__{op}{a}{b}" for op in ("fix", "fixuns") for a in (*_FLOATS, "hf") for b in _WIDE),
    *(f"__{op}{b}{a}" for op in ("float", "floatun") for a in (*_FLOATS, "hf") for b in _WIDE),
    *(f"__powi{a}2" for a in _FLOATS),
    *(f"__{op}{a}3" for op in ("mul", "div") for a in ("sc", "dc", "xc", "tc")),
    *(
        f"__{op}ti3"
        for op in ("udiv", "div", "umod", "mod", "mul", "ashl", "ashr", "lshr", "udivmod")
    ),
    *(f"__mulo{a}4" for a in _WIDE),
)

GENERATED: tuple[str, ...] = (*(f"__kmpc_{name}" for name in _KMPC.split()), *_CONVERSIONS)
