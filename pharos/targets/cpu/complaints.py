"""What LLVM says on stderr while it generates code.

For some mistakes (inline assembly, impossible register constraints) LLVM prints an error and goes
on, and the object it then writes computes nonsense. Nothing but the text tells.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from pharos.core.errors import UserError

_ERROR = re.compile(r"^(?:.*: )?error: (.*)$", re.MULTILINE)


@contextmanager
def complaints_are_errors() -> Iterator[None]:
    """Raise UserError after the block when LLVM printed an error inside; other text is passed on.

    Takes the process's stderr for the duration of the block, whoever writes to it.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said = file.read().decode("utf-8", "replace")
            found = list(dict.fromkeys(_ERROR.findall(said)))
            if not found or sys.exc_info()[0] is not None:
                sys.stderr.write(said)
    if found:
        raise UserError(
            f"LLVM cannot generate code: {'; '.join(found)}",
            hint="look for inline assembly or intrinsics that this processor does not have",
        )
