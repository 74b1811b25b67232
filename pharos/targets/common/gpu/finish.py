"""From a lowered module to an artifact."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pharos.core.artifact import Artifact, EntryPoint
from pharos.core.errors import UserError
from pharos.targets.common.gpu import archive
from pharos.targets.common.gpu.device_code import llvm_ir
from pharos.targets.common.gpu.generating import generate
from pharos.targets.common.gpu.launches import LAUNCHES, REPORT, Program, to_data
from pharos.targets.common.gpu.reading import Reader

SIMULATED_FORMAT = "llvm-ir"


def finish(
    target: Any, module: Any, entries: Sequence[EntryPoint], metadata: Mapping[str, Any]
) -> Artifact:
    """The artifact of ``module``, whose kernels are in LLVM dialect.

    ``entries`` and ``metadata`` come from ``entries.prepare``. A simulated target runs the LLVM IR
    itself and makes no vendor's code.
    """
    reader = Reader(module)
    programs = {entry.name: reader.program(entry) for entry in entries}
    if not programs:
        raise UserError(
            "expected a function that can be called, found none",
            hint=_reasons(metadata)
            or "give the module a function that has a body and is not private",
        )
    text, report = "", {}
    files = {archive.constant_name(n): data for n, data in enumerate(reader.constants)}
    if any(program.launches for program in programs.values()):
        text = llvm_ir(module, target.kind, target.facts(), simulated=target.simulated)
    files[archive.LLVM_IR] = text.encode()
    if text and not target.simulated:
        made = generate(text, target.kind, target.facts())
        files[f"kernels.{target.kind.format}"] = made.code
        files |= {archive.TEXT: made.text.encode()} if made.text else {}
        report = dict(made.report)
    code = archive.pack(files)
    return Artifact(
        target=target.name,
        format=SIMULATED_FORMAT if target.simulated else target.kind.format,
        code=code,
        entries=tuple(entries),
        fingerprint=hashlib.sha256(code).hexdigest(),
        metadata={**metadata, LAUNCHES: _plain(programs), REPORT: report},
    )


def _reasons(metadata: Mapping[str, Any]) -> str:
    refused = metadata.get("uncallable", {})
    return "; ".join(f"'{name}' cannot be called: {why}" for name, why in refused.items())


def _plain(programs: Mapping[str, Program]) -> dict[str, Any]:
    return {name: to_data(program) for name, program in programs.items()}
