;; GPT-2 for devices with memory of their own: one step of the model as three kinds of calls.
;;
;;   gpt2_embed     tokens to rows of channels
;;   gpt2_layer     once for each layer, with that layer's weights and cache
;;   gpt2_head      one row to logits, the likeliest token, and the next position
;;
;; Weights, cache, activations and the state (tokens, position) stay on the device: a launch of
;; these calls in order makes the next token from the last without the host. The kernels of a layer
;; are the same for all layers. `gpt2_last` picks the row of a prompt's last token.
;;
;;   T   tokens of this call        NH  heads
;;   P   positions the cache holds  D   head size, C / NH
;;   C   channels                   V   vocabulary
;;
;; Sizes are read from the arguments, whose types say them when the program is compiled for a
;; device (transform/static_shapes.py). What changes from call to call is in memory: the position
;; of the first token is an array of one element, and every key of the cache is looked at, of
;; which those after a token count for nothing. Tokens that fill up a call to T come last: what
;; they leave in the cache is written over by the tokens that take their positions.

(require ["forward.lisp" :as f])
(require-dialect arith bufferization func linalg math memref scf tensor)

(deftype Rows   memref<?x?xf32>)
(deftype Weight memref<?x?xf32>)
(deftype Vector memref<?xf32>)
(deftype View   memref<?xf32, strided<[1], offset: ?>>)
(deftype Matrix memref<?x?xf32, strided<[?, 1], offset: ?>>)
(deftype Cube   memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>)
(deftype Cache  memref<?x?x?xf32>)
(deftype Heads  tensor<?x?x?xf32>)
(deftype Tokens memref<?xi32>)
(deftype Number memref<i32>)

(defn view [(: x Vector)] -> View
  (func.return (memref.cast {:result View} x)))

;; ---------------------------------------------------------------------------------------------
;; The cache

;; keys[h, position + t, d] = qkv[t, C + h * D + d], values likewise from 2 * C on
(defn append [(: keys Cache) (: values Cache) (: qkv Rows) (: position Number)]
  (def T (memref.dim qkv (: 0 index)))
  (def NH (memref.dim keys (: 0 index)))
  (def D (memref.dim keys (: 2 index)))
  (def C (arith.muli NH D))
  (def zero (: 0 index))
  (def one (: 1 index))
  (scf.parallel [zero zero zero] [T NH D] [one one one]
    (region (block [(: t index) (: h index) (: d index)]
      (def place (arith.addi t (arith.index_cast {:result index} (memref.load position))))
      (def key (arith.addi C (arith.addi (arith.muli h D) d)))
      (memref.store (memref.load qkv t key) keys h place d)
      (memref.store (memref.load qkv t (arith.addi C key)) values h place d)
      (scf.reduce))))
  (func.return))

;; scores[h,t,j] = q[t,h,:] . keys[h,j,:] / sqrt(D), and -3e38 where j lies after the token
(defn masked-score [(: q Heads) (: keys Heads) (: position tensor<i32>) (: size f32)] -> Heads
  (def scale (math.rsqrt size))
  (def raw (call Heads f/products q keys))
  (func.return
    (linalg.generic {:ins 2 :outs 1 :result Heads
                     :indexing_maps [affine_map<(h, t, j) -> (h, t, j)>
                                     affine_map<(h, t, j) -> ()>
                                     affine_map<(h, t, j) -> (h, t, j)>]
                     :iterator_types ["parallel" "parallel" "parallel"]}
      raw position raw
      (region (block [(: s f32) (: start i32) (: old f32)]
        (def t (arith.index_cast {:result i32} (linalg.index {:dim 1})))
        (def j (arith.index_cast {:result i32} (linalg.index {:dim 2})))
        (def seen (arith.cmpi {:predicate "sle"} j (arith.addi start t)))
        (linalg.yield (arith.select seen (arith.mulf s scale) (: -3e38 f32))))))))

