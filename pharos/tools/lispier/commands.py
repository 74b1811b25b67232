"""The commands of ``lispier``."""

from __future__ import annotations

from pharos.tools.apps import application
from pharos.tools.lispier.build import build
from pharos.tools.lispier.check import check
from pharos.tools.lispier.evaluate import evaluate
from pharos.tools.lispier.fmt import fmt
from pharos.tools.lispier.lsp import lsp
from pharos.tools.lispier.repl import repl
from pharos.tools.lispier.run import run
from pharos.tools.lispier.show import show_ast, show_expanded, show_ir

app = application(
    "lispier",
    """Lispier, the Lisp whose forms are MLIR operations.

    \b
    Example:
      lispier eval '(arith.addi (: 40 i64) 2)'
    """,
)
# A program's arguments may look like options; those of lispier stand before the file.
app.command(context_settings={"allow_interspersed_args": False})(run)
app.command()(show_ast)
app.command()(show_ir)
app.command()(show_expanded)
app.command("eval")(evaluate)
app.command()(check)
app.command()(build)
app.command()(fmt)
app.command()(repl)
app.command()(lsp)
