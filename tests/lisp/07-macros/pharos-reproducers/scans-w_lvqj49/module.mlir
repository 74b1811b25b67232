"builtin.module"() ({
  "llvm.mlir.global"() <{addr_space = 0 : i32, constant, global_type = !llvm.array<5 x i8>, linkage = #llvm.linkage<internal>, sym_name = "_print_str_0", tls_mode = 0 : i64, visibility_ = 0 : i64}> ({
    %12 = "llvm.mlir.constant"() <{value = "defn\00"}> : () -> !llvm.array<5 x i8> loc(#loc1)
    "llvm.return"(%12) : (!llvm.array<5 x i8>) -> () loc(#loc1)
  }) : () -> () loc(#loc1)
  "llvm.mlir.global"() <{addr_space = 0 : i32, constant, global_type = !llvm.array<5 x i8>, linkage = #llvm.linkage<internal>, sym_name = "_print_str_1", tls_mode = 0 : i64, visibility_ = 0 : i64}> ({
    %11 = "llvm.mlir.constant"() <{value = "main\00"}> : () -> !llvm.array<5 x i8> loc(#loc2)
    "llvm.return"(%11) : (!llvm.array<5 x i8>) -> () loc(#loc2)
  }) : () -> () loc(#loc2)
  "func.func"() <{function_type = () -> !llvm.ptr, sym_name = "value_list_new", sym_visibility = "private"}> ({
  }) : () -> () loc(#loc3)
  %0 = "func.call"() <{callee = @value_list_new}> : () -> !llvm.ptr loc(#loc4)
  "func.func"() <{function_type = (!llvm.ptr) -> !llvm.ptr, sym_name = "value_symbol_new", sym_visibility = "private"}> ({
  }) : () -> () loc(#loc3)
  %1 = "llvm.mlir.addressof"() <{global_name = @_print_str_0}> : () -> !llvm.ptr loc(#loc1)
  %2 = "func.call"(<<UNKNOWN SSA VALUE>>) <{callee = @value_symbol_new}> : (!llvm.ptr) -> !llvm.ptr loc(#loc1)
  %3 = "llvm.mlir.addressof"() <{global_name = @_print_str_1}> : () -> !llvm.ptr loc(#loc2)
  %4 = "func.call"(<<UNKNOWN SSA VALUE>>) <{callee = @value_symbol_new}> : (!llvm.ptr) -> !llvm.ptr loc(#loc2)
  "func.func"() <{function_type = (!llvm.ptr) -> !llvm.ptr, sym_name = "value_list_to_vector", sym_visibility = "private"}> ({
  }) : () -> () loc(#loc3)
  %5 = "func.call"() <{callee = @value_list_new}> : () -> !llvm.ptr loc(#loc5)
  %6 = "func.call"(<<UNKNOWN SSA VALUE>>) <{callee = @value_list_to_vector}> : (!llvm.ptr) -> !llvm.ptr loc(#loc5)
  "func.func"() <{function_type = (f64) -> !llvm.ptr, sym_name = "value_number_new", sym_visibility = "private"}> ({
  }) : () -> () loc(#loc3)
  %7 = "arith.constant"() <{value = 1.000000e+00 : f64}> : () -> f64 loc(#loc6)
  %8 = "func.call"(<<UNKNOWN SSA VALUE>>) <{callee = @value_number_new}> : (f64) -> !llvm.ptr loc(#loc6)
  %9 = "func.call"() <{callee = @value_list_new}> : () -> !llvm.ptr loc(#loc7)
  "func.func"() <{function_type = () -> !llvm.ptr, sym_name = "value_symbol_func_return", sym_visibility = "private"}> ({
  }) : () -> () loc(#loc3)
  %10 = "func.call"() <{callee = @value_symbol_func_return}> : () -> !llvm.ptr loc(#loc8)
  "func.func"() <{function_type = (!llvm.ptr, !llvm.ptr) -> (), sym_name = "value_list_push", sym_visibility = "private"}> ({
  }) : () -> () loc(#loc3)
  "func.call"(<<UNKNOWN SSA VALUE>>, <<UNKNOWN SSA VALUE>>) <{callee = @value_list_push}> : (!llvm.ptr, !llvm.ptr) -> () loc(#loc8)
  "func.call"(<<UNKNOWN SSA VALUE>>, <<UNKNOWN SSA VALUE>>) <{callee = @value_list_push}> : (!llvm.ptr, !llvm.ptr) -> () loc(#loc1)
  "func.call"(<<UNKNOWN SSA VALUE>>, <<UNKNOWN SSA VALUE>>) <{callee = @value_list_push}> : (!llvm.ptr, !llvm.ptr) -> () loc(#loc2)
  "func.call"(<<UNKNOWN SSA VALUE>>, <<UNKNOWN SSA VALUE>>) <{callee = @value_list_push}> : (!llvm.ptr, !llvm.ptr) -> () loc(#loc5)
  "func.call"(<<UNKNOWN SSA VALUE>>, <<UNKNOWN SSA VALUE>>) <{callee = @value_list_push}> : (!llvm.ptr, !llvm.ptr) -> () loc(#loc6)
  "func.call"(<<UNKNOWN SSA VALUE>>, <<UNKNOWN SSA VALUE>>) <{callee = @value_list_push}> : (!llvm.ptr, !llvm.ptr) -> () loc(#loc8)
}) : () -> () loc(#loc)
#loc = loc("fuzz.lisp":1:1)
#loc1 = loc("fuzz.lisp":3:3 to :7)
#loc2 = loc("fuzz.lisp":3:8 to :12)
#loc3 = loc(unknown)
#loc4 = loc("fuzz.lisp":3:2 to :32)
#loc5 = loc("fuzz.lisp":3:13 to :15)
#loc6 = loc("fuzz.lisp":3:16 to :17)
#loc7 = loc("fuzz.lisp":3:18 to :31)
#loc8 = loc("fuzz.lisp":3:19 to :30)
