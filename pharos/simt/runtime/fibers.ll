; Threads as fibers: how one starts, rests until another wakes it, steps aside and leaves.

@simt.stacks = dso_local global ptr null
@simt.stack_size = dso_local global i64 0
@simt.order = dso_local global ptr null              ; the threads (i32) in the order they start
@simt.arguments = dso_local global ptr null          ; the kernel's arguments, 16 bytes for each
@simt.live = dso_local global i64 0                  ; threads that have not left the kernel
@simt.waits = dso_local global [1024 x i32] zeroinitializer  ; site where a thread rests; -1 runs, -2 left
@simt.asides = dso_local global i64 0                ; times in a row that threads stepped aside

; All threads of a block run once through the kernel; back on the host when all have left, or at a fault.
define internal void @simt.run_threads() noinline {
entry:
  %threads = load i64, ptr @simt.threads
  %order = load ptr, ptr @simt.order
  store i64 %threads, ptr @simt.live
  store i64 0, ptr @simt.ready.first
  store i64 0, ptr @simt.ready.count
  store i64 0, ptr @simt.asides
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %next, %each ]
  %at = getelementptr i32, ptr %order, i64 %i
  %number = load i32, ptr %at
  %thread = zext i32 %number to i64
  call void @simt.prepare(i64 %thread)
  call void @simt.ready.append(i64 %thread)
  %wait = getelementptr [1024 x i32], ptr @simt.waits, i64 0, i64 %thread
  store i32 -1, ptr %wait
  %next = add i64 %i, 1
  %all = icmp eq i64 %next, %threads
  br i1 %all, label %go, label %each
go:
  %first = call i64 @simt.ready.take()
  store i64 %first, ptr @simt.current
  call void @simt.switch(i64 1024, i64 %first)
  ret void
}

; What a fresh thread does: the kernel, then it leaves for good (`simt.depart` may return: then the
; fiber ends, and who was named goes on).
define internal void @simt.enter() noinline {
  %arguments = load ptr, ptr @simt.arguments
  call void @simt.kernel(ptr %arguments)
  %me = load i64, ptr @simt.current
  %wait = getelementptr [1024 x i32], ptr @simt.waits, i64 0, i64 %me
  store i32 -2, ptr %wait
  store i64 0, ptr @simt.asides
  %live = load i64, ptr @simt.live
  %left = sub i64 %live, 1
  store i64 %left, ptr @simt.live
  %last = icmp eq i64 %left, 0
  br i1 %last, label %done, label %others
others:
  %next = call i64 @simt.choose(i32 -2)
  store i64 %next, ptr @simt.current
  call void @simt.depart(i64 %me, i64 %next)
  ret void
done:
  call void @simt.effects.finish()
  call void @simt.depart(i64 %me, i64 1024)
  ret void
}

; The running thread rests at `site` until it is in the ready queue again and its turn comes.
define internal void @simt.rest(i32 %site) noinline {
  %me = load i64, ptr @simt.current
  %wait = getelementptr [1024 x i32], ptr @simt.waits, i64 0, i64 %me
  store i32 %site, ptr %wait
  store i64 0, ptr @simt.asides
  call void @simt.next(i32 %site)
  store i32 -1, ptr %wait
  ret void
}

; The next ready thread. When nobody is ready, something that is under way (an asynchronous effect)
; must happen; if nothing is, the block can never end.
define internal i64 @simt.choose(i32 %site) noinline {
  br label %look
look:
  %next = call i64 @simt.ready.take()
  %none = icmp slt i64 %next, 0
  br i1 %none, label %idle, label %found
idle:
  %helped = call i1 @simt.idle()
  br i1 %helped, label %look, label %stuck
stuck:
  %live = load i64, ptr @simt.live
  call void @simt.fail(i64 1, i32 %site, i64 %live, i64 0, i64 0)
  unreachable
found:
  ret i64 %next
}

; The next ready thread runs; returns when it is the running thread's turn again.
define internal void @simt.next(i32 %site) noinline {
  %me = load i64, ptr @simt.current
  %next = call i64 @simt.choose(i32 %site)
  %self = icmp eq i64 %next, %me
  br i1 %self, label %back, label %other
other:
  store i64 %next, ptr @simt.current
  call void @simt.switch(i64 %me, i64 %next)
  br label %back
back:
  ret void
}

; A thread that looks again and again for a change lets all others go first. When every thread
; has done nothing else twice in a row, effects under way happen, and without any the block hangs.
define internal void @simt.aside(i32 %site) noinline {
  %me = load i64, ptr @simt.current
  %asides = load i64, ptr @simt.asides
  %more = add i64 %asides, 1
  store i64 %more, ptr @simt.asides
  %live = load i64, ptr @simt.live
  %twice = shl i64 %live, 1
  %idle = icmp ugt i64 %more, %twice
  br i1 %idle, label %help, label %yield
help:
  store i64 0, ptr @simt.asides
  %helped = call i1 @simt.idle()
  br i1 %helped, label %yield, label %stuck
stuck:
  call void @simt.fail(i64 2, i32 %site, i64 %live, i64 0, i64 0)
  unreachable
yield:
  %wait = getelementptr [1024 x i32], ptr @simt.waits, i64 0, i64 %me
  store i32 %site, ptr %wait
  call void @simt.ready.append(i64 %me)
  call void @simt.next(i32 %site)
  store i32 -1, ptr %wait
  ret void
}
