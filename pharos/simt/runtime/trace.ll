; What one thread of one block executes: for every instruction its site, the bytes of its value, and
; the value, one after another until the buffer is full.

@simt.trace.thread = dso_local global i64 -1
@simt.trace.block = dso_local global i64 0
@simt.trace.next = dso_local global ptr null
@simt.trace.end = dso_local global ptr null
@simt.trace.full = dso_local global i64 0          ; instructions that found no room
@simt.trace.sink = internal global [65536 x i8] zeroinitializer

; Where the value of an instruction goes.
define internal ptr @simt.trace(i32 %site, i32 %size) noinline {
  %me = load i64, ptr @simt.current
  %thread = load i64, ptr @simt.trace.thread
  %block = load i64, ptr @simt.number
  %wanted = load i64, ptr @simt.trace.block
  %same.thread = icmp eq i64 %me, %thread
  %same.block = icmp eq i64 %block, %wanted
  %chosen = and i1 %same.thread, %same.block
  br i1 %chosen, label %record, label %drop
record:
  %next = load ptr, ptr @simt.trace.next
  %value = getelementptr i8, ptr %next, i64 8
  %after = getelementptr i8, ptr %value, i32 %size
  %end = load ptr, ptr @simt.trace.end
  %fits = icmp ule ptr %after, %end
  br i1 %fits, label %write, label %full
write:
  store i32 %site, ptr %next
  %size.at = getelementptr i8, ptr %next, i64 4
  store i32 %size, ptr %size.at
  store ptr %after, ptr @simt.trace.next
  ret ptr %value
full:
  %missed = load i64, ptr @simt.trace.full
  %more = add i64 %missed, 1
  store i64 %more, ptr @simt.trace.full
  br label %drop
drop:
  ret ptr @simt.trace.sink
}
