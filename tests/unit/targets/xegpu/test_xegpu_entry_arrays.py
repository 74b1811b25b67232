"""Arrays of loops become arrays of the kernel."""

from pharos import ir
from pharos.ir.bindings import mlir
from pharos.targets.xegpu.spirv.entry_arrays import arrays_at_entry

KERNEL = """
llvm.func @k(%n: i64, %many: i32) {
  %zero = llvm.mlir.constant(0 : i64) : i64
  llvm.br ^loop(%zero : i64)
^loop(%i: i64):
  %size = llvm.mlir.constant(8 : i32) : i32
  %a = llvm.alloca %size x i16 : (i32) -> !llvm.ptr
  %b = llvm.alloca %many x i16 : (i32) -> !llvm.ptr
  %v = llvm.load %a : !llvm.ptr -> i16
  llvm.store %v, %b : i16, !llvm.ptr
  %one = llvm.mlir.constant(1 : i64) : i64
  %next = llvm.add %i, %one : i64
  %more = llvm.icmp "ult" %next, %n : i64
  llvm.cond_br %more, ^loop(%next : i64), ^end
^end:
  llvm.return
}"""


def test_arrays_of_constant_size_leave_loops():
    module = ir.parse(KERNEL)
    function = module.body.operations[0].operation
    with module.context, mlir.Location.unknown():
        arrays_at_entry(function)
    assert module.operation.verify()
    blocks = [[o.operation.name for o in b.operations] for b in function.regions[0].blocks]
    assert blocks[0].count("llvm.alloca") == 1
    # What is as long as an argument says stays where it is.
    assert blocks[1].count("llvm.alloca") == 1
