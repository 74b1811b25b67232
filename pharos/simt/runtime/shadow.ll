; What the simulator remembers of every granule of shared memory: who wrote it last, and two of
; those who have read it since. A cell is the stamp of the access (21 bits), whether it was atomic
; (1 bit), and the thread (10 bits). The size of a granule is put in for GRANULE_SHIFT.

@simt.writers = dso_local global [262144 x i32] zeroinitializer, align 64
@simt.readers = dso_local global [262144 x i32] zeroinitializer, align 64
@simt.others = dso_local global [262144 x i32] zeroinitializer, align 64
@simt.places = dso_local global [262144 x i32] zeroinitializer, align 64  ; sites of the writers

define internal void @simt.shadow.clear() {
  call void @llvm.memset.p0.i64(ptr @simt.writers, i8 0, i64 1048576, i1 false)
  call void @llvm.memset.p0.i64(ptr @simt.readers, i8 0, i64 1048576, i1 false)
  call void @llvm.memset.p0.i64(ptr @simt.others, i8 0, i64 1048576, i1 false)
  ret void
}

; The cell of an access that I make now.
define internal i32 @simt.cell(i32 %atomic) alwaysinline {
  %now = load i32, ptr @simt.now
  %me = load i64, ptr @simt.current
  %thread = trunc i64 %me to i32
  %high = shl i32 %now, 11
  %a = or i32 %high, %thread
  %cell = or i32 %a, %atomic
  ret i32 %cell
}

; An access that the quick comparison did not find in order: looks at every granule, and ends the
; run if there is a fault. `access` is 0 for a read, 1 for a write, 2 for an atomic.
define internal void @simt.shadow.examine(i64 %offset, i64 %bytes, i64 %access, i32 %site) noinline cold {
entry:
  %first = lshr i64 %offset, GRANULE_SHIFT
  %end = add i64 %offset, %bytes
  %last = sub i64 %end, 1
  %stop = lshr i64 %last, GRANULE_SHIFT
  br label %each
each:
  %i = phi i64 [ %first, %entry ], [ %next, %fine ]
  %w.at = getelementptr [262144 x i32], ptr @simt.writers, i64 0, i64 %i
  %w = load i32, ptr %w.at
  %stamp = lshr i32 %w, 11
  %born = load i32, ptr @simt.born
  %old = icmp ule i32 %stamp, %born
  %reads = icmp ne i64 %access, 1
  %missing = and i1 %old, %reads
  %unwritten = and i1 %missing, CHECK_UNWRITTEN
  br i1 %unwritten, label %nothing, label %written
nothing:
  %place = shl i64 %i, GRANULE_SHIFT
  call void @simt.fail(i64 11, i32 %site, i64 0, i64 %place, i64 %bytes)
  unreachable
written:
  call void @simt.shadow.compare(i32 %w, i64 %i, i64 %access, i64 1, i32 %site)
  %writes = icmp ne i64 %access, 0
  br i1 %writes, label %against, label %fine
against:
  %r.at = getelementptr [262144 x i32], ptr @simt.readers, i64 0, i64 %i
  %r = load i32, ptr %r.at
  call void @simt.shadow.compare(i32 %r, i64 %i, i64 %access, i64 0, i32 %site)
  %o.at = getelementptr [262144 x i32], ptr @simt.others, i64 0, i64 %i
  %o = load i32, ptr %o.at
  call void @simt.shadow.compare(i32 %o, i64 %i, i64 %access, i64 0, i32 %site)
  br label %fine
fine:
  %next = add i64 %i, 1
  %done = icmp ugt i64 %next, %stop
  br i1 %done, label %end.of.it, label %each
end.of.it:
  ret void
}

; A race unless the access in `cell` (`theirs`: 1 a write, 0 a read) is ordered before mine.
define internal void @simt.shadow.compare(i32 %cell, i64 %granule, i64 %access, i64 %theirs, i32 %site) {
  %t = and i32 %cell, 1023
  %thread = zext i32 %t to i64
  %stamp = lshr i32 %cell, 11
  %before = call i1 @simt.order.before(i32 %stamp, i64 %thread)
  %flag = and i32 %cell, 1024
  %atomic = icmp ne i32 %flag, 0
  %mine = icmp eq i64 %access, 2
  %both = and i1 %atomic, %mine
  %fine0 = or i1 %before, %both
  %fine = or i1 %fine0, CHECK_NO_RACES
  br i1 %fine, label %done, label %race
race:
  %m = shl i64 %access, 1
  %kinds = or i64 %m, %theirs
  %place = shl i64 %granule, GRANULE_SHIFT
  call void @simt.fail(i64 12, i32 %site, i64 %thread, i64 %place, i64 %kinds)
  unreachable
done:
  ret void
}

; The last write of the granule at this offset of shared memory: its cell.
define internal i32 @simt.shadow.writer(i64 %offset) {
  %i = lshr i64 %offset, GRANULE_SHIFT
  %at = getelementptr [262144 x i32], ptr @simt.writers, i64 0, i64 %i
  %cell = load i32, ptr %at
  ret i32 %cell
}
