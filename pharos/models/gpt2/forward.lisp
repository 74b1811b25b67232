;; GPT-2's forward pass, from token ids to logits.
;;
;;   T   tokens of this call        L   layers
;;   P   positions the cache holds  NH  heads
;;   N   keys seen so far           D   head size, C / NH
;;   C   channels                   V   vocabulary, padded
;;
;; Every size is read from the arguments, so one compiled program runs every checkpoint. A call
;; appends T tokens to the cache and may hold one token (decoding) or many (reading a prompt).
;; The weights are written as f32 here; stored as bf16 they are widened where they are loaded.

(require-dialect arith bufferization func linalg math memref scf tensor)

(deftype Tokens memref<?xi32>)
(deftype Vector memref<?xf32, strided<[1], offset: ?>>)
(deftype Matrix memref<?x?xf32, strided<[?, 1], offset: ?>>)
(deftype Cube   memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>)
(deftype Cache  memref<?x?x?x?xf32>)
(deftype Heads  tensor<?x?x?xf32>)

;; ---------------------------------------------------------------------------------------------
;; Views: nothing below copies a weight.

;; The vector of layer l in a stack (L, n).
(defn layer-vector [(: stack memref<?x?xf32>) (: l index)] -> Vector
  (def n (memref.dim stack (: 1 index)))
  (func.return
    (memref.subview {:result Vector
                     :static_offsets array<i64: -9223372036854775808, 0>
                     :static_sizes array<i64: 1, -9223372036854775808>
                     :static_strides array<i64: 1, 1>
                     :operandSegmentSizes array<i32: 1, 1, 1, 0>}
      stack l n)))

;; The matrix of layer l in a stack (L, n, m).
(defn layer-matrix [(: stack memref<?x?x?xf32>) (: l index)] -> Matrix
  (def n (memref.dim stack (: 1 index)))
  (def m (memref.dim stack (: 2 index)))
  (func.return
    (memref.subview {:result Matrix
                     :static_offsets array<i64: -9223372036854775808, 0, 0>
                     :static_sizes array<i64: 1, -9223372036854775808, -9223372036854775808>
                     :static_strides array<i64: 1, 1, 1>
                     :operandSegmentSizes array<i32: 1, 1, 2, 0>}
      stack l n m)))

;; Columns [first, first + NH * D) of rows (T, width), seen as (T, NH, D).
(defn heads-of [(: rows memref<?x?xf32>) (: first index) (: NH index) (: D index)] -> Cube
  (def T (memref.dim rows (: 0 index)))
  (def width (memref.dim rows (: 1 index)))
  (func.return
    (memref.reinterpret_cast
      {:result Cube
       :static_offsets array<i64: -9223372036854775808>
       :static_sizes array<i64: -9223372036854775808, -9223372036854775808, -9223372036854775808>
       :static_strides array<i64: -9223372036854775808, -9223372036854775808, 1>
       :operandSegmentSizes array<i32: 1, 1, 3, 2>}
      rows first T NH D width D)))

;; Positions [start, start + T) of layer l's keys or values (NH, P, D), seen as (NH, T, D).
(defn slots [(: cache Cache) (: l index) (: start index) (: T index)] -> Cube
  (def NH (memref.dim cache (: 1 index)))
  (def D (memref.dim cache (: 3 index)))
  (func.return
    (memref.subview
      {:result Cube
       :static_offsets array<i64: -9223372036854775808, 0, -9223372036854775808, 0>
       :static_sizes array<i64: 1, -9223372036854775808, -9223372036854775808, -9223372036854775808>
       :static_strides array<i64: 1, 1, 1, 1>
       :operandSegmentSizes array<i32: 1, 2, 3, 0>}
      cache l start NH T D)))

;; The last R rows of x (T, C).
(defn last-rows [(: x memref<?x?xf32>) (: R index)] -> Matrix
  (def T (memref.dim x (: 0 index)))
  (def C (memref.dim x (: 1 index)))
  (func.return
    (memref.subview {:result Matrix
                     :static_offsets array<i64: -9223372036854775808, 0>
                     :static_sizes array<i64: -9223372036854775808, -9223372036854775808>
                     :static_strides array<i64: 1, 1>
                     :operandSegmentSizes array<i32: 1, 1, 2, 0>}
      x (arith.subi T R) R C)))

