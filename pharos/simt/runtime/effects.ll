; Nothing is ever under way in this version.
define internal void @simt.effects.reset() {
  ret void
}
define internal i1 @simt.idle() {
  ret i1 false
}
