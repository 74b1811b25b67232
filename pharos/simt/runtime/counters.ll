; Counters with phases that lie in shared memory, eight bytes each: arrivals and bytes that are
; still to come, and a phase that changes when neither is left.
;   bit 0        the phase, 0 at first
;   bits 1-14    arrivals to come in this phase
;   bits 15-28   arrivals of a whole phase
;   bits 29-52   bytes to come, signed: they may arrive before they are expected
;   bits 53-62   the counter's number, for the order of memory accesses

@simt.counters.used = dso_local global i64 0

define internal void @simt.counters.reset() {
  store i64 0, ptr @simt.counters.used
  ret void
}

; A counter of `count` arrivals a phase.
define internal void @simt.counter.init(ptr %counter, i64 %count, i32 %site) noinline {
  %fits = icmp ult i64 %count, 16384
  %some = icmp ne i64 %count, 0
  %good = and i1 %fits, %some
  br i1 %good, label %number, label %refuse
refuse:
  call void @simt.fail(i64 15, i32 %site, i64 0, i64 %count, i64 0)
  unreachable
number:
  %used = load i64, ptr @simt.counters.used
  %more = add i64 %used, 1
  %next = and i64 %more, 1023
  store i64 %next, ptr @simt.counters.used
  %id = shl i64 %used, 53
  %pending = shl i64 %count, 1
  %whole = shl i64 %count, 15
  %a = or i64 %pending, %whole
  %word = or i64 %a, %id
  store i64 %word, ptr %counter
  ret void
}

; The counter's word; a fault when nobody has initialised it.
define internal i64 @simt.counter.word(ptr %counter, i32 %site) {
  %word = load i64, ptr %counter
  %poison = icmp eq i64 %word, -1
  br i1 %poison, label %unknown, label %known
unknown:
  %address = ptrtoint ptr %counter to i64
  call void @simt.fail(i64 15, i32 %site, i64 1, i64 %address, i64 0)
  unreachable
known:
  ret i64 %word
}

; `arrivals` threads arrive and `bytes` more (or fewer) are to come. The word before.
define internal i64 @simt.counter.change(ptr %counter, i64 %arrivals, i64 %bytes, i32 %site) noinline {
  %word = call i64 @simt.counter.word(ptr %counter, i32 %site)
  %p0 = lshr i64 %word, 1
  %pending = and i64 %p0, 16383
  %enough = icmp ule i64 %arrivals, %pending
  br i1 %enough, label %count, label %many
many:
  call void @simt.fail(i64 15, i32 %site, i64 2, i64 %arrivals, i64 %pending)
  unreachable
count:
  %id = lshr i64 %word, 53
  %number = and i64 %id, 1023
  call void @simt.order.release(i64 %number)
  %left = sub i64 %pending, %arrivals
  %high = shl i64 %word, 11
  %expected = ashr i64 %high, 40
  %still = add i64 %expected, %bytes
  %none = icmp eq i64 %left, 0
  %all = icmp eq i64 %still, 0
  %done = and i1 %none, %all
  %w0 = lshr i64 %word, 15
  %whole = and i64 %w0, 16383
  %now = select i1 %done, i64 %whole, i64 %left
  %phase = and i64 %word, 1
  %other = zext i1 %done to i64
  %flipped = xor i64 %phase, %other
  %f.now = shl i64 %now, 1
  %f.whole = shl i64 %whole, 15
  %low = and i64 %still, 16777215
  %f.bytes = shl i64 %low, 29
  %f.id = shl i64 %number, 53
  %s1 = or i64 %flipped, %f.now
  %s2 = or i64 %s1, %f.whole
  %s3 = or i64 %s2, %f.bytes
  %s4 = or i64 %s3, %f.id
  store i64 %s4, ptr %counter
  store i64 0, ptr @simt.asides
  br i1 %done, label %wake, label %end
wake:
  call void @simt.wake_sleepers()
  br label %end
end:
  ret i64 %word
}

; Whether the phase with this parity is over.
define internal i1 @simt.counter.passed(ptr %counter, i64 %parity, i32 %site) {
  %word = call i64 @simt.counter.word(ptr %counter, i32 %site)
  %now = xor i64 %word, %parity
  %bit = and i64 %now, 1
  %over = icmp ne i64 %bit, 0
  br i1 %over, label %acquire, label %end
acquire:
  %id = lshr i64 %word, 53
  %number = and i64 %id, 1023
  call void @simt.order.acquire(i64 %number)
  br label %end
end:
  ret i1 %over
}

; I rest until the phase with this parity is over.
define internal void @simt.counter.wait(ptr %counter, i64 %parity, i32 %site) noinline {
  br label %look
look:
  %over = call i1 @simt.counter.passed(ptr %counter, i64 %parity, i32 %site)
  br i1 %over, label %done, label %sleep
sleep:
  call void @simt.sleep(i32 %site)
  br label %look
done:
  ret void
}
