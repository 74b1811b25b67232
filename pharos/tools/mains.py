"""Programs are called, and their results printed, the same way by every command.

Imports nothing that most programs do without: a small one takes less time than numpy's import.
"""

from __future__ import annotations

from collections.abc import Sequence

from pharos import toolchain
from pharos.core.artifact import Artifact
from pharos.tools.console import remark
from pharos.tools.numbers import number_text

# Result types of main that are printed (language reference, section 12).
_PRINTED = ("i32", "i64", "f32", "f64")


def run_main(artifact: Artifact, arguments: Sequence[str]) -> None:
    """Call main with the program's arguments and print its result, if that is a number."""
    result = toolchain.run_main(artifact, arguments)
    if result.dtype in printed(artifact):
        print(number_text(result.value, result.dtype))
        return
    returned = artifact.metadata.get("unprinted") or result.dtype
    if returned and returned not in _PRINTED:
        remark(
            f"warning: main returns {returned}; only results of {', '.join(_PRINTED)} are printed"
        )


def printed(artifact: Artifact) -> tuple[str, ...]:
    """The types of main's results that are printed: none of a program that says its passes."""
    return () if artifact.metadata.get("silent") else _PRINTED
