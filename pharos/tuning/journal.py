"""What was tried so far, a line each, so that a search can be ended at any time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pharos.runtime.store import write_whole
from pharos.tuning.outcomes import Outcome

_LONGEST = 4 << 20  # bytes; beyond, what another version of Pharos measured is dropped


@dataclass(frozen=True)
class Journal:
    """The file at ``path``. ``case`` is all that a time depends on but the candidate: payload,
    inputs, device, threads; ``code`` the version of what makes the code."""

    path: Path
    case: str
    code: str

    def add(self, work: str, outcome: Outcome) -> None:
        """Keep ``outcome``; it is on disk when this returns."""
        entry = {"case": self.case, "code": self.code, "work": work, **outcome.data()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > _LONGEST:
            self._drop_old()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(entry)}")  # first ends a line that was left torn

    def outcomes(self, work: str) -> list[Outcome]:
        """What is known of ``work`` here, in the order in which it was measured."""
        names = Outcome.__dataclass_fields__
        return [
            Outcome(**{name: entry[name] for name in names})
            for entry in self._entries()
            if (entry["case"], entry["code"], entry["work"]) == (self.case, self.code, work)
        ]

    def _entries(self) -> Iterator[dict[str, Any]]:
        """All entries. A line that is not whole was being written when its process ended."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
                whole = entry.keys() >= {"case", "code", "work", *Outcome.__dataclass_fields__}
            except (ValueError, AttributeError):
                continue
            if whole:
                yield entry

    def _drop_old(self) -> None:
        kept = [one for one in self._entries() if one["code"] == self.code]
        write_whole(self.path, "".join(f"{json.dumps(one)}\n" for one in kept).encode())
