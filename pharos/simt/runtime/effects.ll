; Asynchronous effects: what an instruction has started and what happens later. In the earliest
; mode an effect happens when it is started; in the latest when its thread waits for its group,
; when nothing else can go on, or when all threads have left.

%simt.effect = type { ptr,             ; the next older effect of the block
                      ptr,             ; the next newer one
                      ptr,             ; the next one of the same queue
                      ptr,             ; what happens: a function of the captured values
                      i64,             ; the queue: 8 * thread + number
                      i64,             ; the group in the queue
                      [208 x i8] }     ; captured values
%simt.queue = type { ptr, ptr, i64 }   ; first effect, last effect, the group that is open

@simt.latest = dso_local global i64 1
@simt.effects = external global [32768 x %simt.effect], align 64  ; memory.py has the room
@simt.effects.used = dso_local global i64 0
@simt.effects.free = dso_local global ptr null
@simt.effects.oldest = dso_local global ptr null
@simt.effects.newest = dso_local global ptr null
@simt.queues = dso_local global [8192 x %simt.queue] zeroinitializer
@simt.sleepers = dso_local global i32 -1   ; the last in the chain of those that wait for a change

define internal void @simt.effects.reset() {
  %used = load i64, ptr @simt.effects.used
  store i32 -1, ptr @simt.sleepers
  %clean = icmp eq i64 %used, 0
  br i1 %clean, label %done, label %clear
clear:                                  ; groups are counted from 0 in every block
  call void @llvm.memset.p0.i64(ptr @simt.queues, i8 0, i64 196608, i1 false)
  store i64 0, ptr @simt.effects.used
  store ptr null, ptr @simt.effects.free
  store ptr null, ptr @simt.effects.oldest
  store ptr null, ptr @simt.effects.newest
  br label %done
done:
  ret void
}

; Room for an effect of my queue `number`. With none left, the oldest happens first.
define internal ptr @simt.effect.new(i64 %number) noinline {
  br label %look
look:
  %free = load ptr, ptr @simt.effects.free
  %none = icmp eq ptr %free, null
  br i1 %none, label %fresh, label %again
again:
  %rest = load ptr, ptr %free
  store ptr %rest, ptr @simt.effects.free
  br label %fill
fresh:
  %used = load i64, ptr @simt.effects.used
  %full = icmp eq i64 %used, 32768
  br i1 %full, label %relieve, label %take
relieve:
  %helped = call i1 @simt.idle()
  br label %look
take:
  %more = add i64 %used, 1
  store i64 %more, ptr @simt.effects.used
  %new = getelementptr [32768 x %simt.effect], ptr @simt.effects, i64 0, i64 %used
  br label %fill
fill:
  %effect = phi ptr [ %free, %again ], [ %new, %take ]
  %me = load i64, ptr @simt.current
  %base = shl i64 %me, 3
  %in = and i64 %number, 7
  %key = or i64 %base, %in
  %e.key = getelementptr %simt.effect, ptr %effect, i64 0, i32 4
  store i64 %key, ptr %e.key
  ret ptr %effect
}

define internal ptr @simt.effect.captured(ptr %effect) alwaysinline {
  %captured = getelementptr %simt.effect, ptr %effect, i64 0, i32 6
  ret ptr %captured
}

; The effect's values are captured: it is under way.
define internal void @simt.effect.start(ptr %effect, ptr %function) noinline {
  %latest = load i64, ptr @simt.latest
  %early = icmp eq i64 %latest, 0
  br i1 %early, label %now, label %later
now:
  %captured = call ptr @simt.effect.captured(ptr %effect)
  call void %function(ptr %captured)
  call void @simt.effect.forget(ptr %effect)
  ret void
later:
  %e.function = getelementptr %simt.effect, ptr %effect, i64 0, i32 3
  store ptr %function, ptr %e.function
  %e.key = getelementptr %simt.effect, ptr %effect, i64 0, i32 4
  %key = load i64, ptr %e.key
  %queue = getelementptr [8192 x %simt.queue], ptr @simt.queues, i64 0, i64 %key
  %q.group = getelementptr %simt.queue, ptr %queue, i64 0, i32 2
  %group = load i64, ptr %q.group
  %e.group = getelementptr %simt.effect, ptr %effect, i64 0, i32 5
  store i64 %group, ptr %e.group
  ; behind all others of the block
  %newest = load ptr, ptr @simt.effects.newest
  store ptr %newest, ptr %effect
  %e.newer = getelementptr %simt.effect, ptr %effect, i64 0, i32 1
  store ptr null, ptr %e.newer
  store ptr %effect, ptr @simt.effects.newest
  %alone = icmp eq ptr %newest, null
  %n.newer = getelementptr %simt.effect, ptr %newest, i64 0, i32 1
  %link = select i1 %alone, ptr @simt.effects.oldest, ptr %n.newer
  store ptr %effect, ptr %link
  ; behind all others of its queue
  %e.next = getelementptr %simt.effect, ptr %effect, i64 0, i32 2
  store ptr null, ptr %e.next
  %q.last = getelementptr %simt.queue, ptr %queue, i64 0, i32 1
  %last = load ptr, ptr %q.last
  store ptr %effect, ptr %q.last
  %empty = icmp eq ptr %last, null
  %l.next = getelementptr %simt.effect, ptr %last, i64 0, i32 2
  %tail = select i1 %empty, ptr %queue, ptr %l.next
  store ptr %effect, ptr %tail
  ret void
}

define internal void @simt.effect.forget(ptr %effect) {
  %free = load ptr, ptr @simt.effects.free
  store ptr %free, ptr %effect
  store ptr %effect, ptr @simt.effects.free
  ret void
}

