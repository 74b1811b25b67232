; What LLVM calls where this processor cannot convert to bf16 itself: by the names and the rules of
; compiler-rt (round to nearest, ties to even; a NaN becomes a quiet one).

define bfloat @__truncsfbf2(float %x) noinline {
  %bits = bitcast float %x to i32
  %low = lshr i32 %bits, 16
  %even = and i32 %low, 1
  %half = add i32 %even, 32767
  %sum = add i32 %bits, %half
  %rounded = lshr i32 %sum, 16
  %quiet = or i32 %low, 64
  %nan = fcmp uno float %x, %x
  %kept = select i1 %nan, i32 %quiet, i32 %rounded
  %short = trunc i32 %kept to i16
  %result = bitcast i16 %short to bfloat
  ret bfloat %result
}

; To odd first, in the bits that the second rounding looks at: rounding twice to nearest would
; not be rounding once.
define bfloat @__truncdfbf2(double %x) noinline {
  %near = fptrunc double %x to float
  %back = fpext float %near to double
  %exact = fcmp ueq double %back, %x
  %bits = bitcast float %near to i32
  %far = call double @llvm.fabs.f64(double %back)
  %size = call double @llvm.fabs.f64(double %x)
  %above = fcmp ogt double %far, %size
  %less = sub i32 %bits, 1
  %toward = select i1 %above, i32 %less, i32 %bits
  %odd = or i32 %toward, 1
  %chosen = select i1 %exact, i32 %bits, i32 %odd
  %single = bitcast i32 %chosen to float
  %result = call bfloat @__truncsfbf2(float %single)
  ret bfloat %result
}
