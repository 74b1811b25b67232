// Takes elements of a table by number. A number that is too large shows on a simulated device:
//   pharos sim examples/gpu/wrong_index.mlir --target nvidia:sim --input 8xi32x4,4xf32xrnd
#all = affine_map<(d0) -> (d0)>

func.func @main(%at: tensor<8xi32>, %table: tensor<4xf32>) -> tensor<8xf32> {
  %empty = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel"]}
      ins(%at : tensor<8xi32>) outs(%empty : tensor<8xf32>) {
  ^bb0(%n: i32, %old: f32):
    %i = arith.index_cast %n : i32 to index
    %x = tensor.extract %table[%i] : tensor<4xf32>
    linalg.yield %x : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}
