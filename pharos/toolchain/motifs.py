"""Parameters of the payload's motifs: who says what, who wins, and how they reach the operations.

A user's value wins over a plan's, that over one written on the operation, that over the database,
that over the cost model. What nobody said, the cost model completes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pharos.core import settings
from pharos.core.errors import UserError, nearest
from pharos.core.span import Span
from pharos.toolchain.records import Plan

_DATABASE = "tuned.jsonl"


@dataclass(frozen=True)
class MotifParameter:
    """A value, and where it came from: "cost model", "database", "operation", "plan", "user"."""

    name: str
    value: Any
    origin: str
    why: str = ""
    place: Span | None = None

    def __str__(self) -> str:
        place = f" {self.place}" if self.place is not None else ""
        return f"{self.name} = {self.value} ({self.origin}{place})"


class Facts:
    """The facts of ``module``, found when they are first asked for."""

    def __init__(self, module: Any) -> None:
        self._module = module

    @cached_property
    def functions(self) -> tuple[Any, ...]:
        """Every function with a body."""
        from pharos.payload import inspect_payload

        return inspect_payload(self._module).functions

    def walk(self) -> Iterator[Any]:
        """Every motif of every function."""
        for function in self.functions:
            yield from function.walk()

    @cached_property
    def by_key(self) -> Mapping[str, Any]:
        """The motifs by their keys."""
        return {motif.key: motif for motif in self.walk()}


def split(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The pipeline's parameters, and the motifs' by key or kind."""
    own: dict[str, Any] = {}
    motifs: dict[str, dict[str, Any]] = {}
    for name, value in parameters.items():
        key, dot, parameter = name.rpartition(".")
        if dot:
            motifs.setdefault(key, {})[parameter] = value
        else:
            own[name] = value
    return own, motifs


def decide(
    choices: Sequence[Any],
    facts: Facts,
    user: Mapping[str, Mapping[str, Any]],
    plan: Plan | None,
    device: str,
) -> dict[str, tuple[MotifParameter, ...]]:
    """By motif key, all parameters of each motif that a selector spoke of.

    Raises UserError for values that break a constraint, and for keys and names that there are not.
    """
    choices = _whole(choices, facts)
    _check_keys(user, choices, facts)
    records = measured(device, [choice.work for choice in choices])
    decided = {}
    for choice in choices:
        fixed = dict(_fixed(choice, facts.by_key[choice.key], user, plan))
        decided[choice.key] = _decided(choice, fixed, records[choice.work])
    return decided


def _whole(choices: Sequence[Any], facts: Facts) -> list[Any]:
    """``choices`` without those for parts of motifs that become one: an attention's products."""
    parts = {part.key for one in choices for part in facts.by_key[one.key].parts()}
    return [one for one in choices if one.key not in parts]


def _decided(
    choice: Any, fixed: Mapping[str, MotifParameter], tuned: Mapping[str, int]
) -> tuple[MotifParameter, ...]:
    said = {name: parameter.value for name, parameter in fixed.items()}
    for known in ({**tuned, **said}, said):
        unknown = [name for name in known if not _possible(known[name])]
        values = {} if unknown else choice.choose(known)
        merged = {**{n: c.value for n, c in values.items()}, **known}
        problems = choice.problems(merged)
        if not problems:
            break
        if known == said:
            raise _impossible(choice, fixed, problems)
        tuned = {}  # what was measured does not go together with what was said
    free = {} if not fixed else choice.choose({})
    found = []
    for name, made in values.items():
        if name in fixed:
            # What is fixed may bring a name that the model alone does not speak of.
            model = free[name].value if name in free else said[name]
            why = "" if model == said[name] else f"the cost model alone has {name} = {model}"
            found.append(replace(fixed[name], why=why))
        elif name in tuned:
            found.append(MotifParameter(name, tuned[name], "database"))
        else:
            found.append(MotifParameter(name, made.value, "cost model", made.why))
    return tuple(found)


def _possible(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _impossible(
    choice: Any, fixed: Mapping[str, MotifParameter], problems: Sequence[str]
) -> UserError:
    place = next((one.place for one in fixed.values() if one.place is not None), None)
    named = next(
        (p.place for name, p in fixed.items() if problems[0].startswith(f"{name} ") and p.place),
        place,
    )
    return UserError(
        f"{choice.key}: {'; '.join(problems)}",
        span=named,
        hint="leave out values: the cost model finds them for those that are given",
    )


def _fixed(
    choice: Any, motif: Any, user: Mapping[str, Mapping[str, Any]], plan: Plan | None
) -> Iterator[tuple[str, MotifParameter]]:
    """What was said about the motif; later ones win."""
    from pharos.ir import PARAMETERS

    attributes = motif.operation.attributes
    if PARAMETERS in attributes:
        for named in attributes[PARAMETERS]:
            value = getattr(named.attr, "value", str(named.attr))
            yield named.name, MotifParameter(named.name, value, "operation", place=motif.place)
    for name, (value, place) in (plan.motifs.get(choice.key, {}) if plan else {}).items():
        yield name, MotifParameter(name, value, "plan", place=place)
    for key in (motif.kind, choice.key):
        for name, value in user.get(key, {}).items():
            yield name, MotifParameter(name, value, "user")


def _check_keys(
    user: Mapping[str, Mapping[str, Any]], choices: Sequence[Any], facts: Facts
) -> None:
    known = [choice.key for choice in choices]
    kinds = sorted({facts.by_key[key].kind for key in known})
    for key, values in user.items():
        if key not in known and key not in kinds:
            whole = next((one for one in known if _has_part(facts.by_key[one], key)), None)
            raise UserError(
                f"{key}.{next(iter(values))}: expected a motif with parameters "
                f"({', '.join(kinds + known) or 'this payload and pipeline have none'})",
                hint=f"it is a part of {whole}, which becomes one operation"
                if whole is not None
                else nearest(key, [*kinds, *known]),
            )


def _has_part(motif: Any, key: str) -> bool:
    """Whether a part of ``motif`` has this key or kind."""
    return any(key in (part.key, part.kind) for part in motif.parts())


def database() -> Path:
    """The file with what was measured; see ``pharos.params.records``."""
    return settings.CACHE.get() / _DATABASE


def measured(device: str, works: Iterable[str]) -> dict[str, dict[str, int]]:
    """For each of ``works``, the values that the database has for it on ``device``; {} for none."""
    wanted = list(works)
    if not wanted:
        return {}
    from pharos.params.records import read_records

    records = read_records(database())
    return {work: dict(records.get((device, work), {})) for work in wanted}


def write(facts: Facts, decided: Mapping[str, Sequence[MotifParameter]]) -> None:
    """Write the values as attributes on the operations that they are for."""
    from pharos import ir

    for key, parameters in decided.items():
        values = {one.name: one.value for one in parameters}
        ir.write_parameters(facts.by_key[key].operation, values, key)
