"""The loop: read a line or a command, have it done, show what comes of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Protocol

from pharos.core.errors import nearest
from pharos.tools.language.scan import is_blank
from pharos.tools.repl import style
from pharos.tools.repl.channel import Message
from pharos.tools.repl.guard import bury_orphans
from pharos.tools.repl.process import Process
from pharos.tools.repl.screen import Screen

HELP = """
    :expand FORM   the form with its macros expanded
    :type FORM     its type, without running it; also of a function's name
    :ir FORM       its MLIR before any pass; also of a function's name
    :asm FORM      its machine code; also of a function's name
    :time FORM     how long it takes; what it changes is undone
    :doc NAME      what a macro, special form, operation or definition is
    :load FILE     do what a file says
    :reset         forget all definitions and values
    :help          this
    :quit          leave (so does Ctrl-D)

    A form is (operation {attributes} operands...), a macro call or a name. *1 is the last value,
    *2 and *3 the two before. Ctrl-C stops what runs. A line that fails, crashes or is stopped is
    undone: definitions and values are as before it.
"""
# What the worker does, and what an argument is called.
_ASKED = {
    "expand": "FORM",
    "type": "FORM",
    "ir": "FORM",
    "asm": "FORM",
    "time": "FORM",
    "doc": "NAME",
    "load": "FILE",
}
_SHORT = {"q": "quit", "exit": "quit", "h": "help", "?": "help", "t": "type"}


def is_command(text: str) -> bool:
    """Whether ``text`` starts with a command: a colon and no blank, as ``(: 1 i32)`` has."""
    text = text.lstrip()
    return text.startswith(":") and not text[1:2].isspace()


class Reader(Protocol):
    """Where lines come from."""

    def read(self) -> str | None:
        """The next input, complete forms or a command; None at the end."""


class Prompt:
    """The state of the loop: the worker, and the number of the line."""

    def __init__(self, screen: Screen, process: Process) -> None:
        self.screen = screen
        self.process = process
        self._line = 0
        self._words: Message | None = None

    def run(self, reader: Reader, files: Sequence[str] = ()) -> None:
        """Load ``files``, then do what ``reader`` gives until it ends or says :quit."""
        for file in files:
            self._ask("load", file)
        while (text := reader.read()) is not None:
            if is_blank(text):
                continue
            if is_command(text):
                if not self.command(text.strip()):
                    return
            else:
                self._ask("evaluate", text)

    def command(self, text: str) -> bool:
        """Do a command; False for the one that ends the loop."""
        word, _, argument = text[1:].partition(" ")
        word, argument = _SHORT.get(word, word), argument.strip()
        if word == "quit":
            return False
        own = _OWN.get(word)
        if own is not None:
            own(self)
        elif word not in _ASKED:
            hint = nearest(word, COMMANDS)
            text = f"error: unknown command ':{word}'; :help lists the commands"
            self.screen.line(style.error(text + (f"\nhint: {hint}" if hint else "")))
        elif not argument:
            self.screen.line(style.error(f"error: :{word} wants a {_ASKED[word].lower()}"))
        else:
            self._ask(word, argument)
        return True

    def words(self) -> Message:
        """What could be completed: ``words`` and ``operations``."""
        if self._words is None:
            found: list[Message] = []
            self.process.ask(found.append, do="names")
            self._words = found[0] if found else {"words": [], "operations": []}
        return self._words

    def help(self) -> None:
        """Show the commands."""
        self.screen.line(inspect.cleandoc(HELP))

    def reset(self) -> None:
        """Begin again."""
        self.process.restart()
        self._words = None
        self.screen.line("all definitions and values are gone")

    def _ask(self, do: str, text: str) -> None:
        self._line += 1
        self._words = None
        name = f"<repl:{self._line}>"
        ended = self.process.ask(self.screen.show, do=do, text=text, name=name)
        self.screen.ended(ended)
        bury_orphans()
        if ended.kind == "crashed":
            self.process.ask(self.screen.show, do="reproducer", text=text)


_OWN: dict[str, Callable[[Prompt], None]] = {"help": Prompt.help, "reset": Prompt.reset}
COMMANDS = (*_ASKED, *_OWN, "quit")
