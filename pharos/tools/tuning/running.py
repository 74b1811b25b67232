"""What ``pharos tune`` does: a subject, a survey of what can be tuned, the search."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pharos import toolchain, tuning
from pharos.core import settings
from pharos.core.errors import UserError
from pharos.runtime.child import in_child
from pharos.tools import apart, models, options
from pharos.tools.console import remark


@dataclass(frozen=True)
class Wanted:
    """What the user asked for."""

    file: str
    entry: str | None
    inputs: str | None
    seed: int
    target: str
    seconds: float
    candidates: int
    again: bool


@dataclass(frozen=True)
class Listed:
    """A survey, with what the journal knows of each work's candidates."""

    file: str
    survey: tuning.Survey
    journal: tuning.Journal


@dataclass(frozen=True)
class Found:
    """The verdicts of a search of ``file``."""

    file: str
    survey: tuning.Survey
    checked_by: str
    verdicts: list[tuning.Verdict]


def listed(wanted: Wanted) -> Listed:
    """The candidates. Raises UserError for what cannot be tuned."""
    request = toolchain.Request(wanted.target)
    subject, entry = _subject(wanted, request)
    return Listed(wanted.file, _survey(wanted, request, subject, entry), _journal(wanted, subject))


def search(wanted: Wanted, tell: Callable[[Any, Any], None]) -> Found:
    """Measure and record. Raises UserError for what cannot be tuned."""
    _check_device(wanted.target)
    request = toolchain.Request(wanted.target)
    subject, entry = _subject(wanted, request)
    survey = _survey(wanted, request, subject, entry)
    if not survey.tunables:
        return Found(wanted.file, survey, "", [])
    with tempfile.TemporaryDirectory(prefix="pharos-tune-") as folder:
        measurer = tuning.ChildMeasurer(subject, request, survey, apart.isolated, Path(folder))
        measurer.find_expected()
        remark(f"results are compared with those of {measurer.checked_by}")
        about = {"program": wanted.file, "when": time.strftime("%Y-%m-%d %H:%M")}
        made = tuning.Search(
            measurer, _journal(wanted, subject), toolchain.database(), toolchain.device_of(request),
            wanted.seconds, about, tell, wanted.again,
        )  # fmt: skip
        try:
            verdicts = tuning.tune(survey, made)
        except KeyboardInterrupt:
            remark("what was measured is kept: the same command goes on")
            raise
    return Found(wanted.file, survey, measurer.checked_by, verdicts)


def _check_device(name: str) -> None:
    """Raise UserError where times would say nothing, or there is nothing to time on."""
    chosen = toolchain.target(name)
    if not getattr(chosen, "timed", True):
        raise UserError(
            f"tuning measures time, and {name} is simulated: its times are not those of a device",
            hint="tune on a machine with the device; pharos plan shows the cost model's choice",
        )
    refusal = in_child(lambda report: _refusal(chosen))  # this process will fork
    if refusal is not None:
        raise UserError(refusal[0], hint=refusal[1])


def _refusal(chosen: Any) -> tuple[str, str | None] | None:
    """Why the device cannot be opened, and what to do about it; None when it can."""
    try:
        chosen.open_device()
    except UserError as error:
        return error.message, error.hint
    return None


def _subject(wanted: Wanted, request: toolchain.Request) -> tuple[Any, str]:
    """What is called, and the name of its function."""
    if models.is_model(wanted.file) or not (wanted.file == "-" or Path(wanted.file).suffix):
        if importlib.util.find_spec("torch") is None:
            raise UserError(
                f"{wanted.file}: a model in Python needs PyTorch, which is not installed",
                hint="pip install 'pharos[torch]'",
            )
        models.refuse({"--entry": wanted.entry, "--input": wanted.inputs})
        from pharos.kernelbench.subject import ModelSubject

        model = ModelSubject(wanted.file, wanted.seed)
        return model, model.entry
    from pharos.tools.tuning.functions import FunctionSubject

    payload = options.read(wanted.file)
    built = apart.build(payload, request)
    found = FunctionSubject.of(payload, built.artifact, wanted.entry, wanted.inputs, wanted.seed)
    return found, found.entry.name


def _survey(wanted: Wanted, request: toolchain.Request, subject: Any, entry: str) -> tuning.Survey:
    payload, count = subject.payload, wanted.candidates

    def work(report: Any) -> tuning.Survey:
        report(toolchain.PLAN)
        return tuning.survey(payload, request, entry, count)

    return apart.isolated(payload, None, work)


def _journal(wanted: Wanted, subject: Any) -> tuning.Journal:
    """The journal's part for this payload, its inputs and this machine, as they are now."""
    request = toolchain.Request(wanted.target)
    parts = [
        subject.payload.text, wanted.entry, wanted.inputs, wanted.seed,
        toolchain.device_of(request), settings.THREADS.get(),
    ]  # fmt: skip
    case = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
    code = hashlib.sha256(json.dumps(toolchain.versions()).encode()).hexdigest()[:32]
    return tuning.Journal(settings.CACHE.get() / "tuning.jsonl", case, code)
