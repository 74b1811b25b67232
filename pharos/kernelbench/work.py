"""One problem from its file to its row, inside a process of its own."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from pharos.core import settings
from pharos.core.errors import InternalError, PharosError, UserError
from pharos.kernelbench import rows
from pharos.kernelbench.checking import check, run_poisoned, shown
from pharos.kernelbench.files import Files, requested
from pharos.kernelbench.loading import load
from pharos.kernelbench.options import Options, Wanted
from pharos.kernelbench.peers import PEERS
from pharos.kernelbench.reference import ProblemError, Reference
from pharos.kernelbench.selection import Task
from pharos.kernelbench.sizes import work_of
from pharos.kernelbench.timing import measure
from pharos.runtime.child import Report


class Work:
    """Fills ``row``; ``keep(row)`` is called whenever there is more to know about it."""

    def __init__(
        self,
        task: Task,
        options: Options,
        wanted: Wanted,
        report: Report,
        keep: Callable[[rows.Row], None],
    ) -> None:
        self.task = task
        self.options = options
        self.wanted = wanted
        self.row = rows.new(task)
        self._report = report
        self._keep = keep
        self._step = ""

    def run(self) -> rows.Row:
        """The finished row. What goes wrong is its status and message; only crashes, time-outs
        and exhausted memory are left to whoever watches this process."""
        warnings.simplefilter("ignore")  # the problem's; they are no part of the report
        torch.set_num_threads(settings.THREADS.get())
        status, message = rows.FAILED, ""
        try:
            self._solve()
            return self.row
        except ProblemError as error:
            status, message = rows.PROBLEM, error.message
        except UserError as error:
            status, message = rows.REFUSED, str(error)
        except MemoryError as error:
            status, message = rows.MEMORY, str(error)
        except InternalError as error:
            message = str(error)
        except PharosError as error:
            message = f"{type(error).__name__}: {error}"
        except Exception as error:  # a boundary: a row of the report, not its end
            message = f"{type(error).__name__}: {error}"
        rows.end(self.row, status, message, self._step)
        return self.row

    def _begin(self, step: str) -> None:
        self._step = step
        self._keep(self.row)
        self._report(step)

    def _compiling(self, step: str) -> None:
        self._step = f"compile: {step}"
        self._report(self._step)

    def _solve(self) -> None:
        self._begin("load")
        problem, changes, note = load(self.task, self.options, self.wanted.of("sources"))
        self.row["changes"] = list(changes)
        self.row["notes"] += [note] if note else []
        reference = Reference(problem, self.options)
        inputs = reference.inputs(0)
        function = self._compiled(reference, inputs)
        found = check(function, reference, self.options, self._begin)
        self.row["notes"] += found.pop("notes")
        self.row["check"] = found
        if self.options.shown:
            results = run_poisoned(function, reference.inputs(0))
            self.row["shown"] = shown(results, self.options.shown)
        if found["wrong"]:
            rows.end(self.row, rows.WRONG, found["wrong"], "run")
            return
        self.row["status"] = rows.CORRECT
        if self.options.benchmark:
            self._time(function, reference, inputs)
        self._step = ""

    def _compiled(self, reference: Reference, inputs: list[Any]) -> Any:
        from pharos.ingress.torch import import_model
        from pharos.toolchain.front_ends import torch_payload
        from pharos.toolchain.torch_function import TorchFunction

        self._begin("import")
        start = time.perf_counter()
        try:
            imported = import_model(reference.ours, inputs, name=self.task.name)
        except UserError:
            reference.try_out(inputs)  # what PyTorch cannot run either is not ours to refuse
            raise
        payload = torch_payload(imported)
        self.row["import_seconds"] = time.perf_counter() - start
        files = Files(self.task, self.wanted, self.row)
        files.imported(imported)
        artifact = self._built(payload, files)
        files.code(artifact)
        return TorchFunction(imported, artifact)

    def _built(self, payload: Any, files: Files) -> Any:
        from pharos import toolchain

        request = requested(self.task, self.options, self.wanted)
        files.plan(payload, request)
        # Known before the clock runs: writing it for each stage would be a part of the time.
        self._keep(self.row)
        start, worked = time.perf_counter(), time.process_time()
        built = toolchain.build(payload, request, fresh=True, watch=self._compiling)
        self.row["compile_seconds"] = time.perf_counter() - start
        self.row["compile_cpu_seconds"] = time.process_time() - worked
        self.row["stages"] = [[name, seconds] for name, seconds in built.timings]
        self.row["code_bytes"] = len(built.artifact.code)
        tuned = sum(map(bool, built.artifact.metadata.get(toolchain.MEASURED, {}).values()))
        self.row["notes"] += [f"parameters by pharos tune: {tuned} works"] if tuned else []
        self.row["files"] += [str(path) for path in built.dumps]
        return built.artifact

    def _time(self, function: Any, reference: Reference, inputs: list[Any]) -> None:
        # Peers compile before the clock runs: other processes stand still from then on.
        peers: dict[str, Callable[[], object]] = {}
        for name in self.options.compare:
            self._begin(f"peer: {name}")
            try:
                peer = PEERS[name](reference.eager, inputs)
                peers[name] = peer.call
                self.row["peers"][name] = {"compile_seconds": peer.seconds}
            except Exception as error:  # a boundary: a peer that fails is worth a note
                self.row["peers"][name] = {"error": f"{type(error).__name__}: {error}"[:500]}
        self._begin("time")
        bound = function.bind(*inputs)
        contenders = {
            "ours": lambda: function(*inputs),
            "bound": bound,
            "eager": lambda: reference.call(reference.eager, inputs),
            **peers,
        }
        self.row["times"] = measure(contenders, self.options)
        self.row["work"] = work_of(reference.eager, inputs)


def solve(
    task: Task, options: Options, wanted: Wanted, report: Report, keep: Callable[[rows.Row], None]
) -> rows.Row:
    """The row of ``task``."""
    return Work(task, replace(options), wanted, report, keep).run()
