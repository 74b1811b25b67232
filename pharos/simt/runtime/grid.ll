; The blocks of a grid, one after another. Several workers share the counter, so that each takes
; the next block when it has finished one. Shared memory is filled with the poison pattern before
; each block: all bits set, a NaN in every float format.

@simt.shared = dso_local global ptr null            ; this worker's shared memory
@simt.shared.size = dso_local global i64 0
@simt.next_block = dso_local global ptr null        ; the counter, shared by all workers
@simt.blocks = dso_local global i64 0
@simt.number = dso_local global i64 0               ; the block that runs

; Runs blocks until none is left or one fails: 0, or the kind of the fault.
define dso_local i64 @simt.run() noinline {
  br label %next
next:
  %counter = load ptr, ptr @simt.next_block
  %number = atomicrmw add ptr %counter, i64 1 monotonic
  %blocks = load i64, ptr @simt.blocks
  %more = icmp ult i64 %number, %blocks
  br i1 %more, label %one, label %finished
finished:
  ret i64 0
one:
  store i64 %number, ptr @simt.number
  call void @simt.place_block(i64 %number)
  %shared = load ptr, ptr @simt.shared
  %size = load i64, ptr @simt.shared.size
  call void @llvm.memset.p0.i64(ptr %shared, i8 -1, i64 %size, i1 false)
  call void @simt.groups.reset()
  call void @simt.barriers.reset()
  call void @simt.effects.reset()
  call void @simt.counters.reset()
  call void @simt.kept.reset()
  call void @simt.checks.reset()
  call void @simt.run_threads()
  %fault = load i64, ptr @simt.fault.kind
  %fine = icmp eq i64 %fault, 0
  br i1 %fine, label %next, label %failed
failed:
  store i64 %blocks, ptr %counter
  ret i64 %fault
}

; Block `number` of the grid, x running fastest.
define internal void @simt.place_block(i64 %number) {
  %n = trunc i64 %number to i32
  %width = load i32, ptr @simt.grid
  %height = load i32, ptr getelementptr ([3 x i32], ptr @simt.grid, i64 0, i64 1)
  %x = urem i32 %n, %width
  %row = udiv i32 %n, %width
  %y = urem i32 %row, %height
  %z = udiv i32 %row, %height
  store i32 %x, ptr @simt.block
  store i32 %y, ptr getelementptr ([3 x i32], ptr @simt.block, i64 0, i64 1)
  store i32 %z, ptr getelementptr ([3 x i32], ptr @simt.block, i64 0, i64 2)
  ret void
}
