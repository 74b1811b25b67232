; The processor refused an access of a thread: its stack has ended, or, in a kernel without checks,
; the address is nobody's. Called by the handler in guards.ll, on the handler's own stack.

define dso_local void @simt.trap(i64 %address) noinline {
  %stacks = load i64, ptr @simt.stacks
  %size = load i64, ptr @simt.stack_size
  %threads = load i64, ptr @simt.threads
  %offset = sub i64 %address, %stacks
  %all = mul i64 %size, %threads
  %stack = icmp ult i64 %offset, %all
  %kind = select i1 %stack, i64 14, i64 17
  call void @simt.fail(i64 %kind, i32 -1, i64 %address, i64 %size, i64 0)
  unreachable
}
