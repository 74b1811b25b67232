// Softmax along the queries, not along the keys: no attention, and pharos explain says why.
func.func @near_miss(%q: tensor<2x5x4xf32>, %k: tensor<2x5x4xf32>, %v: tensor<2x5x4xf32>) -> tensor<2x5x4xf32> {
  %cst0 = arith.constant 0.0 : f32
  %cst1 = arith.constant 0xFF800000 : f32
  %0 = tensor.empty() : tensor<2x5x5xf32>
  %1 = linalg.fill ins(%cst0 : f32) outs(%0 : tensor<2x5x5xf32>) -> tensor<2x5x5xf32>
  %4 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x5x4xf32>, tensor<2x5x4xf32>) outs(%1 : tensor<2x5x5xf32>) {
    ^bb0(%x0: f32, %x1: f32, %out: f32):
      %2 = arith.mulf %x0, %x1 : f32
      %3 = arith.addf %out, %2 : f32
      linalg.yield %3 : f32
    } -> tensor<2x5x5xf32>
  %5 = tensor.empty() : tensor<2x5xf32>
  %6 = linalg.fill ins(%cst1 : f32) outs(%5 : tensor<2x5xf32>) -> tensor<2x5xf32>
  %8 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%4 : tensor<2x5x5xf32>) outs(%6 : tensor<2x5xf32>) {
    ^bb0(%x0: f32, %out: f32):
      %7 = arith.maximumf %x0, %out : f32
      linalg.yield %7 : f32
    } -> tensor<2x5xf32>
  %9 = tensor.empty() : tensor<2x5x5xf32>
  %12 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%4, %8 : tensor<2x5x5xf32>, tensor<2x5xf32>) outs(%9 : tensor<2x5x5xf32>) {
    ^bb0(%x0: f32, %x1: f32, %out: f32):
      %10 = arith.subf %x0, %x1 : f32
      %11 = math.exp %10 : f32
      linalg.yield %11 : f32
    } -> tensor<2x5x5xf32>
  %13 = tensor.empty() : tensor<2x5xf32>
  %14 = linalg.fill ins(%cst0 : f32) outs(%13 : tensor<2x5xf32>) -> tensor<2x5xf32>
  %16 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>], iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%12 : tensor<2x5x5xf32>) outs(%14 : tensor<2x5xf32>) {
    ^bb0(%x0: f32, %out: f32):
      %15 = arith.addf %x0, %out : f32
      linalg.yield %15 : f32
    } -> tensor<2x5xf32>
  %17 = tensor.empty() : tensor<2x5x5xf32>
  %19 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%12, %16 : tensor<2x5x5xf32>, tensor<2x5xf32>) outs(%17 : tensor<2x5x5xf32>) {
    ^bb0(%x0: f32, %x1: f32, %out: f32):
      %18 = arith.divf %x0, %x1 : f32
      linalg.yield %18 : f32
    } -> tensor<2x5x5xf32>
  %20 = tensor.empty() : tensor<2x5x4xf32>
  %21 = linalg.fill ins(%cst0 : f32) outs(%20 : tensor<2x5x4xf32>) -> tensor<2x5x4xf32>
  %24 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>, affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%19, %v : tensor<2x5x5xf32>, tensor<2x5x4xf32>) outs(%21 : tensor<2x5x4xf32>) {
    ^bb0(%x0: f32, %x1: f32, %out: f32):
      %22 = arith.mulf %x0, %x1 : f32
      %23 = arith.addf %out, %22 : f32
      linalg.yield %23 : f32
    } -> tensor<2x5x4xf32>
  return %24 : tensor<2x5x4xf32>
}
