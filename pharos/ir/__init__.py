"""MLIR as the rest of Pharos sees it: contexts, modules, places and errors."""

from pharos.ir.diagnostics import CompileError, diagnosed
from pharos.ir.locations import location_of, span_of
from pharos.ir.module import (
    apply_schedule,
    clone,
    export_only,
    fingerprint,
    new_context,
    parse,
    parse_file,
    run_passes,
    to_text,
    verify,
)
from pharos.ir.parameters import MOTIF, PARAMETERS, restore_parameters, write_parameters
from pharos.ir.walks import at_least, contains, operations

__all__ = [
    "MOTIF",
    "PARAMETERS",
    "CompileError",
    "apply_schedule",
    "at_least",
    "clone",
    "contains",
    "diagnosed",
    "export_only",
    "fingerprint",
    "location_of",
    "new_context",
    "operations",
    "parse",
    "parse_file",
    "restore_parameters",
    "run_passes",
    "span_of",
    "to_text",
    "verify",
    "write_parameters",
]
