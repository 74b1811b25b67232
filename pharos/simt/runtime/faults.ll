; What stopped the run: the first fault is kept, and the whole run ends with it.
; kind 0 means none; the kinds are those of `pharos.simt.faults.KINDS`, in their order.

@simt.fault.kind = dso_local global i64 0
@simt.fault.thread = dso_local global i64 0
@simt.fault.site = dso_local global i32 0
@simt.fault.values = dso_local global [4 x i64] zeroinitializer

; Ends the run: the host goes on, this thread never does.
define internal void @simt.fail(i64 %kind, i32 %site, i64 %a, i64 %b, i64 %c) noinline cold {
  %me = load i64, ptr @simt.current
  store i64 %kind, ptr @simt.fault.kind
  store i64 %me, ptr @simt.fault.thread
  store i32 %site, ptr @simt.fault.site
  store i64 %a, ptr @simt.fault.values
  store i64 %b, ptr getelementptr ([4 x i64], ptr @simt.fault.values, i64 0, i64 1)
  store i64 %c, ptr getelementptr ([4 x i64], ptr @simt.fault.values, i64 0, i64 2)
  call void @simt.switch(i64 %me, i64 1024)
  unreachable
}
