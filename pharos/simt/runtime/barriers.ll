; Barriers of a block. Number 0..63 are named ones with a count of threads, number 64 is that of
; the whole block. One round of a barrier ends with its last arrival; threads may arrive without
; waiting.

%simt.barrier = type { i64,    ; threads that must arrive; 0 when no round is open
                       i64,    ; threads that have
                       i32,    ; the last thread in the chain of those that rest, -1 for none
                       i32 }   ; where the first of this round arrived

@simt.barriers = dso_local global [65 x %simt.barrier] zeroinitializer
@simt.chain = dso_local global [1024 x i32] zeroinitializer

define internal void @simt.barriers.reset() {
  call void @llvm.memset.p0.i64(ptr @simt.barriers, i8 0, i64 1560, i1 false)
  ret void
}

; I arrive at a barrier that `count` threads pass; and rest there, unless I only signal.
; `what` is compared with what the first thread of the round gave: another one is another barrier.
define internal void @simt.meet(i64 %number, i64 %count, i32 %what, i1 %signal, i32 %site) noinline {
  %me = load i64, ptr @simt.current
  %known = icmp ult i64 %number, 65
  br i1 %known, label %begin, label %unknown
unknown:
  call void @simt.fail(i64 5, i32 %site, i64 %number, i64 0, i64 0)
  unreachable
begin:
  %b.count = getelementptr [65 x %simt.barrier], ptr @simt.barriers, i64 0, i64 %number, i32 0
  %b.arrived = getelementptr [65 x %simt.barrier], ptr @simt.barriers, i64 0, i64 %number, i32 1
  %b.chain = getelementptr [65 x %simt.barrier], ptr @simt.barriers, i64 0, i64 %number, i32 2
  %b.what = getelementptr [65 x %simt.barrier], ptr @simt.barriers, i64 0, i64 %number, i32 3
  %open = load i64, ptr %b.count
  %fresh = icmp eq i64 %open, 0
  br i1 %fresh, label %start, label %check
start:
  store i64 %count, ptr %b.count
  store i64 0, ptr %b.arrived
  store i32 -1, ptr %b.chain
  store i32 %what, ptr %b.what
  br label %arrive
check:
  %agreed = icmp eq i64 %open, %count
  br i1 %agreed, label %place, label %counts
counts:
  call void @simt.fail(i64 6, i32 %site, i64 %number, i64 %open, i64 %count)
  unreachable
place:
  %first = load i32, ptr %b.what
  %here = icmp eq i32 %first, %what
  br i1 %here, label %arrive, label %elsewhere
elsewhere:
  %first64 = zext i32 %first to i64
  call void @simt.fail(i64 7, i32 %site, i64 %number, i64 %first64, i64 0)
  unreachable
arrive:
  %token = add i64 %number, 1024
  %whole = icmp eq i64 %number, 64
  br i1 %whole, label %add, label %tell
tell:                      ; who waits here later may rely on what I did
  call void @simt.order.release(i64 %token)
  br label %add
add:
  %before = load i64, ptr %b.arrived
  %arrived = add i64 %before, 1
  store i64 %arrived, ptr %b.arrived
  %full = icmp eq i64 %arrived, %count
  br i1 %full, label %complete, label %wait
wait:
  br i1 %signal, label %done, label %rest
rest:
  %previous = load i32, ptr %b.chain
  %link = getelementptr [1024 x i32], ptr @simt.chain, i64 0, i64 %me
  store i32 %previous, ptr %link
  %number32 = trunc i64 %me to i32
  store i32 %number32, ptr %b.chain
  call void @simt.rest(i32 %site)
  br label %passed
passed:
  br i1 %whole, label %done, label %acquire
acquire:
  call void @simt.order.acquire(i64 %token)
  ret void
complete:
  br i1 %whole, label %everyone, label %end.round
everyone:
  call void @simt.order.all()
  br label %end.round
end.round:
  store i64 0, ptr %b.count
  store i64 0, ptr @simt.asides
  %head = load i32, ptr %b.chain
  call void @simt.wake_chain(i32 %head)
  br label %passed
done:
  ret void
}

; Everyone in the chain goes on, the last that was put into it being the last to.
define internal void @simt.wake_chain(i32 %head) noinline {
entry:
  br label %next
next:
  %thread = phi i32 [ %head, %entry ], [ %previous, %wake ]
  %end = icmp slt i32 %thread, 0
  br i1 %end, label %done, label %wake
wake:
  %number = zext i32 %thread to i64
  call void @simt.ready.prepend(i64 %number)
  %link = getelementptr [1024 x i32], ptr @simt.chain, i64 0, i64 %number
  %previous = load i32, ptr %link
  br label %next
done:
  ret void
}
