; The context switch of x86-64 (System V): what a call preserves goes on the stack, the stack
; pointer into the place of the old context, and everything comes back from the new one.
; Places 0..1023 are the threads of the block, place 1024 is the host's.

@simt.context = dso_local global [1025 x ptr] zeroinitializer

define internal void @simt.swap(ptr %from, ptr %to) naked noinline nounwind {
  call void asm sideeffect "pushq %rbp\0Apushq %rbx\0Apushq %r12\0Apushq %r13\0Apushq %r14\0Apushq %r15\0Amovq %rsp, (%rdi)\0Amovq (%rsi), %rsp\0Apopq %r15\0Apopq %r14\0Apopq %r13\0Apopq %r12\0Apopq %rbx\0Apopq %rbp\0Aretq", "~{memory}"()
  unreachable
}

define internal void @simt.switch(i64 %from, i64 %to) {
  %old = getelementptr [1025 x ptr], ptr @simt.context, i64 0, i64 %from
  %new = getelementptr [1025 x ptr], ptr @simt.context, i64 0, i64 %to
  call void @simt.swap(ptr %old, ptr %new)
  ret void
}

; The running thread never comes back.
define internal void @simt.depart(i64 %from, i64 %to) {
  call void @simt.switch(i64 %from, i64 %to)
  unreachable
}

; Gives a thread a fresh stack on which it enters the kernel when it is first switched to. Stacks
; begin at different places of a page: at the same one, all would use the same few cache lines.
define internal void @simt.prepare(i64 %thread) {
  %stacks = load ptr, ptr @simt.stacks
  %size = load i64, ptr @simt.stack_size
  %number = add i64 %thread, 1
  %offset = mul i64 %number, %size
  %end = getelementptr i8, ptr %stacks, i64 %offset
  %stagger = mul i64 %thread, 320
  %colour = and i64 %stagger, 4032
  %lower = sub i64 -16, %colour
  %return = getelementptr i8, ptr %end, i64 %lower
  store ptr @simt.enter, ptr %return
  %saved = getelementptr i8, ptr %return, i64 -48
  %place = getelementptr [1025 x ptr], ptr @simt.context, i64 0, i64 %thread
  store ptr %saved, ptr %place
  ret void
}
