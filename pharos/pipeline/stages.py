"""The declared forms of a stage: frozen dataclasses, one per kind.

They say what was written, parameters not yet filled in; `flatten` makes runnable stages of them.
``str(stage)`` is the stage's text and `parse_stage` reads it back; see `grammar` for the syntax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias, TypeVar

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.pipeline.values import MAX_DEPTH, NO_OPTIONS, Options, format_name, freeze, is_word


@dataclass(frozen=True)
class Pass:
    """One item of a pass pipeline: a pass with options, or passes nested under an operation.

    ``Pass("cse")``, ``Pass("canonicalize", Options({"max-iterations": 3}))``,
    ``Pass("func.func", nested=(Pass("cse"),))``.
    """

    name: str
    options: Options = NO_OPTIONS
    nested: tuple[Pass, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_name("a pass", self.name, self.span)
        object.__setattr__(self, "options", _options(self.options))
        object.__setattr__(self, "nested", tuple(self.nested))
        if self.options and self.nested:
            raise UserError(
                f"expected options or nested passes, found both on '{self.name}'", span=self.span
            )
        if self._depth() > MAX_DEPTH:
            raise UserError(f"expected passes nested at most {MAX_DEPTH} deep", span=self.span)

    def __str__(self) -> str:
        nested = f"({','.join(map(str, self.nested))})" if self.nested else ""
        return f"{format_name(self.name)}{nested}{self.options}"

    def _depth(self) -> int:
        return 1 + max((item._depth() for item in self.nested), default=0)

    def leaves(self) -> Iterator[Pass]:
        """The passes themselves, without the operations they are nested under."""
        if not self.nested:
            yield self
        for item in self.nested:
            yield from item.leaves()


@dataclass(frozen=True)
class PassStage:
    """``pass: func.func(canonicalize,cse),symbol-dce``: passes of MLIR, run in this order."""

    kind: ClassVar[str] = "pass"
    passes: tuple[Pass, ...]
    label: str | None = None
    span: Span | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "passes", tuple(self.passes))
        _check_label(self.label, self.span)
        if not self.passes:
            raise UserError("expected at least one pass, found none", span=self.span)

    def __str__(self) -> str:
        return f"pass: {self.body}{_labelled(self.label)}"

    @property
    def body(self) -> str:
        """The text after the kind."""
        return ",".join(map(str, self.passes))

    @property
    def default_label(self) -> str:
        """The names of the passes: all of one or two, else the first and the last."""
        names = [leaf.name for item in self.passes for leaf in item.leaves()]
        return "+".join(names) if len(names) < 3 else f"{names[0]}..{names[-1]}"


@dataclass(frozen=True)
class NamedStage:
    """What the kinds with one name and options have in common."""

    kind: ClassVar[str]
    name: str
    options: Options = NO_OPTIONS
    label: str | None = None
    span: Span | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_name(f"a name after '{self.kind}:'", self.name, self.span)
        object.__setattr__(self, "options", _options(self.options))
        _check_label(self.label, self.span)

    def __str__(self) -> str:
        return f"{self.kind}: {self.body}{_labelled(self.label)}"

    @property
    def body(self) -> str:
        """The text after the kind."""
        return f"{format_name(self.name)}{self.options}"

    @property
    def default_label(self) -> str:
        """The label of a stage that was given none."""
        return self.name


@dataclass(frozen=True)
class ScheduleStage(NamedStage):
    """``schedule: tile{sizes=[8, 32]}``: a registered function that builds a transform module."""

    kind: ClassVar[str] = "schedule"


@dataclass(frozen=True)
class TransformStage(NamedStage):
    """``transform: tile.mlir{sequence=main}``: a transform sequence of an .mlir file."""

    kind: ClassVar[str] = "transform"

    @property
    def default_label(self) -> str:
        """The file's name without folder and ending."""
        return self.name.replace("\\", "/").rpartition("/")[2].removesuffix(".mlir") or self.name


@dataclass(frozen=True)
class IncludeStage(NamedStage):
    """``include: other.yaml{tile=$tile_m}``: the stages of another descriptor, with arguments."""

    kind: ClassVar[str] = "include"


@dataclass(frozen=True)
class SelectStage(NamedStage):
    """``select: name``: a registered selector chooses the values of parameters."""

    kind: ClassVar[str] = "select"


@dataclass(frozen=True)
class CustomStage(NamedStage):
    """``stage: name{a=1}``: a registered kind of stage that is written in Python."""

    kind: ClassVar[str] = "stage"


DeclaredStage: TypeAlias = PassStage | NamedStage
Form = TypeVar("Form", bound=DeclaredStage)
NAMED_KINDS: Mapping[str, type[NamedStage]] = {
    kind.kind: kind
    for kind in (ScheduleStage, TransformStage, IncludeStage, SelectStage, CustomStage)
}
KINDS = (PassStage.kind, *NAMED_KINDS)


def map_options(stage: Form, change: Callable[[str, Options], Options]) -> Form:
    """``stage`` with every set of options replaced by ``change(owner's name, options)``."""

    def changed(item: Pass) -> Pass:
        return replace(
            item,
            options=change(item.name, item.options),
            nested=tuple(map(changed, item.nested)),
        )

    if isinstance(stage, PassStage):
        return replace(stage, passes=tuple(map(changed, stage.passes)))
    return replace(stage, options=change(stage.name, stage.options))


def unique_labels(wanted: Iterable[str]) -> list[str]:
    """``wanted`` with -2, -3, ... behind what occurred before, so that each occurs once."""
    taken = {"all"}  # Means every stage where the driver takes a label.
    labels = []
    for label in wanted:
        unique, count = label, 1
        while unique in taken:
            count += 1
            unique = f"{label}-{count}"
        taken.add(unique)
        labels.append(unique)
    return labels


def _options(options: Options | Mapping[str, Any]) -> Options:
    return options if isinstance(options, Options) else Options(options)


def _check_name(what: str, name: str, span: Span | None) -> None:
    if not isinstance(name, str) or not name:
        raise UserError(f"expected {what}, found {name!r}", span=span)
    freeze(name)


def _check_label(label: str | None, span: Span | None) -> None:
    if label is None:
        return
    if label == "all" or not is_word(label):
        raise UserError(
            "expected a label of letters, digits and the characters _-./+*@%~, other than 'all', "
            f"found '{label}'",
            span=span,
        )


def _labelled(label: str | None) -> str:
    return f" as {label}" if label else ""
