"""Options that several commands share, and what they ask of the toolchain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pharos.core.errors import UserError

if TYPE_CHECKING:
    from pharos.toolchain import Payload, Request

DUMPS = Path("pharos-dumps")
_STAGES = "Stages"

Target = Annotated[str, typer.Option(help="What to compile for; see pharos targets.")]
Pipeline = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE.yaml", help="The descriptor whose stages run."),
]
Stage = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="A stage instead of a pipeline's; may be repeated."),
]
Parameter = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="A parameter of the pipeline; may be repeated."),
]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="Replay the plan that pharos plan wrote."),
]
DumpAfter = Annotated[
    list[str] | None,
    typer.Option(metavar="STAGE|all", help="Write the module after this stage; may be repeated."),
]
DumpDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help=f"Where to write them; default: {DUMPS}.")
]
StartAt = Annotated[
    str | None,
    typer.Option(metavar="STAGE", help="The first stage to run: FILE is what it works on."),
]
StopAfter = Annotated[
    str | None,
    typer.Option(metavar="STAGE", help="The last stage to run; the module is printed."),
]
Replace = Annotated[
    list[str] | None,
    typer.Option(metavar="STAGE=FILE", help="Take the module in FILE for what STAGE would make."),
]
Time = Annotated[bool, typer.Option("--time", help="Compile anew; print what each stage took.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Seed = Annotated[int, typer.Option(min=0, help="Decides everything random.")]
Dtype = Annotated[
    str | None, typer.Option(metavar="f32|bf16", help="Of the weights; default: the file's.")
]


@dataclass(frozen=True)
class Stages:
    """The options that say which stages run, as the user gave them; None where not given."""

    target: str
    pipeline: str | None = None
    stage: Sequence[str] | None = None
    parameter: Sequence[str] | None = None
    dump_after: Sequence[str] | None = None
    dump_dir: Path | None = None
    start_at: str | None = None
    stop_after: str | None = None
    replace: Sequence[str] | None = None
    plan: Path | None = None

    @property
    def named(self) -> bool:
        """Whether the user said which stages there are."""
        return self.pipeline is not None or bool(self.stage) or self.plan is not None

    def request(self) -> Request:
        """What this asks of the toolchain. Raises UserError for options that contradict."""
        from pharos.toolchain import Request, read_plan

        if self.plan is not None and (self.pipeline is not None or self.stage):
            raise UserError(
                "expected --plan, --pipeline or --stage, found two of them: a plan says what to run"
            )
        if self.pipeline is not None and self.stage:
            raise UserError(
                "expected --pipeline or --stage, found both",
                hint="an included descriptor is a stage too: --stage 'include: optimize.yaml'",
            )
        return Request(
            self.target,
            self.pipeline,
            tuple(self.stage or ()),
            _pairs("--parameter", map(_parameter, self.parameter or ())),
            self.driving(),
            read_plan(self.plan) if self.plan is not None else None,
        )

    def driving(self) -> dict[str, Any]:
        """The options of the driver that were given."""
        given: dict[str, Any] = {}
        if self.dump_after:
            given |= {"dump_after": tuple(self.dump_after), "dump_dir": self.dump_dir or DUMPS}
        elif self.dump_dir is not None:
            raise UserError(
                "--dump-dir: expected --dump-after beside it",
                hint="--dump-after all writes the module after every stage",
            )
        if self.start_at is not None:
            given["start_at"] = self.start_at
        if self.stop_after is not None:
            given["stop_after"] = self.stop_after
        if self.replace:
            given["replace"] = _pairs("--replace", map(_replacement, self.replace))
        return given


def _pairs(option: str, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """``pairs`` as a mapping; UserError when a name comes twice."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise UserError(f"{option}: '{name}' is given twice")
        found[name] = value
    return found


def _parameter(text: str) -> tuple[str, Any]:
    from pharos.pipeline import parse_assignment

    return parse_assignment(text, file="--parameter")


def _replacement(text: str) -> tuple[str, Path]:
    label, equals, file = text.partition("=")
    if not equals or not label or not file:
        raise UserError(
            f"--replace: expected STAGE=FILE, found '{text}'",
            hint="for instance --replace vector-loops=after.mlir",
        )
    if not Path(file).is_file():
        raise UserError(f"--replace: no such file: {file}")
    return label, Path(file)


def read(file: str) -> Payload:
    """The program in ``file``; "-" is an MLIR module on stdin."""
    import sys

    from pharos import toolchain

    if file != "-":
        return toolchain.read_payload(file)
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"<stdin>: expected MLIR as UTF-8 text, found byte {error.object[error.start]:#04x} "
            f"at offset {error.start}"
        ) from None
    return toolchain.mlir_payload(text, "<stdin>")
