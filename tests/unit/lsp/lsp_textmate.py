"""As much of a TextMate tokenizer as the grammar uses: match, begin and end, captures, include.

https://macromates.com/manual/en/language_grammars: line by line; the rule that matches first in
the text wins, of several at one place the first in the list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[3] / "editors/vscode/syntaxes/lispier.tmLanguage.json"


@dataclass(frozen=True)
class Piece:
    """A stretch of a line with the innermost scope that colours it, "" for none."""

    text: str
    scope: str
    line: int
    column: int


class Grammar:
    def __init__(self) -> None:
        self.data: dict[str, Any] = json.loads(PATH.read_text())
        self._compiled: dict[str, re.Pattern[str]] = {}

    def pieces(self, text: str) -> Iterator[Piece]:
        """The coloured stretches of ``text``."""
        # Open begin/end rules: (end pattern, rules inside, scope).
        stack: list[tuple[str, list[Any], str]] = []
        for number, line in enumerate(text.split("\n")):
            for start, end, scope in self._line(line, stack):
                if end > start:
                    yield Piece(line[start:end], scope, number, start)

    def _line(self, line: str, stack: list[Any]) -> Iterator[tuple[int, int, str]]:
        at = 0
        while True:
            found, rule = self._next(line, at, stack)
            scope = stack[-1][2] if stack else ""
            if found is None:
                yield at, len(line), scope
                return
            yield at, found.start(), scope
            if rule is None:  # the end of the innermost open rule
                yield found.start(), found.end(), scope
                stack.pop()
            elif "begin" in rule:
                scope = rule.get("name", scope)
                yield found.start(), found.end(), scope
                stack.append((rule["end"], rule.get("patterns", []), scope))
            else:
                yield from self._captured(found, rule, scope)
            assert found.end() > at or rule is None, f"a rule matched nothing: {rule}"
            at = found.end()

    def _next(self, line: str, at: int, stack: list[Any]) -> tuple[Any, Any]:
        rules = list(self._rules(stack[-1][1] if stack else self.data["patterns"]))
        best: tuple[Any, Any] = (None, None)
        if stack:
            best = (self._search(stack[-1][0], line, at), None)
        for rule in rules:
            found = self._search(rule.get("match") or rule["begin"], line, at)
            if found and (best[0] is None or found.start() < best[0].start()):
                best = (found, rule)
        return best

    def _captured(self, found: Any, rule: Any, scope: str) -> Iterator[tuple[int, int, str]]:
        if "captures" not in rule:
            yield found.start(), found.end(), rule.get("name", scope)
            return
        at = found.start()
        for number, capture in rule["captures"].items():
            start, end = found.span(int(number))
            yield at, start, scope
            yield start, end, capture["name"]
            at = end
        yield at, found.end(), scope

    def _rules(self, patterns: list[Any]) -> Iterator[Any]:
        for pattern in patterns:
            include = pattern.get("include")
            if include is not None:
                pattern = self.data["repository"][include.removeprefix("#")]
            if "match" in pattern or "begin" in pattern:
                yield pattern
            else:
                yield from self._rules(pattern["patterns"])

    def _search(self, pattern: str, line: str, at: int) -> Any:
        if pattern not in self._compiled:
            self._compiled[pattern] = re.compile(pattern)
        return self._compiled[pattern].search(line, at)
