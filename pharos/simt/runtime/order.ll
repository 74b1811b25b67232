; Which accesses to shared memory happened before which. A clock ticks at every synchronisation;
; every subgroup knows, for every other, up to which tick that one's accesses are ordered before
; its own, and what a barrier or counter (a token) was told so far. A barrier of the whole block
; orders everything (the floor). Stamps only grow, so that nothing is cleared between blocks; when
; the clock has run out within one block, everything counts as ordered.

@simt.now = dso_local global i32 1
@simt.floor = dso_local global i32 0                ; stamps up to here are ordered before all
@simt.born = dso_local global i32 0                 ; stamps up to here belong to earlier blocks
@simt.known = dso_local global [64 x [64 x i32]] zeroinitializer, align 64
@simt.told = dso_local global [1089 x [64 x i32]] zeroinitializer, align 64
@simt.own = dso_local global [1024 x i32] zeroinitializer     ; what a thread knows of its subgroup

define internal i32 @simt.tick() {
  %now = load i32, ptr @simt.now
  %next = add i32 %now, 1
  %over = icmp ugt i32 %next, 2097150
  br i1 %over, label %stop, label %go
go:
  store i32 %next, ptr @simt.now
  ret i32 %now
stop:
  store i32 2097151, ptr @simt.floor
  ret i32 %now
}

; A new block: what was accessed before belongs to others.
define internal void @simt.checks.reset() {
  %now = load i32, ptr @simt.now
  %late = icmp ugt i32 %now, 1048576
  br i1 %late, label %restart, label %begin
restart:
  call void @simt.shadow.clear()
  call void @llvm.memset.p0.i64(ptr @simt.known, i8 0, i64 16384, i1 false)
  call void @llvm.memset.p0.i64(ptr @simt.told, i8 0, i64 278784, i1 false)
  call void @llvm.memset.p0.i64(ptr @simt.own, i8 0, i64 4096, i1 false)
  store i32 1, ptr @simt.now
  br label %begin
begin:
  %stamp = call i32 @simt.tick()
  store i32 %stamp, ptr @simt.floor
  store i32 %stamp, ptr @simt.born
  ret void
}

define internal i64 @simt.order.subgroup_of(i64 %thread) alwaysinline {
  %lanes = load i64, ptr @simt.subgroup
  %shift = call i64 @llvm.cttz.i64(i64 %lanes, i1 true)
  %number = lshr i64 %thread, %shift
  %in = and i64 %number, 63
  ret i64 %in
}

; What I did so far is ordered before those who acquire the token.
define internal void @simt.order.release(i64 %token) noinline {
  %me = load i64, ptr @simt.current
  %mine = call i64 @simt.order.subgroup_of(i64 %me)
  %told = getelementptr [1089 x [64 x i32]], ptr @simt.told, i64 0, i64 %token
  %known = getelementptr [64 x [64 x i32]], ptr @simt.known, i64 0, i64 %mine
  %a = load <64 x i32>, ptr %told
  %b = load <64 x i32>, ptr %known
  %both = call <64 x i32> @llvm.umax.v64i32(<64 x i32> %a, <64 x i32> %b)
  store <64 x i32> %both, ptr %told
  %stamp = call i32 @simt.tick()
  %own = getelementptr [64 x i32], ptr %told, i64 0, i64 %mine
  store i32 %stamp, ptr %own
  ret void
}

define internal void @simt.order.acquire(i64 %token) noinline {
  %me = load i64, ptr @simt.current
  %mine = call i64 @simt.order.subgroup_of(i64 %me)
  %told = getelementptr [1089 x [64 x i32]], ptr @simt.told, i64 0, i64 %token
  %known = getelementptr [64 x [64 x i32]], ptr @simt.known, i64 0, i64 %mine
  %a = load <64 x i32>, ptr %told
  %b = load <64 x i32>, ptr %known
  %both = call <64 x i32> @llvm.umax.v64i32(<64 x i32> %a, <64 x i32> %b)
  store <64 x i32> %both, ptr %known
  ret void
}

; The whole block has met.
define internal void @simt.order.all() {
  %stamp = call i32 @simt.tick()
  %floor = load i32, ptr @simt.floor
  %higher = call i32 @llvm.umax.i32(i32 %stamp, i32 %floor)
  store i32 %higher, ptr @simt.floor
  ret void
}

; These lanes of my subgroup have met.
define internal void @simt.order.subgroup(i64 %members) noinline {
entry:
  %stamp = call i32 @simt.tick()
  %first = call i64 @simt.subgroup.first()
  br label %head
head:
  %left = phi i64 [ %members, %entry ], [ %rest, %each ]
  %none = icmp eq i64 %left, 0
  br i1 %none, label %done, label %each
each:
  %lane = call i64 @llvm.cttz.i64(i64 %left, i1 true)
  %thread = add i64 %first, %lane
  %own = getelementptr [1024 x i32], ptr @simt.own, i64 0, i64 %thread
  store i32 %stamp, ptr %own
  %less = sub i64 %left, 1
  %rest = and i64 %left, %less
  br label %head
done:
  ret void
}

; Whether the access with this stamp by thread `other` is ordered before what I do now.
define internal i1 @simt.order.before(i32 %stamp, i64 %other) {
  %me = load i64, ptr @simt.current
  %mine = call i64 @simt.order.subgroup_of(i64 %me)
  %theirs = call i64 @simt.order.subgroup_of(i64 %other)
  %known = getelementptr [64 x [64 x i32]], ptr @simt.known, i64 0, i64 %mine, i64 %theirs
  %limit = load i32, ptr %known
  %own = getelementptr [1024 x i32], ptr @simt.own, i64 0, i64 %me
  %lanes = load i32, ptr %own
  %together = icmp eq i64 %mine, %theirs
  %inner = select i1 %together, i32 %lanes, i32 0
  %most = call i32 @llvm.umax.i32(i32 %limit, i32 %inner)
  %floor = load i32, ptr @simt.floor
  %all = call i32 @llvm.umax.i32(i32 %most, i32 %floor)
  %before = icmp ule i32 %stamp, %all
  %self = icmp eq i64 %me, %other
  %fine = or i1 %before, %self
  ret i1 %fine
}
