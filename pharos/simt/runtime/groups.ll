; Lanes of a subgroup that meet at a collective. A record is opened by the first of them, holds a
; value of each, and is given back when the last has read what it wanted; so lanes may run ahead,
; and several sets of lanes of one subgroup may meet at the same time.

%simt.record = type { ptr,                ; the next free record, or the next open one of the subgroup
                      i64,                ; the lanes that meet, a bit each
                      i64,                ; those that have arrived
                      i64,                ; those that have not yet read
                      i64,                ; what they meet for
                      i32,                ; the last in the chain of those that rest
                      [5 x i32],
                      [32768 x i8] }      ; their values, one after another by lane

@simt.open = dso_local global [1024 x ptr] zeroinitializer     ; by the subgroup's first thread
@simt.records = external global [1025 x %simt.record], align 64  ; memory.py has the room
@simt.records.free = dso_local global ptr null
@simt.records.used = dso_local global i64 0                    ; records ever taken in this block

define internal void @simt.groups.reset() {
  call void @llvm.memset.p0.i64(ptr @simt.open, i8 0, i64 8192, i1 false)
  store ptr null, ptr @simt.records.free
  store i64 0, ptr @simt.records.used
  ret void
}

define internal ptr @simt.record.take() {
  %free = load ptr, ptr @simt.records.free
  %none = icmp eq ptr %free, null
  br i1 %none, label %fresh, label %again
again:
  %next = load ptr, ptr %free
  store ptr %next, ptr @simt.records.free
  ret ptr %free
fresh:
  %used = load i64, ptr @simt.records.used
  %more = add i64 %used, 1
  store i64 %more, ptr @simt.records.used
  %record = getelementptr [1025 x %simt.record], ptr @simt.records, i64 0, i64 %used
  ret ptr %record
}

; Finds or opens the record of the lanes `members` of my subgroup (a bit each; lanes that the
; subgroup does not have are left out) that meet for `what`.
define internal ptr @simt.group.join(i64 %wanted, i64 %what, i32 %site) noinline {
  %existing = call i64 @simt.subgroup.members()
  %members = and i64 %wanted, %existing
  %lane = call i32 @simt.lane()
  %lane64 = zext i32 %lane to i64
  %bit = shl i64 1, %lane64
  %mine = and i64 %bit, %members
  %outside = icmp eq i64 %mine, 0
  br i1 %outside, label %stranger, label %inside
stranger:
  call void @simt.fail(i64 3, i32 %site, i64 %members, i64 %lane64, i64 0)
  unreachable
inside:
  %first = call i64 @simt.subgroup.first()
  %place = getelementptr [1024 x ptr], ptr @simt.open, i64 0, i64 %first
  %head = load ptr, ptr %place
  br label %look
look:
  %open = phi ptr [ %head, %inside ], [ %following, %next ]
  %end = icmp eq ptr %open, null
  br i1 %end, label %create, label %compare
compare:
  %o.members = getelementptr %simt.record, ptr %open, i64 0, i32 1
  %theirs = load i64, ptr %o.members
  %o.arrived = getelementptr %simt.record, ptr %open, i64 0, i32 2
  %arrived = load i64, ptr %o.arrived
  %o.what = getelementptr %simt.record, ptr %open, i64 0, i32 4
  %purpose = load i64, ptr %o.what
  %set = icmp eq i64 %theirs, %members
  %same = icmp eq i64 %purpose, %what
  %both = and i1 %set, %same
  br i1 %both, label %joined, label %other
joined:
  ret ptr %open
other:                     ; lanes that I wait for already wait for me elsewhere: neither ends
  %expects = and i64 %theirs, %bit
  %expected = icmp ne i64 %expects, 0
  %awaited = and i64 %arrived, %members
  %waiting = icmp ne i64 %awaited, 0
  %crossed = and i1 %expected, %waiting
  br i1 %crossed, label %differ, label %next
differ:
  call void @simt.fail(i64 4, i32 %site, i64 %theirs, i64 %members, i64 %purpose)
  unreachable
next:
  %following = load ptr, ptr %open
  br label %look
create:
  %record = call ptr @simt.record.take()
  %first.open = load ptr, ptr %place
  store ptr %first.open, ptr %record
  store ptr %record, ptr %place
  %r.members = getelementptr %simt.record, ptr %record, i64 0, i32 1
  store i64 %members, ptr %r.members
  %r.arrived = getelementptr %simt.record, ptr %record, i64 0, i32 2
  store i64 0, ptr %r.arrived
  %r.readers = getelementptr %simt.record, ptr %record, i64 0, i32 3
  %count = call i64 @llvm.ctpop.i64(i64 %members)
  store i64 %count, ptr %r.readers
  %r.what = getelementptr %simt.record, ptr %record, i64 0, i32 4
  store i64 %what, ptr %r.what
  %r.chain = getelementptr %simt.record, ptr %record, i64 0, i32 5
  store i32 -1, ptr %r.chain
  ret ptr %record
}

