(require-dialect arith func gpu linalg math memref)

(compilation
  (target rocm
    (pass convert-linalg-to-parallel-loops)
    (pass scf-parallel-loop-tiling {:parallel-loop-tile-sizes "4,16"})
    (pass gpu-map-parallel-loops)
    (pass convert-parallel-loops-to-gpu)
    (pass lower-affine)
    (pass gpu-kernel-outlining)
    (pass rocdl-attach-target {:chip "gfx1100"})
    (pass convert-scf-to-cf)
    (pass convert-gpu-to-rocdl)
    (pass gpu-to-llvm)
    (pass gpu-module-to-binary))
  (target cuda
    (pass convert-linalg-to-parallel-loops)
    (pass gpu-map-parallel-loops)
    (pass convert-parallel-loops-to-gpu)
    (pass gpu-kernel-outlining)
    (pass convert-scf-to-cf)
    (pass convert-gpu-to-nvvm)
    (pass gpu-to-llvm)
    (pass gpu-module-to-binary)))

(defn main []
  (def x (memref.alloc {:result memref<8x32xf32>}))
  (gpu.host_register (memref.cast {:result "memref<*xf32>"} x))
  (linalg.fill (: 1.0 f32) x)
  (linalg.generic {:ins 0 :outs 1
                   :indexing_maps [affine_map<(i, j) -> (i, j)>]
                   :iterator_types ["parallel" "parallel"]}
    x
    (region (block [(: v f32)] (linalg.yield (math.exp v)))))
  (println "%.4f" (arith.extf {:result f64} (memref.load x 7 31)))
  (memref.dealloc x)
  (func.return))