(defn whole [(: x memref<?x?xf32>)] -> Matrix
  (func.return (memref.cast {:result Matrix} x)))

;; ---------------------------------------------------------------------------------------------
;; Layers

;; x[t,c] = wte[tokens[t], c] + wpe[start + t, c]
(defn embed [(: x memref<?x?xf32>) (: tokens Tokens) (: start index)
             (: wte memref<?x?xf32>) (: wpe memref<?x?xf32>)]
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(t, c) -> (t)> affine_map<(t, c) -> (t, c)>]
                   :iterator_types ["parallel" "parallel"]}
    tokens x
    (region (block [(: token i32) (: old f32)]
      (def t (linalg.index {:dim 0}))
      (def c (linalg.index {:dim 1}))
      (def row (arith.index_cast {:result index} token))
      (def place (arith.addi start t))
      (linalg.yield (arith.addf (memref.load wte row c) (memref.load wpe place c))))))
  (func.return))

;; y[t,c] = (x[t,c] - mean_t) / sqrt(variance_t + 1e-5) * weight[c] + bias[c]
(defn layernorm [(: y Matrix) (: x Matrix) (: weight Vector) (: bias Vector)]
  (def T (memref.dim x (: 0 index)))
  (def C (memref.dim x (: 1 index)))
  (def count (arith.uitofp {:result f32} (arith.index_cast {:result i32} C)))
  (def share (arith.divf (: 1.0 f32) count))
  (def mean (memref.alloca {:result memref<?xf32>} T))
  (def variance (memref.alloca {:result memref<?xf32>} T))
  (linalg.fill (: 0.0 f32) mean)
  (linalg.fill (: 0.0 f32) variance)
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(t, c) -> (t, c)> affine_map<(t, c) -> (t)>]
                   :iterator_types ["parallel" "reduction"]}
    x mean
    (region (block [(: v f32) (: sum f32)]
      (linalg.yield (arith.addf sum (arith.mulf v share))))))
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(t, c) -> (t, c)> affine_map<(t, c) -> (t)>
                                   affine_map<(t, c) -> (t)>]
                   :iterator_types ["parallel" "reduction"]}
    x mean variance
    (region (block [(: v f32) (: m f32) (: sum f32)]
      (def off (arith.subf v m))
      (linalg.yield (arith.addf sum (arith.mulf (arith.mulf off off) share))))))
  (linalg.generic {:ins 5 :outs 1
                   :indexing_maps [affine_map<(t, c) -> (t, c)> affine_map<(t, c) -> (t)>
                                   affine_map<(t, c) -> (t)> affine_map<(t, c) -> (c)>
                                   affine_map<(t, c) -> (c)> affine_map<(t, c) -> (t, c)>]
                   :iterator_types ["parallel" "parallel"]}
    x mean variance weight bias y
    (region (block [(: v f32) (: m f32) (: s f32) (: w f32) (: b f32) (: old f32)]
      (def scale (math.rsqrt (arith.addf s (: 1e-5 f32))))
      (def normal (arith.mulf (arith.subf v m) scale))
      (linalg.yield (arith.addf (arith.mulf normal w) b)))))
  (func.return))

;; y[t,o] = bias[o]
(defn set-bias [(: y Matrix) (: bias Vector)]
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(t, o) -> (o)> affine_map<(t, o) -> (t, o)>]
                   :iterator_types ["parallel" "parallel"]}
    bias y
    (region (block [(: b f32) (: old f32)] (linalg.yield b))))
  (func.return))

;; y[t,o] += bias[o]
(defn add-bias [(: y Matrix) (: bias Vector)]
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(t, o) -> (o)> affine_map<(t, o) -> (t, o)>]
                   :iterator_types ["parallel" "parallel"]}
    bias y
    (region (block [(: b f32) (: old f32)] (linalg.yield (arith.addf old b)))))
  (func.return))

