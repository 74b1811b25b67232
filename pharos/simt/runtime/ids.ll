; Where the running thread is: its block in the grid and its place in the block. The worker sets
; the sizes and the places once for a run (every block has the same), the grid loop the block.

@simt.grid = dso_local global [3 x i32] zeroinitializer
@simt.block = dso_local global [3 x i32] zeroinitializer
@simt.block_size = dso_local global [3 x i32] zeroinitializer
@simt.place = dso_local global [1024 x [3 x i32]] zeroinitializer   ; x, y, z of each thread
@simt.subgroup = dso_local global i64 1                             ; lanes of a subgroup, a power of two
@simt.threads = dso_local global i64 0                              ; threads of a block
@simt.current = dso_local global i64 0                              ; the running thread

define internal i32 @simt.thread(i64 %axis) alwaysinline {
  %me = load i64, ptr @simt.current
  %at = getelementptr [1024 x [3 x i32]], ptr @simt.place, i64 0, i64 %me, i64 %axis
  %place = load i32, ptr %at
  ret i32 %place
}

define internal i32 @simt.linear() alwaysinline {
  %me = load i64, ptr @simt.current
  %number = trunc i64 %me to i32
  ret i32 %number
}

define internal i32 @simt.lane() alwaysinline {
  %me = load i64, ptr @simt.current
  %lanes = load i64, ptr @simt.subgroup
  %mask = sub i64 %lanes, 1
  %lane = and i64 %me, %mask
  %number = trunc i64 %lane to i32
  ret i32 %number
}

; The thread that is lane 0 of the running thread's subgroup.
define internal i64 @simt.subgroup.first() alwaysinline {
  %me = load i64, ptr @simt.current
  %lanes = load i64, ptr @simt.subgroup
  %mask = sub i64 %lanes, 1
  %lane = and i64 %me, %mask
  %first = sub i64 %me, %lane
  ret i64 %first
}

; One bit for every lane that the running thread's subgroup has: the last subgroup of a block
; may be smaller than the others.
define internal i64 @simt.subgroup.members() {
  %first = call i64 @simt.subgroup.first()
  %lanes = load i64, ptr @simt.subgroup
  %threads = load i64, ptr @simt.threads
  %left = sub i64 %threads, %first
  %count = call i64 @llvm.umin.i64(i64 %left, i64 %lanes)
  %unused = sub i64 64, %count
  %mask = lshr i64 -1, %unused
  ret i64 %mask
}
