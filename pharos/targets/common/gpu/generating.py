"""The vendor's code of LLVM IR text, made in a child process.

LLVM's back ends end the process when they do not know how to go on; here that is one error message,
and the text that did it is kept.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pharos.core import settings
from pharos.core.errors import InternalError
from pharos.runtime.child import ChildDied, in_child
from pharos.targets.common.gpu.facts import GpuFacts
from pharos.targets.common.gpu.kind import Generated, GpuKind

T = TypeVar("T")


def generate(text: str, kind: GpuKind, facts: GpuFacts) -> Generated:
    """``kind.generate(text, facts)`` in a child process.

    Raises what it raises, and InternalError with the folder of a reproducer when the process dies.
    """
    if settings.DEBUG.get() >= 4:
        sys.stderr.write(text)
    return _in_child(kind.generate, text, facts)


def assembly(text: str, kind: GpuKind, facts: GpuFacts) -> str:
    """``kind.assembly(text, facts)``, which the kind must have, in a child process, as above."""
    if kind.assembly is None:
        raise InternalError(f"{kind.name} makes no assembly")
    return _in_child(kind.assembly, text, facts)


def _in_child(work: Callable[[str, GpuFacts], T], text: str, facts: GpuFacts) -> T:
    try:
        return in_child(lambda report: work(text, facts))
    except ChildDied as death:
        folder = _saved(text, facts, death)
        said = [line.strip() for line in death.output.splitlines() if line.strip()]
        told = next((line for line in said if "error" in line.lower()), said[-1] if said else "")
        raise InternalError(
            f"code generation for {facts.kind}:{facts.chip} ended by {death.status}"
            + (f": {told}" if told else ""),
            reproducer=folder,
        ) from None


def _saved(text: str, facts: GpuFacts, death: ChildDied) -> str:
    root = settings.REPRODUCERS.get()
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"code-{facts.kind}-{facts.chip}-", dir=root))
        (folder / "kernels.ll").write_text(text, encoding="utf-8")
        (folder / "about.txt").write_text(f"{death}\n{death.output}", encoding="utf-8")
    except OSError as problem:
        return f"not saved: cannot write to {root}: {problem.strerror}"
    return str(folder)
