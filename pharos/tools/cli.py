"""The entry point ``pharos``: the commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from pharos.tools.apps import application
from pharos.tools.attention import attention
from pharos.tools.build import build
from pharos.tools.cache import cache
from pharos.tools.doctor import doctor
from pharos.tools.entry import enter
from pharos.tools.gpt2 import gpt2
from pharos.tools.kernel_bench import kernel_bench
from pharos.tools.launch_command import launch
from pharos.tools.opt import opt
from pharos.tools.payload import payload
from pharos.tools.plan import explain, plan
from pharos.tools.run import run
from pharos.tools.sim import sim
from pharos.tools.targets import targets
from pharos.tools.tuning import tune, tuned

app = application(
    "pharos",
    """Pharos drives MLIR: Lisp programs and MLIR modules in, fast checked code out.

    \b
    Example:
      pharos run examples/gpt2/generate.lisp model.bin tokenizer.bin 64
    """,
)
for command in (run, build, launch, opt, plan, explain, tune, attention, sim, targets, doctor):
    app.command()(command)
app.command("kernel-bench")(kernel_bench)
app.add_typer(payload, name="payload")
app.add_typer(cache, name="cache")
app.add_typer(tuned, name="tuned")
app.add_typer(gpt2, name="gpt2")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line ``arguments`` (default: the process's) and exit."""
    enter(app, "pharos", arguments)
