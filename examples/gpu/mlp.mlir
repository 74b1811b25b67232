// One layer of a perceptron: relu(x w + b), in half precision; no size is a multiple of a tile.
#all = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>

func.func @main(%x: tensor<50x40xf16>, %w: tensor<40x70xf16>, %b: tensor<70xf16>)
    -> tensor<50x70xf16> {
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<50x70xf16>
  %start = linalg.fill ins(%zero : f16) outs(%empty : tensor<50x70xf16>) -> tensor<50x70xf16>
  %product = linalg.matmul ins(%x, %w : tensor<50x40xf16>, tensor<40x70xf16>)
                           outs(%start : tensor<50x70xf16>) -> tensor<50x70xf16>
  %y = linalg.generic {indexing_maps = [#all, #row, #all],
                       iterator_types = ["parallel", "parallel"]}
      ins(%product, %b : tensor<50x70xf16>, tensor<70xf16>) outs(%empty : tensor<50x70xf16>) {
  ^bb0(%p: f16, %bias: f16, %old: f16):
    %sum = arith.addf %p, %bias : f16
    %relu = arith.maximumf %sum, %zero : f16
    linalg.yield %relu : f16
  } -> tensor<50x70xf16>
  return %y : tensor<50x70xf16>
}
