"""Long functions without branches are translated without optimising."""

from pharos import ir
from pharos.targets.cpu.codegen import translate_plainly

CALL = "  llvm.call @kernel() : () -> ()\n"
MODULE = f"""
llvm.func internal @kernel() {{
  llvm.return
}}
llvm.func @long() {{
{CALL * 1000}  llvm.return
}}
llvm.func @short() {{
{CALL}  llvm.return
}}
llvm.func @loop() {{
  llvm.br ^again
^again:
{CALL * 1000}  llvm.br ^again
}}
"""


def test_only_long_functions_without_branches():
    module = ir.parse(MODULE)
    translate_plainly(module)
    ir.verify(module)
    headers = [line for line in ir.to_text(module).splitlines() if "llvm.func" in line]
    plain = [line for line in headers if "optimize_none" in line and "no_inline" in line]
    assert len(plain) == 1 and "@long(" in plain[0]
