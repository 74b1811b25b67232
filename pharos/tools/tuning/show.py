"""How ``pharos tune`` and ``pharos tuned`` print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pharos.tools.console import print_json, print_table, remark
from pharos.tools.tuning.running import Found, Listed
from pharos.tuning import LOST, MEASURED, WON

RECORD = ("work", "values", ">ms", ">faster", "program", "when")
_ACTIONS = {
    "recorded": "recorded",
    "kept": "the cost model's choice stays",
    "undecided": "the cost model's choice stays: the best is ahead by less than the noise",
    "removed": "the record is removed: it is not ahead any more",
    "no time": "nothing tried: the time was over",
}


def progress(one: Any, outcome: Any) -> None:
    """A line on stderr for each candidate."""
    said = f"{outcome.ratio:.3f} of the choice's time" if outcome.state == MEASURED else outcome.why
    mark = "" if outcome.state == MEASURED else f"{outcome.state}: "
    remark(f"{one.what}: {_values(outcome.values)}: {mark}{said}")


def candidates(found: Listed, *, as_json: bool) -> None:
    """The candidates, the cost model's choice first, with what is known of them."""
    rows: list[dict[str, Any]] = []
    for one in found.survey.tunables:
        known = {_values(o.values): o for o in found.journal.outcomes(one.work) if not o.last}
        least = one.candidates[0][1]
        for values, cycles in one.candidates:
            outcome = known.get(_values(values))
            rows.append(
                {
                    "work": one.work,
                    "motifs": list(one.keys),
                    "values": dict(values),
                    "cycles": cycles,
                    "of_choice": cycles / least,
                    "recorded": values == one.recorded,
                    "measured": outcome.data() if outcome is not None else None,
                }
            )
    if as_json:
        print_json({"file": found.file, "candidates": rows, "left": found.survey.left})
        return
    _left(found.survey)
    if rows:
        whats = {one.work: one.what for one in found.survey.tunables}
        head = ("work", "values", ">Mcycles expected", ">of the choice", ">measured")
        print_table(head, [_candidate(whats[row["work"]], row) for row in rows])


def _candidate(what: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    outcome = row["measured"]
    measured = ""
    if outcome is not None:
        done = outcome["state"] == MEASURED
        measured = f"{outcome['ratio']:.3f}" if done else outcome["state"]
    values = f"{_values(row['values'])}{' (recorded)' if row['recorded'] else ''}"
    return what, values, f"{row['cycles'] / 1e6:.4g}", f"{row['of_choice']:.3f}", measured


def verdicts(found: Found, *, as_json: bool) -> None:
    """What the search came to."""
    if as_json:
        data = [verdict.data() for verdict in found.verdicts]
        head = {"file": found.file, "compared_with": found.checked_by}
        print_json({**head, "works": data, "left": found.survey.left})
        return
    _left(found.survey)
    for verdict in found.verdicts:
        print(f"{verdict.what}: {_ACTIONS[verdict.action]}")
        best = verdict.best
        if best is not None and best.state in (WON, LOST):
            ahead = f"{best.seconds * 1e3:.4g} ms, the choice {best.choice_seconds * 1e3:.4g} ms"
            print(f"  choice  {_values(verdict.choice)}")
            print(f"  best    {_values(best.values)}: {ahead}")
            print(f"  {best.ratio:.3f} of the choice's time, noise {best.noise:.3f}")
        bad = [one for one in verdict.outcomes if one.state != MEASURED]
        for one in bad:
            print(f"  left out, {one.state}: {_values(one.values)}: {one.why}")
        if verdict.left:
            print(f"  {verdict.left} candidates were not tried; the same command goes on")


def _left(survey: Any) -> None:
    for line in survey.left:
        print(f"not tuned, {line}")
    if not survey.tunables:
        print("nothing to tune: no part of this payload has candidates to choose from")


def record(one: Mapping[str, Any]) -> tuple[str, ...]:
    """A record as a row below ``RECORD``."""
    ratio = one.get("ratio")
    faster = f"{1 / ratio:.3f}x" if ratio else ""
    program, when = str(one.get("program", "")), str(one.get("when", ""))
    return (
        one["work"], _values(one["values"]), f"{one['seconds'] * 1e3:.4g}", faster, program, when
    )  # fmt: skip


def _values(values: Mapping[str, int]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())
