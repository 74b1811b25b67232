"""Lines from a terminal: multi-line editing, colours, completion, matching brackets, history."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout.processors import HighlightMatchingBracketProcessor
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from pharos.core import settings
from pharos.tools.language import words
from pharos.tools.language.scan import Token, is_complete, scan
from pharos.tools.repl import style
from pharos.tools.repl.prompt import COMMANDS, Prompt, is_command

_PROMPT, _CONTINUED = "lispier> ", "       . "
_STYLE = Style.from_dict(
    {
        "prompt": "ansigreen bold",
        "comment": "ansibrightblack italic",
        "string": "ansiyellow",
        "number": "ansimagenta",
        "keyword": "ansicyan",
        "type": "ansicyan",
        "operation": "ansiblue",
        "word": "ansigreen bold",
        "command": "ansimagenta bold",
        "bad": "ansired underline",
        "matching-bracket.cursor": "bold underline",
        "matching-bracket.other": "bold underline",
    }
)
_TYPES = (
    "i1", "i8", "i16", "i32", "i64", "index", "f16", "bf16", "f32", "f64", "!llvm.ptr",
)  # fmt: skip
_KINDS = {
    "comment": "class:comment",
    "string": "class:string",
    "number": "class:number",
    "keyword": "class:keyword",
    "label": "class:keyword",
    "quote": "class:keyword",
    "bad": "class:bad",
}


class TerminalReader:
    """Reads from the terminal that the process runs on."""

    def __init__(self, prompt: Prompt) -> None:
        self._session: PromptSession[str] = PromptSession(
            [("class:prompt", _PROMPT)],
            multiline=True,
            prompt_continuation=_CONTINUED,
            lexer=LispierLexer(),
            completer=LispierCompleter(prompt),
            complete_while_typing=False,
            auto_suggest=AutoSuggestFromHistory(),
            history=_history(prompt.screen.line),
            key_bindings=_bindings(),
            input_processors=[HighlightMatchingBracketProcessor(chars="()[]{}")],
            style=_STYLE,
            include_default_pygments_style=False,
        )

    def read(self) -> str | None:
        """The next input; None for Ctrl-D on an empty line. Ctrl-C drops what was typed."""
        try:
            return self._session.prompt()
        except KeyboardInterrupt:
            return ""
        except EOFError:
            return None


def _history(tell: Callable[[str], None]) -> History:
    """The lines of earlier runs, in the cache folder; of this run alone where that is closed."""
    path = settings.CACHE.get() / "repl-history"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        tell(style.paint(f"no history: cannot write {path}: {error.strerror}", "warning"))
        return InMemoryHistory()
    return FileHistory(str(path))


# -- keys -----------------------------------------------------------------------------------------


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        """Send whole forms; else a new line, indented."""
        buffer = event.current_buffer
        if _is_whole(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n" + " " * indentation(buffer.document.text_before_cursor))

    @bindings.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        """Send what there is, whole or not."""
        event.current_buffer.validate_and_handle()

    @bindings.add("tab")
    def _(event: KeyPressEvent) -> None:
        """Complete a name, or indent the start of a line."""
        buffer = event.current_buffer
        if buffer.document.current_line_before_cursor.strip():
            _complete(buffer)
        else:
            buffer.insert_text("  ")

    return bindings


def _complete(buffer: Buffer) -> None:
    if buffer.complete_state:
        buffer.complete_next()
    else:
        buffer.start_completion(insert_common_part=True)


def _is_whole(text: str) -> bool:
    if is_command(text):
        return is_complete(text.lstrip().partition(" ")[2])
    return is_complete(text)


def indentation(text: str) -> int:
    """How far the line after ``text`` is indented: two past an open "(", one past "[" and "{"."""
    opened: list[Token] = []
    for token in scan(text):
        if token.kind == "open":
            opened.append(token)
        elif token.kind == "close" and opened:
            opened.pop()
    if not opened:
        return 0
    column = opened[-1].start - (text.rfind("\n", 0, opened[-1].start) + 1)
    return column + (2 if opened[-1].text == "(" else 1)


# -- colours --------------------------------------------------------------------------------------


class LispierLexer(Lexer):
    """Colours what is typed."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The coloured pieces of each line."""
        lines: list[StyleAndTextTuples] = [[]]
        for text, kind in coloured(document.text):
            first, *rest = text.split("\n")
            lines[-1].append((kind, first))
            lines.extend([(kind, line)] for line in rest)
        return lambda number: lines[number] if number < len(lines) else []


def coloured(text: str) -> Iterable[tuple[str, str]]:
    """The pieces of ``text``, each with its style."""
    start = 0
    if text.startswith(":") and is_command(text):
        start = len(text.partition(" ")[0])
        yield text[:start], "class:command"
    for token in scan(text[start:]):
        yield token.text, _KINDS.get(token.kind, "") or _of_symbol(token)


def _of_symbol(token: Token) -> str:
    text = token.text
    if token.kind != "symbol":
        return ""
    if text in words.FORMS or text in words.MACROS:
        return "class:word"
    if text.startswith("!") or "<" in text[1:] or text in _TYPES:
        return "class:type"
    return "class:operation" if "." in text.strip(".") else ""


# -- completion -----------------------------------------------------------------------------------


class LispierCompleter(Completer):
    """Completes names that the session knows, commands, and files after :load."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._files = PathCompleter(expanduser=True)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """What may stand at the cursor."""
        before = document.text_before_cursor
        if before.startswith(":load "):
            path = Document(before.removeprefix(":load ").lstrip())
            yield from self._files.get_completions(path, complete_event)
            return
        if before.startswith(":") and " " not in before:
            yield from _matching(before, [f":{name}" for name in COMMANDS])
            return
        *_, last = scan(before) if before else (None,)
        if last is not None and last.kind in ("symbol", "bad"):
            yield from _matching(last.text, self._names())

    def _names(self) -> Iterable[str]:
        known = self._prompt.words()
        return [*known["words"], *known["operations"], *_TYPES]


def _matching(typed: str, known: Iterable[str]) -> Iterable[Completion]:
    for name in sorted(set(known)):
        if name.startswith(typed):
            yield Completion(name, start_position=-len(typed))