; The first effect of a queue happens, as an act of the thread that started it.
define internal void @simt.effect.happen(ptr %effect) noinline {
  %e.key = getelementptr %simt.effect, ptr %effect, i64 0, i32 4
  %key = load i64, ptr %e.key
  %queue = getelementptr [8192 x %simt.queue], ptr @simt.queues, i64 0, i64 %key
  %e.next = getelementptr %simt.effect, ptr %effect, i64 0, i32 2
  %next = load ptr, ptr %e.next
  store ptr %next, ptr %queue
  %emptied = icmp eq ptr %next, null
  br i1 %emptied, label %close, label %unlink
close:
  %q.last = getelementptr %simt.queue, ptr %queue, i64 0, i32 1
  store ptr null, ptr %q.last
  br label %unlink
unlink:
  %older = load ptr, ptr %effect
  %e.newer = getelementptr %simt.effect, ptr %effect, i64 0, i32 1
  %newer = load ptr, ptr %e.newer
  %first = icmp eq ptr %older, null
  %o.newer = getelementptr %simt.effect, ptr %older, i64 0, i32 1
  %forward = select i1 %first, ptr @simt.effects.oldest, ptr %o.newer
  store ptr %newer, ptr %forward
  %last = icmp eq ptr %newer, null
  %backward = select i1 %last, ptr @simt.effects.newest, ptr %newer
  store ptr %older, ptr %backward
  %me = load i64, ptr @simt.current
  %starter = lshr i64 %key, 3
  store i64 %starter, ptr @simt.current
  %e.function = getelementptr %simt.effect, ptr %effect, i64 0, i32 3
  %function = load ptr, ptr %e.function
  %captured = call ptr @simt.effect.captured(ptr %effect)
  call void %function(ptr %captured)
  store i64 %me, ptr @simt.current
  call void @simt.effect.forget(ptr %effect)
  ret void
}

; An effect under way happens; false when there is none. The oldest of the queues 4 to 7, for which
; others may rest; only without one the oldest of the others, whose threads will wait for them.
define internal i1 @simt.idle() noinline {
entry:
  %oldest = load ptr, ptr @simt.effects.oldest
  %none = icmp eq ptr %oldest, null
  br i1 %none, label %nothing, label %look
nothing:
  ret i1 false
look:
  %effect = phi ptr [ %oldest, %entry ], [ %newer, %next ]
  %e.key = getelementptr %simt.effect, ptr %effect, i64 0, i32 4
  %key = load i64, ptr %e.key
  %kind = and i64 %key, 4
  %awaited = icmp ne i64 %kind, 0
  br i1 %awaited, label %one, label %next
next:
  %e.newer = getelementptr %simt.effect, ptr %effect, i64 0, i32 1
  %newer = load ptr, ptr %e.newer
  %end = icmp eq ptr %newer, null
  br i1 %end, label %one, label %look
one:
  %chosen = phi ptr [ %effect, %look ], [ %oldest, %next ]
  call void @simt.effect.happen(ptr %chosen)
  ret i1 true
}

; All threads have left: what they started happens nevertheless.
define internal void @simt.effects.finish() noinline {
  br label %more
more:
  %helped = call i1 @simt.idle()
  br i1 %helped, label %more, label %done
done:
  ret void
}

; Closes the open group of my queue `number`.
define internal void @simt.effects.commit(i64 %number) {
  %me = load i64, ptr @simt.current
  %base = shl i64 %me, 3
  %key = or i64 %base, %number
  %q.group = getelementptr [8192 x %simt.queue], ptr @simt.queues, i64 0, i64 %key, i32 2
  %group = load i64, ptr %q.group
  %next = add i64 %group, 1
  store i64 %next, ptr %q.group
  ; Something was used in this block, even if no effect was: groups must be counted anew.
  %used = load i64, ptr @simt.effects.used
  %none = icmp eq i64 %used, 0
  %mark = select i1 %none, i64 1, i64 %used
  store i64 %mark, ptr @simt.effects.used
  ret void
}

; All groups of my queue but the `pending` that were closed last have happened; -1 for all effects.
define internal void @simt.effects.wait(i64 %number, i64 %pending) noinline {
  %me = load i64, ptr @simt.current
  %base = shl i64 %me, 3
  %key = or i64 %base, %number
  %queue = getelementptr [8192 x %simt.queue], ptr @simt.queues, i64 0, i64 %key
  %q.group = getelementptr %simt.queue, ptr %queue, i64 0, i32 2
  br label %look
look:
  %effect = load ptr, ptr %queue
  %none = icmp eq ptr %effect, null
  br i1 %none, label %done, label %compare
compare:
  %open = load i64, ptr %q.group
  %limit = sub i64 %open, %pending
  %e.group = getelementptr %simt.effect, ptr %effect, i64 0, i32 5
  %group = load i64, ptr %e.group
  %due = icmp slt i64 %group, %limit
  br i1 %due, label %happen, label %done
happen:
  call void @simt.effect.happen(ptr %effect)
  br label %look
done:
  ret void
}

; I rest until some counter has changed its phase.
define internal void @simt.sleep(i32 %site) noinline {
  %me = load i64, ptr @simt.current
  %previous = load i32, ptr @simt.sleepers
  %link = getelementptr [1024 x i32], ptr @simt.chain, i64 0, i64 %me
  store i32 %previous, ptr %link
  %number = trunc i64 %me to i32
  store i32 %number, ptr @simt.sleepers
  call void @simt.rest(i32 %site)
  ret void
}

define internal void @simt.wake_sleepers() noinline {
  %head = load i32, ptr @simt.sleepers
  store i32 -1, ptr @simt.sleepers
  call void @simt.wake_chain(i32 %head)
  ret void
}
