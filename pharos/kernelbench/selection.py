"""Which problems are meant: a file, ``level1``, ``level1/3``, ``level1/3-7``, a name, ``all``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pharos.core.errors import UserError, nearest

_LEVEL = re.compile(r"level(\d+)")
_NUMBERS = re.compile(r"level(\d+)/(\d+)(?:-(\d+))?")
_PUBLIC_FILE = re.compile(r"(\d+)_(.+)\.py")


@dataclass(frozen=True)
class Task:
    """One problem to run: ``key`` ("level1/3", or the path of a file) is its name in a report.

    ``path`` is the module with the problem; None for a problem of the project's own suite.
    """

    key: str
    name: str
    path: Path | None = None


def own_suite() -> tuple[Task, ...]:
    """The problems that the project ships, by level and number."""
    from pharos.kernelbench import suite

    return tuple(Task(spec.key, spec.name) for spec in suite.problems())


def public_suite(folder: Path) -> tuple[Task, ...]:
    """The problems in a checkout of KernelBench: its folder with ``level1`` to ``level3``.

    Raises UserError when there are none.
    """
    for root in (folder, folder / "KernelBench"):
        found = [task for level in sorted(root.glob("level[123]")) for task in _in_level(level)]
        if found:
            return tuple(found)
    raise UserError(
        f"--kernelbench: expected a checkout with level1 to level3, found none in {folder}",
        hint="git clone https://github.com/ScalingIntelligence/KernelBench",
    )


def _in_level(level: Path) -> list[Task]:
    numbered = sorted(
        (int(match[1]), match[2], path)
        for path in level.iterdir()
        if (match := _PUBLIC_FILE.fullmatch(path.name))
    )
    return [Task(f"{level.name}/{number}", name, path) for number, name, path in numbered]


def select(words: Sequence[str], suite: Callable[[], Iterable[Task]]) -> tuple[Task, ...]:
    """The tasks that ``words`` name, each once, in the order of the words.

    ``suite()`` is asked only when a word is not a file. Raises UserError for a word that names
    nothing, with the nearest name.
    """
    chosen: dict[str, Task] = {}
    known: tuple[Task, ...] | None = None
    for word in words:
        if word.endswith(".py"):
            found = [_file(Path(word))]
        else:
            known = tuple(suite()) if known is None else known
            found = _named(word, known)
        chosen.update({task.key: task for task in found})
    return tuple(chosen.values())


def _file(path: Path) -> Task:
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    return Task(str(path), path.stem, path)


def _named(word: str, known: Sequence[Task]) -> list[Task]:
    """The problems that ``word`` means: all, a level, numbers of a level, or a name."""
    if word == "all":
        return list(known)
    if _LEVEL.fullmatch(word):
        found = [task for task in known if task.key.startswith(f"{word}/")]
    elif numbers := _NUMBERS.fullmatch(word):
        low, high = int(numbers[2]), int(numbers[3] or numbers[2])
        keys = {f"level{numbers[1]}/{number}" for number in range(low, high + 1)}
        found = [task for task in known if task.key in keys]
    else:
        found = _by_name(word, known)
    if not found:
        names = [*(task.key for task in known), *(_spelled(task) for task in known)]
        raise UserError(
            f"expected a problem, found '{word}'",
            hint=nearest(word, names) or "level1, level1/3, level1/3-7, a name, a file.py, or all",
        )
    return found


def _by_name(word: str, known: Sequence[Task]) -> list[Task]:
    """Names are compared without case and with what stands between words left out."""
    plain = _plain(word)
    return [task for task in known if plain in (_plain(task.name), _plain(_spelled(task)))]


def _spelled(task: Task) -> str:
    """The key with the name in place of the number: level3/ResNet18."""
    return f"{task.key.partition('/')[0]}/{task.name}"


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9/]", "", text.lower())
