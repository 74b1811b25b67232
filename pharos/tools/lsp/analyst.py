"""A process that analyses programs for the language server, each in a child of its own.

MLIR may abort on a half-typed program, or take long: that costs one analysis. Requests and
answers are lines of JSON on stdin and stdout.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from pharos.core.errors import PharosError
from pharos.runtime.child import ChildDied, in_child
from pharos.tools.language import documentation, operations
from pharos.tools.lsp.analysis import analyse
from pharos.tools.lsp.expansion import expanded_at

_START = "<start>"
# A program that uses a little of every part.
_EVERYTHING = """
(require-dialect func)
(compilation (target cpu (pass canonicalize)))
(defn main [(: a i32)] -> i32 (print "%d" a) (func.return (+ (inc a) 1)))
"""
# Seconds that one analysis may take. A 90 kB program takes less than one.
_LIMIT = 10.0


def main() -> int:
    """Answer requests until stdin ends."""
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # What this loads every child has from the start.
    analyse(_START, {_START: _EVERYTHING})
    for line in sys.stdin:
        request = json.loads(line)
        result = _DOING[request["do"]](request)
        answers.write(json.dumps({"id": request["id"], "result": result}) + "\n")
        answers.flush()
    return 0


Request = Mapping[str, Any]


def _analysed(request: Request) -> Any:
    return _apart(lambda: dataclasses.asdict(analyse(request["path"], request["texts"])))


def _expanded(request: Request) -> Any:
    place = request["path"], request["texts"], request["line"], request["column"]
    return _apart(lambda: expanded_at(*place))


def _documented(request: Request) -> Any:
    found = documentation.document(request["name"])
    return None if found is None else dataclasses.asdict(found)


def _named(request: Request) -> Any:
    return {
        "words": documentation.known_names(),
        "operations": [n for d in request["dialects"] for n in operations.names(d)],
    }


def _attributes(request: Request) -> Any:
    found = operations.operation(request["name"])
    return [part.name for part in found.attributes] if found is not None else []


_DOING: Mapping[str, Callable[[Request], Any]] = {
    "analyse": _analysed,
    "expand": _expanded,
    "document": _documented,
    "names": _named,
    "attributes": _attributes,
}


def _apart(work: Callable[[], Any]) -> Any:
    """``work()`` in a child; {"died": how} when that dies or fails."""

    def limited(report: object) -> Any:
        signal.setitimer(signal.ITIMER_REAL, _LIMIT)
        return work()

    try:
        return in_child(limited)
    except ChildDied as death:
        return {"died": _in_words(death)}
    except PharosError as error:
        return {"died": str(error)}


def _in_words(death: ChildDied) -> str:
    if "SIGALRM" in death.status:
        return f"the analysis took longer than {_LIMIT:.0f} s"
    return f"the analysis ended by {death.status}"


if __name__ == "__main__":
    sys.exit(main())
