; Global memory that a kernel may use: regions with their first byte, the byte after their last, a
; byte of all ones for every byte that somebody wrote (null: all of it), and whether it may be
; written.

%simt.region = type { i64, i64, ptr, i64 }

@simt.regions = dso_local global ptr null
@simt.regions.count = dso_local global i64 0       ; -1: any address may be used
@simt.regions.last = dso_local global [1024 x i32] zeroinitializer   ; where each site was last

; The region of these bytes; null when any memory may be used and none is known. Ends the run when
; they lie in none.
define internal ptr @simt.region.of(i64 %address, i64 %bytes, i32 %site) {
  %low = and i32 %site, 1023
  %slot = getelementptr [1024 x i32], ptr @simt.regions.last, i64 0, i32 %low
  %index = load i32, ptr %slot
  %count = load i64, ptr @simt.regions.count
  %index64 = zext i32 %index to i64
  %valid = icmp slt i64 %index64, %count
  br i1 %valid, label %try, label %search
try:
  %regions = load ptr, ptr @simt.regions
  %region = getelementptr %simt.region, ptr %regions, i32 %index
  %start = load i64, ptr %region
  %r.end = getelementptr %simt.region, ptr %region, i64 0, i32 1
  %end = load i64, ptr %r.end
  %after = add i64 %address, %bytes
  %from = icmp uge i64 %address, %start
  %to = icmp ule i64 %after, %end
  %inside = and i1 %from, %to
  br i1 %inside, label %found, label %search
found:
  ret ptr %region
search:
  %other = call ptr @simt.region.search(i64 %address, i64 %bytes, i32 %site)
  ret ptr %other
}

define internal ptr @simt.region.search(i64 %address, i64 %bytes, i32 %site) noinline cold {
entry:
  %count = load i64, ptr @simt.regions.count
  %regions = load ptr, ptr @simt.regions
  %after = add i64 %address, %bytes
  %any = icmp slt i64 %count, 0
  br i1 %any, label %unknown, label %head
unknown:
  ret ptr null
head:
  %i = phi i64 [ 0, %entry ], [ %next, %no ]
  %end.of.it = icmp eq i64 %i, %count
  br i1 %end.of.it, label %outside, label %each
outside:
  call void @simt.fail(i64 9, i32 %site, i64 %address, i64 %bytes, i64 0)
  unreachable
each:
  %region = getelementptr %simt.region, ptr %regions, i64 %i
  %start = load i64, ptr %region
  %r.end = getelementptr %simt.region, ptr %region, i64 0, i32 1
  %end = load i64, ptr %r.end
  %from = icmp uge i64 %address, %start
  %to = icmp ule i64 %after, %end
  %inside = and i1 %from, %to
  br i1 %inside, label %found, label %no
no:
  %next = add i64 %i, 1
  br label %head
found:
  %low = and i32 %site, 1023
  %slot = getelementptr [1024 x i32], ptr @simt.regions.last, i64 0, i32 %low
  %index = trunc i64 %i to i32
  store i32 %index, ptr %slot
  ret ptr %region
}

; Bytes of a region are read: all of them must have been written.
define internal void @simt.region.read(i64 %address, i64 %bytes, i32 %site) noinline {
entry:
  %region = call ptr @simt.region.of(i64 %address, i64 %bytes, i32 %site)
  %unknown = icmp eq ptr %region, null
  br i1 %unknown, label %done, label %known
known:
  %r.written = getelementptr %simt.region, ptr %region, i64 0, i32 2
  %written = load ptr, ptr %r.written
  %all = icmp eq ptr %written, null
  br i1 %all, label %done, label %look
look:
  %start = load i64, ptr %region
  %offset = sub i64 %address, %start
  br label %each
each:
  %i = phi i64 [ 0, %look ], [ %next, %fine ]
  %end = icmp eq i64 %i, %bytes
  br i1 %end, label %done, label %one
one:
  %at = add i64 %offset, %i
  %byte = getelementptr i8, ptr %written, i64 %at
  %mark = load i8, ptr %byte
  %missing = icmp eq i8 %mark, 0
  %bad = and i1 %missing, CHECK_UNWRITTEN
  br i1 %bad, label %nothing, label %fine
fine:
  %next = add i64 %i, 1
  br label %each
nothing:
  %place = add i64 %address, %i
  call void @simt.fail(i64 11, i32 %site, i64 1, i64 %place, i64 %bytes)
  unreachable
done:
  ret void
}

; Bytes of a region are written.
define internal void @simt.region.write(i64 %address, i64 %bytes, i32 %site) noinline {
  %region = call ptr @simt.region.of(i64 %address, i64 %bytes, i32 %site)
  %unknown = icmp eq ptr %region, null
  br i1 %unknown, label %done, label %known
known:
  %r.writable = getelementptr %simt.region, ptr %region, i64 0, i32 3
  %writable = load i64, ptr %r.writable
  %constant = icmp eq i64 %writable, 0
  br i1 %constant, label %refuse, label %allowed
refuse:
  call void @simt.fail(i64 16, i32 %site, i64 %address, i64 %bytes, i64 0)
  unreachable
allowed:
  %r.written = getelementptr %simt.region, ptr %region, i64 0, i32 2
  %written = load ptr, ptr %r.written
  %all = icmp eq ptr %written, null
  br i1 %all, label %done, label %mark
mark:
  %start = load i64, ptr %region
  %offset = sub i64 %address, %start
  %bytes.at = getelementptr i8, ptr %written, i64 %offset
  call void @llvm.memset.p0.i64(ptr %bytes.at, i8 -1, i64 %bytes, i1 false)
  br label %done
done:
  ret void
}
