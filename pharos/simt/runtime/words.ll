; What kernels say: for every time the number of the block, of the thread, a count, and as many
; words of 64 bits, one after another until the buffer is full.

@simt.say.next = dso_local global ptr null
@simt.say.end = dso_local global ptr null
@simt.say.full = dso_local global i64 0            ; times that found no room
@simt.say.sink = internal global [8192 x i8] zeroinitializer

; Where the words go, at most 1024.
define internal ptr @simt.say(i64 %count) noinline {
  %next = load ptr, ptr @simt.say.next
  %bytes = shl i64 %count, 3
  %size = add i64 %bytes, 24
  %after = getelementptr i8, ptr %next, i64 %size
  %end = load ptr, ptr @simt.say.end
  %fits = icmp ule ptr %after, %end
  br i1 %fits, label %write, label %full
write:
  %block = load i64, ptr @simt.number
  store i64 %block, ptr %next
  %thread = load i64, ptr @simt.current
  %thread.at = getelementptr i8, ptr %next, i64 8
  store i64 %thread, ptr %thread.at
  %count.at = getelementptr i8, ptr %next, i64 16
  store i64 %count, ptr %count.at
  store ptr %after, ptr @simt.say.next
  %words = getelementptr i8, ptr %next, i64 24
  ret ptr %words
full:
  %missed = load i64, ptr @simt.say.full
  %more = add i64 %missed, 1
  store i64 %more, ptr @simt.say.full
  ret ptr @simt.say.sink
}