;; Append this call's keys and values to the cache, then attend over all of them. As tensors it is
;; one operation to those pipelines that have a kernel for attention.
(defn attend [(: out Rows) (: qkv Rows) (: keys Cache) (: values Cache) (: position Number)]
  (def NH (memref.dim keys (: 0 index)))
  (def D (memref.dim keys (: 2 index)))
  (def zero (: 0 index))
  (def size (arith.uitofp {:result f32} (arith.index_cast {:result i32} D)))
  (call! append keys values qkv position)
  (def q (call Cube f/heads-of qkv zero NH D))
  (def K (bufferization.to_tensor {:result Heads :restrict true} keys))
  (def V (bufferization.to_tensor {:result Heads :restrict true} values))
  (def Q (bufferization.to_tensor {:result Heads :restrict true} q))
  (def start (bufferization.to_tensor {:result tensor<i32> :restrict true} position))
  (def weights (call Heads f/softmax (call Heads masked-score Q K start size)))
  (bufferization.materialize_in_destination {:restrict true :writable true}
    (call Heads f/mix weights V) (call Cube f/heads-of out zero NH D))
  (func.return))

;; out[t,o] = x[t,o] + (y[t,:] . weight[o,:] + bias[o])
(defn residual-product [(: out Matrix) (: x Matrix) (: y Matrix) (: weight Matrix) (: bias View)]
  (def T (memref.dim x (: 0 index)))
  (def C (memref.dim x (: 1 index)))
  (def sum (call Matrix f/whole (memref.alloc {:result memref<?x?xf32>} T C)))
  (call! f/linear sum y weight bias)
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(t, o) -> (t, o)> affine_map<(t, o) -> (t, o)>
                                   affine_map<(t, o) -> (t, o)>]
                   :iterator_types ["parallel" "parallel"]}
    x sum out
    (region (block [(: a f32) (: b f32) (: old f32)] (linalg.yield (arith.addf a b)))))
  (func.return))

;; ---------------------------------------------------------------------------------------------
;; What a device is asked to do

;; x[t,c] = wte[tokens[t], c] + wpe[position + t, c]; tokens beyond the last position take its row
(func.func {:sym_name "gpt2_embed"
            :llvm.emit_c_interface true
            :pharos.weights [3 4]
            :function_type (-> [Rows Tokens Number Weight Weight] [])}
  (region
    (block [(: x Rows) (: tokens Tokens) (: position Number) (: wte Weight) (: wpe Weight)]
      (def last (arith.subi (memref.dim wpe (: 0 index)) (: 1 index)))
      (linalg.generic {:ins 2 :outs 1
                       :indexing_maps [affine_map<(t, c) -> (t)> affine_map<(t, c) -> ()>
                                       affine_map<(t, c) -> (t, c)>]
                       :iterator_types ["parallel" "parallel"]}
        tokens position x
        (region (block [(: token i32) (: start i32) (: old f32)]
          (def t (linalg.index {:dim 0}))
          (def c (linalg.index {:dim 1}))
          (def row (arith.index_cast {:result index} token))
          (def place (arith.addi (arith.index_cast {:result index} start) t))
          (def held (arith.minsi place last))
          (linalg.yield (arith.addf (memref.load wte row c) (memref.load wpe held c))))))
      (func.return))))

(func.func {:sym_name "gpt2_layer"
            :llvm.emit_c_interface true
            :pharos.weights [3 5 9 11]
            :function_type
              (-> [Rows Vector Vector Weight Vector Weight Vector
                   Vector Vector Weight Vector Weight Vector
                   Number Cache Cache]
                  [])}
  (region
    (block [(: x Rows)
            (: ln1w Vector) (: ln1b Vector)
            (: qkvw Weight) (: qkvb Vector) (: projw Weight) (: projb Vector)
            (: ln2w Vector) (: ln2b Vector)
            (: fcw Weight) (: fcb Vector) (: fcprojw Weight) (: fcprojb Vector)
            (: position Number) (: keys Cache) (: values Cache)]
      (def T (memref.dim x (: 0 index)))
      (def C (memref.dim x (: 1 index)))
      (def normal (memref.alloc {:result memref<?x?xf32>} T C))
      (def qkv (memref.alloc {:result memref<?x?xf32>} T (memref.dim qkvb (: 0 index))))
      (def mixed (memref.alloc {:result memref<?x?xf32>} T C))
      (def hidden (memref.alloc {:result memref<?x?xf32>} T (memref.dim fcb (: 0 index))))
      (def X (call Matrix f/whole x))
      (def Between (call Matrix f/whole (memref.alloc {:result memref<?x?xf32>} T C)))
      (def Normal (call Matrix f/whole normal))
      (def Hidden (call Matrix f/whole hidden))
      (call! f/layernorm Normal X (call View view ln1w) (call View view ln1b))
      (call! f/linear (call Matrix f/whole qkv) Normal (call Matrix f/whole qkvw)
                                                       (call View view qkvb))
      (call! attend mixed qkv keys values position)
      (call! residual-product Between X (call Matrix f/whole mixed) (call Matrix f/whole projw)
                                                                    (call View view projb))
      (call! f/layernorm Normal Between (call View view ln2w) (call View view ln2b))
      (call! f/linear Hidden Normal (call Matrix f/whole fcw) (call View view fcb))
      (call! f/gelu Hidden)
      (call! residual-product X Between Hidden (call Matrix f/whole fcprojw)
             (call View view fcprojb))
      (func.return))))