;; y[t,o] += sum_c x[t,c] weight[o,c]
(defn add-product [(: y Matrix) (: x Matrix) (: weight Matrix)]
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(t, o, c) -> (t, c)> affine_map<(t, o, c) -> (o, c)>
                                   affine_map<(t, o, c) -> (t, o)>]
                   :iterator_types ["parallel" "parallel" "reduction"]}
    x weight y
    (region (block [(: a f32) (: w f32) (: sum f32)]
      (linalg.yield (arith.addf sum (arith.mulf a w))))))
  (func.return))

;; y[t,o] = x[t,:] . weight[o,:] + bias[o]
(defn linear [(: y Matrix) (: x Matrix) (: weight Matrix) (: bias Vector)]
  (call! set-bias y bias)
  (call! add-product y x weight)
  (func.return))

;; x[t,o] += y[t,:] . weight[o,:] + bias[o]
(defn residual-linear [(: x Matrix) (: y Matrix) (: weight Matrix) (: bias Vector)]
  (call! add-bias x bias)
  (call! add-product x y weight)
  (func.return))

;; x = 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), in place
(defn gelu [(: x Matrix)]
  (linalg.generic {:ins 0 :outs 1
                   :indexing_maps [affine_map<(t, c) -> (t, c)>]
                   :iterator_types ["parallel" "parallel"]}
    x
    (region (block [(: v f32)]
      (def cube (arith.mulf v (arith.mulf v v)))
      (def inner (arith.addf v (arith.mulf cube (: 0.044715 f32))))
      (def gate (math.tanh (arith.mulf inner (: 0.7978845608028654 f32))))
      (linalg.yield (arith.mulf (arith.mulf v (: 0.5 f32)) (arith.addf gate (: 1.0 f32)))))))
  (func.return))

;; ---------------------------------------------------------------------------------------------
;; Attention

;; slots[h,t,d] = new[t,h,d]
(defn store [(: slots Cube) (: new Cube)]
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(t, h, d) -> (t, h, d)>
                                   affine_map<(t, h, d) -> (h, t, d)>]
                   :iterator_types ["parallel" "parallel" "parallel"]}
    new slots
    (region (block [(: n f32) (: old f32)] (linalg.yield n))))
  (func.return))

;; out[h,t,j] = q[t,h,:] . keys[h,j,:]
(defn products [(: q Heads) (: keys Heads)] -> Heads
  (def T (tensor.dim q (: 0 index)))
  (def NH (tensor.dim keys (: 0 index)))
  (def N (tensor.dim keys (: 1 index)))
  (def empty (tensor.empty {:result Heads} NH T N))
  (func.return
    (linalg.generic {:ins 2 :outs 1 :result Heads
                     :indexing_maps [affine_map<(h, t, j, d) -> (t, h, d)>
                                     affine_map<(h, t, j, d) -> (h, j, d)>
                                     affine_map<(h, t, j, d) -> (h, t, j)>]
                     :iterator_types ["parallel" "parallel" "parallel" "reduction"]}
      q keys (linalg.fill {:result Heads} (: 0.0 f32) empty)
      (region (block [(: a f32) (: b f32) (: sum f32)]
        (linalg.yield (arith.addf sum (arith.mulf a b))))))))

;; scores[h,t,j] = q[t,h,:] . keys[h,j,:] / sqrt(D), and -3e38 where j lies after the token
(defn score [(: q Heads) (: keys Heads) (: start index) (: D index)] -> Heads
  (def size (arith.uitofp {:result f32} (arith.index_cast {:result i32} D)))
  (def scale (math.rsqrt size))
  (def raw (call Heads products q keys))
  (func.return
    (linalg.generic {:ins 1 :outs 1 :result Heads
                     :indexing_maps [affine_map<(h, t, j) -> (h, t, j)>
                                     affine_map<(h, t, j) -> (h, t, j)>]
                     :iterator_types ["parallel" "parallel" "parallel"]}
      raw raw
      (region (block [(: s f32) (: old f32)]
        (def now (arith.addi start (linalg.index {:dim 1})))
        (def seen (arith.cmpi {:predicate "sle"} (linalg.index {:dim 2}) now))
        (linalg.yield (arith.select seen (arith.mulf s scale) (: -3e38 f32))))))))

