; The threads that can go on, in the order in which they will: a ring of thread numbers. A thread
; is in it at most once, so it never holds more than a block has.

@simt.ready = dso_local global [1024 x i32] zeroinitializer
@simt.ready.first = dso_local global i64 0
@simt.ready.count = dso_local global i64 0

; Puts a thread behind all others.
define internal void @simt.ready.append(i64 %thread) {
  %first = load i64, ptr @simt.ready.first
  %count = load i64, ptr @simt.ready.count
  %sum = add i64 %first, %count
  %slot = and i64 %sum, 1023
  %at = getelementptr [1024 x i32], ptr @simt.ready, i64 0, i64 %slot
  %number = trunc i64 %thread to i32
  store i32 %number, ptr %at
  %more = add i64 %count, 1
  store i64 %more, ptr @simt.ready.count
  ret void
}

; Puts a thread before all others: lanes that met go on while their stacks are still in the cache.
define internal void @simt.ready.prepend(i64 %thread) {
  %first = load i64, ptr @simt.ready.first
  %before = sub i64 %first, 1
  %slot = and i64 %before, 1023
  store i64 %slot, ptr @simt.ready.first
  %at = getelementptr [1024 x i32], ptr @simt.ready, i64 0, i64 %slot
  %number = trunc i64 %thread to i32
  store i32 %number, ptr %at
  %count = load i64, ptr @simt.ready.count
  %more = add i64 %count, 1
  store i64 %more, ptr @simt.ready.count
  ret void
}

; Takes the first thread out; -1 when there is none.
define internal i64 @simt.ready.take() {
  %count = load i64, ptr @simt.ready.count
  %none = icmp eq i64 %count, 0
  br i1 %none, label %empty, label %some
empty:
  ret i64 -1
some:
  %first = load i64, ptr @simt.ready.first
  %at = getelementptr [1024 x i32], ptr @simt.ready, i64 0, i64 %first
  %number = load i32, ptr %at
  %next = add i64 %first, 1
  %slot = and i64 %next, 1023
  store i64 %slot, ptr @simt.ready.first
  %less = sub i64 %count, 1
  store i64 %less, ptr @simt.ready.count
  %thread = zext i32 %number to i64
  ret i64 %thread
}