;; row[0,c] = x[last,c], and position += last: the position of the token in that row
(func.func {:sym_name "gpt2_last"
            :llvm.emit_c_interface true
            :function_type (-> [Rows Rows Number Number] [])}
  (region
    (block [(: row Rows) (: x Rows) (: last Number) (: position Number)]
      (linalg.generic {:ins 1 :outs 1
                       :indexing_maps [affine_map<(r, c) -> ()> affine_map<(r, c) -> (r, c)>]
                       :iterator_types ["parallel" "parallel"]}
        last row
        (region (block [(: l i32) (: old f32)]
          (def c (linalg.index {:dim 1}))
          (linalg.yield (memref.load x (arith.index_cast {:result index} l) c)))))
      (linalg.generic {:ins 1 :outs 1
                       :indexing_maps [affine_map<() -> ()> affine_map<() -> ()>]
                       :iterator_types []}
        last position
        (region (block [(: l i32) (: p i32)] (linalg.yield (arith.addi p l)))))
      (func.return))))

;; token[r] = the first of the largest of logits[r,:]; V where none is largest, among NaN
(defn choose [(: token Tokens) (: logits Rows)]
  (def V (arith.index_cast {:result i32} (memref.dim logits (: 1 index))))
  (def best (memref.alloc {:result memref<?xf32>} (memref.dim logits (: 0 index))))
  (linalg.fill (: -3.4028235e38 f32) best)
  (linalg.fill V token)
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(r, v) -> (r, v)> affine_map<(r, v) -> (r)>]
                   :iterator_types ["parallel" "reduction"]}
    logits best
    (region (block [(: l f32) (: b f32)] (linalg.yield (arith.maximumf b l)))))
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(r, v) -> (r, v)> affine_map<(r, v) -> (r)>
                                   affine_map<(r, v) -> (r)>]
                   :iterator_types ["parallel" "reduction"]}
    logits best token
    (region (block [(: l f32) (: b f32) (: first i32)]
      (def v (arith.index_cast {:result i32} (linalg.index {:dim 1})))
      (def found (arith.cmpf {:predicate "oeq"} l b))
      (linalg.yield (arith.minsi first (arith.select found v V))))))
  (func.return))

;; logits[0,v] = norm(row)[0,:] . wte[v,:]; the token after it, and the position that it takes
(func.func {:sym_name "gpt2_head"
            :llvm.emit_c_interface true
            :pharos.weights [3]
            :function_type (-> [Rows Vector Vector Weight Rows Tokens Number] [])}
  (region
    (block [(: row Rows) (: lnfw Vector) (: lnfb Vector) (: wte Weight)
            (: logits Rows) (: token Tokens) (: position Number)]
      (def C (memref.dim row (: 1 index)))
      (def normal (memref.alloc {:result memref<?x?xf32>} (: 1 index) C))
      (def Normal (call Matrix f/whole normal))
      (def Logits (call Matrix f/whole logits))
      (call! f/layernorm Normal (call Matrix f/whole row) (call View view lnfw)
                                                          (call View view lnfb))
      (linalg.fill (: 0.0 f32) Logits)
      (call! f/add-product Logits Normal (call Matrix f/whole wte))
      (call! choose token logits)
      (linalg.generic {:ins 0 :outs 1
                       :indexing_maps [affine_map<() -> ()>]
                       :iterator_types []}
        position
        (region (block [(: p i32)] (linalg.yield (arith.addi p (: 1 i32))))))
      (func.return))))
