; Threads take turns with the host's help, on processors for which there is no context switch here.
; The host's functions get the numbers of threads; 1024 is the host itself.

@simt.host.switch = dso_local global ptr null      ; void (from, to): returns when it is from's turn
@simt.host.prepare = dso_local global ptr null     ; void (thread): it will enter the kernel
@simt.host.depart = dso_local global ptr null      ; void (from, to): from ends when it returns

define internal void @simt.switch(i64 %from, i64 %to) {
  %function = load ptr, ptr @simt.host.switch
  call void %function(i64 %from, i64 %to)
  ret void
}

define internal void @simt.depart(i64 %from, i64 %to) {
  %function = load ptr, ptr @simt.host.depart
  call void %function(i64 %from, i64 %to)
  ret void
}

define internal void @simt.prepare(i64 %thread) {
  ; The threads' own memory lies on this thread of the process, near here.
  %here = call ptr @llvm.frameaddress.p0(i32 0)
  %low = getelementptr i8, ptr %here, i64 -4194304
  store ptr %low, ptr @simt.stacks
  %threads = load i64, ptr @simt.threads
  %share = udiv i64 8388608, %threads
  store i64 %share, ptr @simt.stack_size
  %function = load ptr, ptr @simt.host.prepare
  call void %function(i64 %thread)
  ret void
}
