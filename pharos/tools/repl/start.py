"""Starting and leaving the prompt."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pharos import __version__
from pharos.tools.repl import style
from pharos.tools.repl.plain import PlainReader
from pharos.tools.repl.process import Process
from pharos.tools.repl.prompt import Prompt
from pharos.tools.repl.screen import Screen

_INTERRUPTED = 130


def main(files: Sequence[str] = ()) -> int:
    """Run the prompt until :quit or the end of the input, after loading ``files``.

    On a terminal lines are edited, with colours and history; from a pipe they are read as they
    are. Returns the exit status: 0, or 130 when Ctrl-C came while nothing ran.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    screen = Screen()
    process = Process(screen.program, terminal=terminal)
    prompt = Prompt(screen, process)
    try:
        if terminal:
            from pharos.tools.repl.terminal import TerminalReader

            screen.line(style.paint(f"Lispier, Pharos {__version__}. :help lists commands.", "dim"))
            prompt.run(TerminalReader(prompt), files)
        else:
            prompt.run(PlainReader(sys.stdin), files)
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        process.close()
    return 0