;; weights[h,t,:] = softmax of scores[h,t,:]
(defn softmax [(: scores Heads)] -> Heads
  (def NH (tensor.dim scores (: 0 index)))
  (def T (tensor.dim scores (: 1 index)))
  (def rows (tensor.empty {:result tensor<?x?xf32>} NH T))
  (def peaks
    (linalg.generic {:ins 1 :outs 1 :result tensor<?x?xf32>
                     :indexing_maps [affine_map<(h, t, j) -> (h, t, j)>
                                     affine_map<(h, t, j) -> (h, t)>]
                     :iterator_types ["parallel" "parallel" "reduction"]}
      scores (linalg.fill {:result tensor<?x?xf32>} (: -3e38 f32) rows)
      (region (block [(: s f32) (: peak f32)] (linalg.yield (arith.maximumf peak s))))))
  (def powers
    (linalg.generic {:ins 2 :outs 1 :result Heads
                     :indexing_maps [affine_map<(h, t, j) -> (h, t, j)>
                                     affine_map<(h, t, j) -> (h, t)>
                                     affine_map<(h, t, j) -> (h, t, j)>]
                     :iterator_types ["parallel" "parallel" "parallel"]}
      scores peaks scores
      (region (block [(: s f32) (: peak f32) (: old f32)]
        (linalg.yield (math.exp (arith.subf s peak)))))))
  (def sums
    (linalg.generic {:ins 1 :outs 1 :result tensor<?x?xf32>
                     :indexing_maps [affine_map<(h, t, j) -> (h, t, j)>
                                     affine_map<(h, t, j) -> (h, t)>]
                     :iterator_types ["parallel" "parallel" "reduction"]}
      powers (linalg.fill {:result tensor<?x?xf32>} (: 0.0 f32) rows)
      (region (block [(: e f32) (: sum f32)] (linalg.yield (arith.addf sum e))))))
  (func.return
    (linalg.generic {:ins 2 :outs 1 :result Heads
                     :indexing_maps [affine_map<(h, t, j) -> (h, t, j)>
                                     affine_map<(h, t, j) -> (h, t)>
                                     affine_map<(h, t, j) -> (h, t, j)>]
                     :iterator_types ["parallel" "parallel" "parallel"]}
      powers sums powers
      (region (block [(: e f32) (: sum f32) (: old f32)] (linalg.yield (arith.divf e sum)))))))

;; [t,h,d] = sum_j weights[h,t,j] values[h,j,d]
(defn mix [(: weights Heads) (: values Heads)] -> Heads
  (def NH (tensor.dim weights (: 0 index)))
  (def T (tensor.dim weights (: 1 index)))
  (def D (tensor.dim values (: 2 index)))
  (def empty (tensor.empty {:result Heads} T NH D))
  (func.return
    (linalg.generic {:ins 2 :outs 1 :result Heads
                     :indexing_maps [affine_map<(h, t, d, j) -> (h, t, j)>
                                     affine_map<(h, t, d, j) -> (h, j, d)>
                                     affine_map<(h, t, d, j) -> (t, h, d)>]
                     :iterator_types ["parallel" "parallel" "parallel" "reduction"]}
      weights values (linalg.fill {:result Heads} (: 0.0 f32) empty)
      (region (block [(: p f32) (: v f32) (: sum f32)]
        (linalg.yield (arith.addf sum (arith.mulf p v))))))))

;; Append this call's keys and values to layer l of the cache, then attend over all of them. As
;; tensors it is one operation to those pipelines that have a kernel for attention.
(defn attention [(: out memref<?x?xf32>) (: qkv memref<?x?xf32>)
                 (: keys Cache) (: values Cache) (: l index) (: start index)]
  (def NH (memref.dim keys (: 1 index)))
  (def D (memref.dim keys (: 3 index)))
  (def T (memref.dim qkv (: 0 index)))
  (def C (arith.muli NH D))
  (def N (arith.addi start T))
  (def zero (: 0 index))
  (def q (call Cube heads-of qkv zero NH D))
  (call! store (call Cube slots keys l start T) (call Cube heads-of qkv C NH D))
  (call! store (call Cube slots values l start T) (call Cube heads-of qkv (arith.addi C C) NH D))
  (def Q (bufferization.to_tensor {:result Heads :restrict true} q))
  (def K (bufferization.to_tensor {:result Heads :restrict true} (call Cube slots keys l zero N)))
  (def V (bufferization.to_tensor {:result Heads :restrict true} (call Cube slots values l zero N)))
  (def weights (call Heads softmax (call Heads score Q K start D)))
  (bufferization.materialize_in_destination {:restrict true :writable true}
    (call Heads mix weights V) (call Cube heads-of out zero NH D))
  (func.return))

