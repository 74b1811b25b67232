"""What of a payload can be tuned: the choices of selectors that rank their candidates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pharos.params.candidates import apart
from pharos.toolchain import Payload, Request, make_plan
from pharos.tuning.outcomes import Values


@dataclass(frozen=True)
class Tunable:
    """One work, which may occur several times: the motifs ``keys``.

    ``candidates`` are values with the cycles that the cost model expects, its choice first.
    ``recorded`` are the values of the data base, which are among them, or None.
    """

    work: str
    what: str
    keys: tuple[str, ...]
    candidates: tuple[tuple[Values, float], ...]
    recorded: Values | None = None

    @property
    def choice(self) -> Values:
        """What the selector takes."""
        return self.candidates[0][0]

    def parameters(self, values: Values) -> dict[str, int]:
        """``values`` as parameters of a request."""
        return {f"{key}.{name}": value for key in self.keys for name, value in values.items()}


@dataclass(frozen=True)
class Survey:
    """``parameters`` are those of all motifs, of tunable ones the selector's choices; ``left``
    tells of motifs that are not measured, and why."""

    tunables: tuple[Tunable, ...]
    parameters: Mapping[str, int]
    left: tuple[str, ...] = ()


def survey(payload: Payload, request: Request, entry: str, count: int) -> Survey:
    """What of the function ``entry`` can be tuned, with at most ``count`` candidates each.

    Makes modules: call it in a child process.
    """
    return surveyed(make_plan(payload, request), entry, count)


def surveyed(planned: Any, entry: str, count: int) -> Survey:
    """``survey`` of what was planned."""
    reached = {m.key for name in _reached(planned, entry) for m in _motifs(planned, name)}
    choices = {one.key: one for one in planned.pipeline.motifs}
    recorded = planned.measured()
    parameters: dict[str, int] = {}
    tunables: dict[str, Tunable] = {}
    left = []
    for key, decided in planned.motifs.items():
        choice, what = choices[key], planned.facts.by_key[key].describe()
        parameters |= {f"{key}.{one.name}": one.value for one in decided}
        said = sorted({one.origin for one in decided} - {"cost model", "database"})
        reason = (
            f"'{entry}' does not call it" if key not in reached
            else f"its values are given ({', '.join(said)})" if said
            else "its selector ranks no candidates" if choice.ranked is None
            else ""
        )  # fmt: skip
        if reason:
            left.append(f"{key}: {what}: {reason}")
            continue
        found = tunables.get(choice.work)
        tunables[choice.work] = (
            _tunable(choice, what, recorded[choice.work] or None, count)
            if found is None
            else Tunable(found.work, what, (*found.keys, key), found.candidates, found.recorded)
        )
    for one in tunables.values():
        parameters |= one.parameters(one.choice)
    return Survey(tuple(sorted(tunables.values(), key=_cost)), parameters, tuple(left))


def _cost(one: Tunable) -> float:
    """What takes longest comes first."""
    return -len(one.keys) * one.candidates[0][1]


def _tunable(choice: Any, what: str, recorded: Values | None, count: int) -> Tunable:
    chosen = {name: one.value for name, one in choice.choose({}).items()}
    ranked = [(dict(one.values), one.cycles) for one in choice.ranked()]
    cycles = next((c for values, c in ranked if values == chosen), ranked[0][1])
    found: list[tuple[Values, float]] = [(chosen, cycles)]
    recorded = _whole(choice, recorded)
    if recorded is not None and recorded != chosen:
        known = next((c for values, c in ranked if values == recorded), cycles)
        found.append((recorded, known))
    known_values = [values for values, _ in found]
    found += [one for one in ranked if all(apart(one[0], values) for values in known_values)]
    return Tunable(choice.work, what, (choice.key,), tuple(found[:count]), recorded)


def _whole(choice: Any, recorded: Values | None) -> Values | None:
    """``recorded`` with the values that it leaves to the model; None when they break a rule."""
    if recorded is None:
        return None
    values = {**{name: one.value for name, one in choice.choose(recorded).items()}, **recorded}
    return values if not choice.problems(values) else None


def _motifs(planned: Any, name: str) -> Iterator[Any]:
    for function in planned.facts.functions:
        if function.name == name:
            yield from function.walk()


def _reached(planned: Any, entry: str) -> Sequence[str]:
    """``entry`` and the functions that it calls."""
    from pharos import ir

    calls: dict[str, set[str]] = {}
    for function in planned.module.body.operations:
        attributes = function.operation.attributes
        if "sym_name" in attributes:
            inside = ir.operations(function)
            callees = [o.attributes["callee"] for o in inside if "callee" in o.attributes]
            calls[attributes["sym_name"].value] = {getattr(c, "value", str(c)) for c in callees}
    found, new = [], [entry]
    while new:
        name = new.pop()
        if name not in found:
            found.append(name)
            new += calls.get(name, ())
    return found