; I have put down my values. True for the last to arrive, while all others still rest: it must
; call simt.group.release. The others return false when they are released.
define internal i1 @simt.group.arrive(ptr %record, i32 %site) {
  %lane = call i32 @simt.lane()
  %lane64 = zext i32 %lane to i64
  %bit = shl i64 1, %lane64
  %r.arrived = getelementptr %simt.record, ptr %record, i64 0, i32 2
  %before = load i64, ptr %r.arrived
  %arrived = or i64 %before, %bit
  store i64 %arrived, ptr %r.arrived
  %r.members = getelementptr %simt.record, ptr %record, i64 0, i32 1
  %members = load i64, ptr %r.members
  %all = icmp eq i64 %arrived, %members
  br i1 %all, label %last, label %wait
last:
  ret i1 true
wait:
  %me = load i64, ptr @simt.current
  %r.chain = getelementptr %simt.record, ptr %record, i64 0, i32 5
  %previous = load i32, ptr %r.chain
  %link = getelementptr [1024 x i32], ptr @simt.chain, i64 0, i64 %me
  store i32 %previous, ptr %link
  %number = trunc i64 %me to i32
  store i32 %number, ptr %r.chain
  call void @simt.rest(i32 %site)
  ret i1 false
}

; Closes the record to newcomers and lets the others of its lanes go on, in the order they came.
define internal void @simt.group.release(ptr %record) noinline {
entry:
  %first = call i64 @simt.subgroup.first()
  %head = getelementptr [1024 x ptr], ptr @simt.open, i64 0, i64 %first
  br label %look
look:                      ; the first field of a record leads to the next, as the head does
  %place = phi ptr [ %head, %entry ], [ %open, %look ]
  %open = load ptr, ptr %place
  %found = icmp eq ptr %open, %record
  br i1 %found, label %unlink, label %look
unlink:
  %following = load ptr, ptr %record
  store ptr %following, ptr %place
  %r.chain = getelementptr %simt.record, ptr %record, i64 0, i32 5
  %last = load i32, ptr %r.chain
  call void @simt.wake_chain(i32 %last)
  ret void
}

; I have read what I wanted; null is a record that I never joined.
define internal void @simt.group.done(ptr %record) alwaysinline {
  %never = icmp eq ptr %record, null
  br i1 %never, label %done, label %leave
leave:
  %r.readers = getelementptr %simt.record, ptr %record, i64 0, i32 3
  %readers = load i64, ptr %r.readers
  %left = sub i64 %readers, 1
  store i64 %left, ptr %r.readers
  %none = icmp eq i64 %left, 0
  br i1 %none, label %free, label %done
free:
  %head = load ptr, ptr @simt.records.free
  store ptr %head, ptr %record
  store ptr %record, ptr @simt.records.free
  br label %done
done:
  ret void
}

; Where lane `lane` has its value; every lane has `stride` bytes.
define internal ptr @simt.group.slot(ptr %record, i32 %lane, i64 %stride) alwaysinline {
  %lane64 = zext i32 %lane to i64
  %in = and i64 %lane64, 63
  %offset = mul i64 %in, %stride
  %slot = getelementptr %simt.record, ptr %record, i64 0, i32 7, i64 %offset
  ret ptr %slot
}