;; ---------------------------------------------------------------------------------------------
;; The model. The first 16 arguments are the checkpoint's tensors, in its order. `x`, `normal`, `qkv`,
;; `mixed` and `hidden` are scratch. `logits` (R, V) gets the last R rows.

(func.func {:sym_name "gpt2_forward"
            :llvm.emit_c_interface true
            :pharos.weights [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15]
            :function_type
              (-> [memref<?x?xf32> memref<?x?xf32>
                   memref<?x?xf32> memref<?x?xf32>
                   memref<?x?x?xf32> memref<?x?xf32> memref<?x?x?xf32> memref<?x?xf32>
                   memref<?x?xf32> memref<?x?xf32>
                   memref<?x?x?xf32> memref<?x?xf32> memref<?x?x?xf32> memref<?x?xf32>
                   Vector Vector
                   Tokens index
                   Cache Cache
                   memref<?x?xf32> memref<?x?xf32> memref<?x?xf32> memref<?x?xf32> memref<?x?xf32>
                   memref<?x?xf32>]
                  [])}
  (region
    (block [(: wte memref<?x?xf32>) (: wpe memref<?x?xf32>)
            (: ln1w memref<?x?xf32>) (: ln1b memref<?x?xf32>)
            (: qkvw memref<?x?x?xf32>) (: qkvb memref<?x?xf32>)
            (: projw memref<?x?x?xf32>) (: projb memref<?x?xf32>)
            (: ln2w memref<?x?xf32>) (: ln2b memref<?x?xf32>)
            (: fcw memref<?x?x?xf32>) (: fcb memref<?x?xf32>)
            (: fcprojw memref<?x?x?xf32>) (: fcprojb memref<?x?xf32>)
            (: lnfw Vector) (: lnfb Vector)
            (: tokens Tokens) (: start index)
            (: keys Cache) (: values Cache)
            (: x memref<?x?xf32>) (: normal memref<?x?xf32>) (: qkv memref<?x?xf32>)
            (: mixed memref<?x?xf32>) (: hidden memref<?x?xf32>)
            (: logits memref<?x?xf32>)]
      (def L (memref.dim ln1w (: 0 index)))
      (def X (call Matrix whole x))
      (def Normal (call Matrix whole normal))
      (def Hidden (call Matrix whole hidden))
      (call! embed x tokens start wte wpe)
      (scf.for (: 0 index) L (: 1 index)
        (region (block [(: l index)]
          (call! layernorm Normal X (call Vector layer-vector ln1w l)
                                    (call Vector layer-vector ln1b l))
          (call! linear (call Matrix whole qkv) Normal (call Matrix layer-matrix qkvw l)
                                                       (call Vector layer-vector qkvb l))
          (call! attention mixed qkv keys values l start)
          (call! residual-linear X (call Matrix whole mixed) (call Matrix layer-matrix projw l)
                                                             (call Vector layer-vector projb l))
          (call! layernorm Normal X (call Vector layer-vector ln2w l)
                                    (call Vector layer-vector ln2b l))
          (call! linear Hidden Normal (call Matrix layer-matrix fcw l)
                                      (call Vector layer-vector fcb l))
          (call! gelu Hidden)
          (call! residual-linear X Hidden (call Matrix layer-matrix fcprojw l)
                                          (call Vector layer-vector fcprojb l))
          (scf.yield))))
      (def R (memref.dim logits (: 0 index)))
      (def Last (call Matrix last-rows normal R))
      (def Logits (call Matrix whole logits))
      (call! layernorm Last (call Matrix last-rows x R) lnfw lnfb)
      (linalg.fill (: 0.0 f32) Logits)
      (call! add-product Logits Last (memref.cast {:result Matrix} wte))
      (func.return))))
