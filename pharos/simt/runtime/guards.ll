; The handler of SIGSEGV while kernels run (x86-64, glibc): a fault of a thread whose stack belongs
; to a worker is that worker's; every other goes to the handler that was there before.

%simt.guard = type { i64, i64, ptr }               ; the stacks' first byte, their end, simt.trap

@simt.guards = global [64 x %simt.guard] zeroinitializer
@simt.guards.previous = global [160 x i8] zeroinitializer     ; struct sigaction

declare i32 @sigaction(i32, ptr, ptr)

define void @simt.guard.handle(i32 %signal, ptr %information, ptr %context) noinline {
entry:
  %address.at = getelementptr i8, ptr %information, i64 16    ; si_addr
  %address = load i64, ptr %address.at
  %stack.at = getelementptr i8, ptr %context, i64 160         ; uc_mcontext.gregs[REG_RSP]
  %stack = load i64, ptr %stack.at
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %next, %other ]
  %guard = getelementptr [64 x %simt.guard], ptr @simt.guards, i64 0, i64 %i
  %start = load i64, ptr %guard
  %end.at = getelementptr %simt.guard, ptr %guard, i64 0, i32 1
  %end = load i64, ptr %end.at
  %above = icmp uge i64 %stack, %start
  %below = icmp ult i64 %stack, %end
  %its = and i1 %above, %below
  br i1 %its, label %trap, label %other
trap:
  %trap.at = getelementptr %simt.guard, ptr %guard, i64 0, i32 2
  %function = load ptr, ptr %trap.at
  call void %function(i64 %address)
  unreachable
other:
  %next = add i64 %i, 1
  %all = icmp eq i64 %next, 64
  br i1 %all, label %pass, label %each
pass:                          ; the access happens again, and this time is the other handler's
  %result = call i32 @sigaction(i32 %signal, ptr @simt.guards.previous, ptr null)
  ret void
}
