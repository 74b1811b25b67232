; What the grid loop calls when a kernel is built without checks.
define internal void @simt.checks.reset() {
  ret void
}

define internal void @simt.order.release(i64 %counter) alwaysinline {
  ret void
}

define internal void @simt.order.acquire(i64 %counter) alwaysinline {
  ret void
}

define internal void @simt.order.subgroup(i64 %members) alwaysinline {
  ret void
}

define internal void @simt.order.all() alwaysinline {
  ret void
}
