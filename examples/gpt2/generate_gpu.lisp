;; GPT-2 in one file on a GPU: read a checkpoint and a tokenizer, generate text greedily.
;;
;;     lispier run --target nvidia:sim examples/gpt2/generate_gpu.lisp CHECKPOINT TOKENIZER N
;;
;; The files are in llm.c's formats: a header of 256 32-bit integers, then the parameters (or the
;; tokens). Parameters are kept as bf16, whatever the file holds; arithmetic is f32. Everything is
;; sized by the checkpoint's header:
;;
;;   L layers   C channels   NH heads   D head size, C / NH   V vocabulary   Vp padded vocabulary
;;   P positions   T tokens so far
;;
;; Every array is allocated by the host and registered with the GPU once: both use the same memory.
;; Layernorm and softmax are kernels written out here, a warp for each row; products, copies and
;; whatever goes element by element are linalg, and become kernels on the way. All T tokens go
;; through the model for each new one; generate.lisp, for the CPU, keeps keys and values instead.

(require-dialect arith func gpu linalg llvm math memref scf)
(link-library :c)

(extern-fn printf (-> [!llvm.ptr ...] [i32]))
(extern-fn fopen (-> [!llvm.ptr !llvm.ptr] [!llvm.ptr]))
(extern-fn fread (-> [!llvm.ptr i64 i64 !llvm.ptr] [i64]))
(extern-fn fclose (-> [!llvm.ptr] [i32]))
(extern-fn fflush (-> [!llvm.ptr] [i32]))
(extern-fn atol (-> [!llvm.ptr] [i64]))
(extern-fn putchar (-> [i32] [i32]))
(extern-fn exit (-> [i32] []))
(extern-fn clock_ms (-> [] [i64]))

(deftype Header  memref<256xi32>)
(deftype Bytes   memref<?xi8>)
(deftype Tokens  memref<?xi32>)
(deftype Weights memref<?xbf16>)
(deftype Row     memref<?xbf16, strided<[1], offset: ?>>)
(deftype Matrix  memref<?x?xbf16, strided<[?, 1], offset: ?>>)
(deftype Vector  memref<?xf32>)
(deftype Rows    memref<?x?xf32, strided<[?, 1], offset: ?>>)
(deftype Heads   memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>)

(llvm.mlir.global {:sym_name "read_mode" :linkage "#llvm.linkage<internal>"
                   :global_type !llvm.array<3 x i8> :constant true :value "rb\0"})

;; ---------------------------------------------------------------------------------------------
;; Files

(defn give-up []
  (def flushed (call i32 fflush (null-ptr)))
  (call! exit (: 1 i32))
  (func.return))

(defn open-file [(: path !llvm.ptr)] -> !llvm.ptr
  (def mode (llvm.mlir.addressof {:global_name @read_mode :result !llvm.ptr}))
  (def file (call !llvm.ptr fopen path mode))
  (when (null? file)
    (print "%s: cannot be opened\n" path)
    (call! give-up))
  (func.return file))

;; Read `count` items of `size` bytes to the address `to`.
(defn read-items [(: to index) (: size i64) (: count index) (: file !llvm.ptr) (: path !llvm.ptr)]
  (def pointer (llvm.inttoptr {:result !llvm.ptr} (arith.index_cast {:result i64} to)))
  (def wanted (arith.index_cast {:result i64} count))
  (def got (call i64 fread pointer size wanted file))
  (when (!=i got wanted)
    (print "%s: ends after %ld of %ld items\n" path got wanted)
    (call! give-up))
  (func.return))

(defn read-header [(: header Header) (: magic i32) (: file !llvm.ptr) (: path !llvm.ptr)]
  (call! read-items (memref.extract_aligned_pointer_as_index {:result index} header) (: 4 i64)
         (: 256 index) file path)
  (def found (memref.load header (: 0 index)))
  (when (!=i found magic)
    (print "%s: expected magic %d, found %d\n" path magic found)
    (call! give-up))
  (func.return))

(defn header-size [(: header Header) (: place index)] -> index
  (func.return (arith.index_cast {:result index} (memref.load header place))))

;; Parameters of a model with these sizes: embeddings, L layers, the last layernorm.
(defn count-parameters [(: L index) (: C index) (: Vp index) (: P index)] -> index
  (def square (arith.muli C C))
  (def per-layer (arith.addi (arith.muli square (: 12 index)) (arith.muli C (: 13 index))))
  (def embeddings (arith.muli (arith.addi Vp P) C))
  (def last (arith.muli C (: 2 index)))
  (func.return (arith.addi (arith.addi embeddings last) (arith.muli L per-layer))))

;; weights[first + i] = staged[i] for i < count, rounded to bf16
(defn round-weights [(: weights Weights) (: first index) (: staged Vector) (: count index)]
  (scf.parallel {:operandSegmentSizes array<i32: 1, 1, 1, 0>} (: 0 index) count (: 1 index)
    (region (block [(: i index)]
      (def rounded (arith.truncf {:result bf16} (memref.load staged i)))
      (memref.store rounded weights (arith.addi first i))
      (scf.reduce))))
  (func.return))

;; Read f32 parameters a piece at a time, so that the file is never in memory twice.
(defn read-f32 [(: weights Weights) (: file !llvm.ptr) (: path !llvm.ptr)]
  (def count (memref.dim weights (: 0 index)))
  (def piece (: 1048576 index))
  (def staged (memref.alloc {:result Vector} piece))
  (def to (memref.extract_aligned_pointer_as_index {:result index} staged))
  (scf.for (: 0 index) count piece
    (region (block [(: first index)]
      (def now (arith.minui piece (arith.subi count first)))
      (call! read-items to (: 4 i64) now file path)
      (call! round-weights weights first staged now)
      (scf.yield))))
  (memref.dealloc staged)
  (func.return))

(defn read-weights [(: weights Weights) (: version i32) (: file !llvm.ptr) (: path !llvm.ptr)]
  (if (=i version (: 5 i32))
    (call! read-items (memref.extract_aligned_pointer_as_index {:result index} weights) (: 2 i64)
           (memref.dim weights (: 0 index)) file path)
    (if (=i version (: 3 i32))
      (call! read-f32 weights file path)
      (do (print "%s: expected version 3 or 5, found %d\n" path version)
          (call! give-up))))
  (func.return))

;; ---------------------------------------------------------------------------------------------
;; Tokens: a byte that holds the length, then the text, for each token

;; text[:] and starts[:]: where each token's length byte lies.
(defn read-tokens [(: text Bytes) (: starts memref<?xindex>) (: file !llvm.ptr) (: path !llvm.ptr)]
  (def count (memref.dim starts (: 0 index)))
  (def base (memref.extract_aligned_pointer_as_index {:result index} text))
  (def end
    (scf.for {:result index} (: 0 index) count (: 1 index) (: 0 index)
      (region (block [(: token index) (: at index)]
        (memref.store at starts token)
        (call! read-items (arith.addi base at) (: 1 i64) (: 1 index) file path)
        (def length (arith.index_castui {:result index} (memref.load text at)))
        (def next (arith.addi at (: 1 index)))
        (call! read-items (arith.addi base next) (: 1 i64) length file path)
        (scf.yield (arith.addi next length))))))
  (func.return))

(defn print-token [(: text Bytes) (: starts memref<?xindex>) (: token index)]
  (def at (memref.load starts token))
  (def length (arith.index_castui {:result index} (memref.load text at)))
  (scf.for (: 0 index) length (: 1 index)
    (region (block [(: i index)]
      (def byte (memref.load text (arith.addi (arith.addi at i) (: 1 index))))
      (def put (call i32 putchar (arith.extui {:result i32} byte)))
      (scf.yield))))
  (def flushed (call i32 fflush (null-ptr)))
  (func.return))

;; ---------------------------------------------------------------------------------------------
;; Memory that host and GPU share, and views of it: no element moves

(defn shared [(: n index)] -> Vector
  (def x (memref.alloc {:result Vector} n))
  (gpu.host_register (memref.cast {:result "memref<*xf32>"} x))
  (func.return x))

(defn give-back [(: x Vector)]
  (gpu.host_unregister (memref.cast {:result "memref<*xf32>"} x))
  (memref.dealloc x)
  (func.return))

;; weights[first : first + n]
(defn row-at [(: weights Weights) (: first index) (: n index)] -> Row
  (func.return
    (memref.reinterpret_cast {:result Row
                              :static_offsets array<i64: -9223372036854775808>
                              :static_sizes array<i64: -9223372036854775808>
                              :static_strides array<i64: 1>
                              :operandSegmentSizes array<i32: 1, 1, 1, 0>}
      weights first n)))

;; n rows of m parameters from weights[first]
(defn matrix-at [(: weights Weights) (: first index) (: n index) (: m index)] -> Matrix
  (func.return
    (memref.reinterpret_cast {:result Matrix
                              :static_offsets array<i64: -9223372036854775808>
                              :static_sizes array<i64: -9223372036854775808, -9223372036854775808>
                              :static_strides array<i64: -9223372036854775808, 1>
                              :operandSegmentSizes array<i32: 1, 1, 2, 1>}
      weights first n m m)))

;; n rows of m numbers from x[first]
(defn rows-at [(: x Vector) (: first index) (: n index) (: m index)] -> Rows
  (func.return
    (memref.reinterpret_cast {:result Rows
                              :static_offsets array<i64: -9223372036854775808>
                              :static_sizes array<i64: -9223372036854775808, -9223372036854775808>
                              :static_strides array<i64: -9223372036854775808, 1>
                              :operandSegmentSizes array<i32: 1, 1, 2, 1>}
      x first n m m)))

;; x[first + i a + j b + k] as (n, m, k)
(defn heads-at [(: x Vector) (: first index) (: n index) (: m index) (: k index) (: a index)
                (: b index)] -> Heads
  (func.return
    (memref.reinterpret_cast
      {:result Heads
       :static_offsets array<i64: -9223372036854775808>
       :static_sizes array<i64: -9223372036854775808, -9223372036854775808, -9223372036854775808>
       :static_strides array<i64: -9223372036854775808, -9223372036854775808, 1>
       :operandSegmentSizes array<i32: 1, 1, 3, 2>}
      x first n m k a b)))

;; x as (n, m, k), dense
(defn dense-heads [(: x Vector) (: n index) (: m index) (: k index)] -> Heads
  (func.return (call Heads heads-at x (: 0 index) n m k (* m k) k)))

;; ---------------------------------------------------------------------------------------------
;; Kernels of one warp for each row

;; (on-warps [x y lane] [X Y] body...): a kernel of X by Y blocks of 32 work-items.
(defn on-warps [(: args !llvm.ptr)] -> !llvm.ptr
  (def names (call !llvm.ptr value_vector_to_list (call !llvm.ptr value_list_first args)))
  (def x (call !llvm.ptr value_list_get names 0))
  (def y (call !llvm.ptr value_list_get names 1))
  (def lane (call !llvm.ptr value_list_get names 2))
  (def sizes (call !llvm.ptr value_vector_to_list (call !llvm.ptr value_list_get args 1)))
  (def X (call !llvm.ptr value_list_get sizes 0))
  (def Y (call !llvm.ptr value_list_get sizes 1))
  (def body (call !llvm.ptr value_list_rest (call !llvm.ptr value_list_rest args)))
  (func.return
    `(gpu.launch ~X ~Y (: 1 index) (: 32 index) (: 1 index) (: 1 index)
       (region (block [(: ~x index) (: ~y index) (: block-z index)
                       (: ~lane index) (: lane-y index) (: lane-z index)
                       (: grid-x index) (: grid-y index) (: grid-z index)
                       (: size-x index) (: size-y index) (: size-z index)]
         ~@body
         (gpu.terminator))))))
(defmacro on-warps)

;; The sum, and the largest, of the numbers that the 32 lanes of a warp have
(defn warp-sum [(: mine f32)] -> f32
  (func.return
    (for {:result f32} [step 0 5] [sum mine]
      (def distance (arith.shrui (: 16 i32) (arith.index_cast {:result i32} step)))
      (def [other valid] (gpu.shuffle {:mode "xor"} sum distance (: 32 i32)))
      (+ sum other))))

(defn warp-max [(: mine f32)] -> f32
  (func.return
    (for {:result f32} [step 0 5] [most mine]
      (def distance (arith.shrui (: 16 i32) (arith.index_cast {:result i32} step)))
      (def [other valid] (gpu.shuffle {:mode "xor"} most distance (: 32 i32)))
      (arith.maximumf most other))))

;; x[t, c] = wte[tokens[t], c] + wpe[t, c]
(defn embed [(: x Rows) (: tokens Tokens) (: wte Matrix) (: wpe Matrix)]
  (def T (memref.dim x 0))
  (on-warps
    [t y lane] [T (: 1 index)]
    (def token (arith.index_cast {:result index} (memref.load tokens t)))
    (for [c lane (memref.dim x 1) 32]
      (def a (arith.extf {:result f32} (memref.load wte token c)))
      (def b (arith.extf {:result f32} (memref.load wpe t c)))
      (memref.store (+ a b) x t c)))
  (func.return))

;; y[t, :] = (x[t, :] - mean) / sqrt(variance + 1e-5) * weight + bias
(defn layernorm [(: y Rows) (: x Rows) (: weight Row) (: bias Row)]
  (def T (memref.dim x 0))
  (on-warps
    [t u lane] [T (: 1 index)]
    (def C (memref.dim x 1))
    (def count (arith.uitofp {:result f32} (arith.index_cast {:result i32} C)))
    (def part
      (for {:result f32} [c lane C 32] [sum (: 0.0 f32)]
        (+ sum (memref.load x t c))))
    (def mean (/ (call f32 warp-sum part) count))
    (def squares
      (for {:result f32} [c lane C 32] [sum (: 0.0 f32)]
        (def off (- (memref.load x t c) mean))
        (+ sum (* off off))))
    (def variance (/ (call f32 warp-sum squares) count))
    (def scale (math.rsqrt (+ variance (: 1e-5 f32))))
    (for [c lane C 32]
      (def normal (* (- (memref.load x t c) mean) scale))
      (def w (arith.extf {:result f32} (memref.load weight c)))
      (def b (arith.extf {:result f32} (memref.load bias c)))
      (memref.store (+ (* normal w) b) y t c)))
  (func.return))

;; Of each row a[h, t, :]: exp(scale a[j] - largest) / sum for j <= t, and 0 for later tokens
(defn causal-softmax [(: a Heads) (: scale f32)]
  (def NH (memref.dim a 0))
  (def T (memref.dim a 1))
  (on-warps
    [t h lane] [T NH]
    (def known (+ t 1))
    (def part
      (for {:result f32} [j lane known 32] [most (: -3e38 f32)]
        (arith.maximumf most (* scale (memref.load a h t j)))))
    (def most (call f32 warp-max part))
    (def parts
      (for {:result f32} [j lane known 32] [sum (: 0.0 f32)]
        (+ sum (math.exp (- (* scale (memref.load a h t j)) most)))))
    (def sum (call f32 warp-sum parts))
    (for [j lane T 32]
      (def e (math.exp (- (* scale (memref.load a h t j)) most)))
      (memref.store (arith.select (< j known) (/ e sum) (: 0.0 f32)) a h t j)))
  (func.return))

;; ---------------------------------------------------------------------------------------------
;; Products, copies, and what goes element by element

;; y[t, o] = bias[o]
(defn spread-bias [(: y Rows) (: bias Row)]
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(t, o) -> (o)> affine_map<(t, o) -> (t, o)>]
                   :iterator_types ["parallel" "parallel"]}
    bias y
    (region (block [(: b bf16) (: old f32)] (linalg.yield (arith.extf {:result f32} b)))))
  (func.return))

;; y[t, o] += bias[o]
(defn add-bias [(: y Rows) (: bias Row)]
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(t, o) -> (o)> affine_map<(t, o) -> (t, o)>]
                   :iterator_types ["parallel" "parallel"]}
    bias y
    (region (block [(: b bf16) (: old f32)] (linalg.yield (+ old (arith.extf {:result f32} b))))))
  (func.return))

;; y[t, o] += sum_c x[t, c] weight[o, c]
(defn add-product [(: y Rows) (: x Rows) (: weight Matrix)]
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(t, o, c) -> (t, c)> affine_map<(t, o, c) -> (o, c)>
                                   affine_map<(t, o, c) -> (t, o)>]
                   :iterator_types ["parallel" "parallel" "reduction"]}
    x weight y
    (region (block [(: v f32) (: w bf16) (: sum f32)]
      (linalg.yield (+ sum (* v (arith.extf {:result f32} w)))))))
  (func.return))

;; x = 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), in place
(defn gelu [(: x Rows)]
  (linalg.generic {:ins 0 :outs 1
                   :indexing_maps [affine_map<(t, c) -> (t, c)>]
                   :iterator_types ["parallel" "parallel"]}
    x
    (region (block [(: v f32)]
      (def inner (+ v (* (* v (* v v)) (: 0.044715 f32))))
      (def gate (math.tanh (* inner (: 0.7978845608028654 f32))))
      (linalg.yield (* (* v (: 0.5 f32)) (+ gate (: 1.0 f32)))))))
  (func.return))

;; y[h, t, d] = x[t, h, d]
(defn split-heads [(: y Heads) (: x Heads)]
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(h, t, d) -> (t, h, d)>
                                   affine_map<(h, t, d) -> (h, t, d)>]
                   :iterator_types ["parallel" "parallel" "parallel"]}
    x y
    (region (block [(: v f32) (: old f32)] (linalg.yield v))))
  (func.return))

;; y[h, d, t] = x[t, h, d]
(defn split-turned [(: y Heads) (: x Heads)]
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(h, d, t) -> (t, h, d)>
                                   affine_map<(h, d, t) -> (h, d, t)>]
                   :iterator_types ["parallel" "parallel" "parallel"]}
    x y
    (region (block [(: v f32) (: old f32)] (linalg.yield v))))
  (func.return))

;; c[h] = a[h] b[h] for each head
(defn products [(: c Heads) (: a Heads) (: b Heads)]
  (linalg.fill (: 0.0 f32) c)
  (linalg.batch_matmul a b c)
  (func.return))

;; ---------------------------------------------------------------------------------------------
;; The model

;; y (T, C) += what attention makes of the queries, keys and values in x (T, 3C). There is space in
;; `out` for (T, C), in `room` for queries, keys, values and what is mixed of them, in `scores` for
;; (NH, T, T).
(defn attend [(: y Rows) (: x Vector) (: out Vector) (: room Vector) (: scores Vector)
              (: T index) (: NH index) (: D index) (: weight Matrix) (: bias Row)]
  (def C (* NH D))
  (def C3 (* C 3))
  (def TC (* T C))
  (def q (call Heads heads-at room (: 0 index) NH T D (* T D) D))
  (def k (call Heads heads-at room TC NH D T (* D T) T))
  (def v (call Heads heads-at room (* TC 2) NH T D (* T D) D))
  (def mixed (call Heads heads-at room (* TC 3) NH T D (* T D) D))
  (def a (call Heads dense-heads scores NH T T))
  (call! split-heads q (call Heads heads-at x (: 0 index) T NH D C3 D))
  (call! split-turned k (call Heads heads-at x C T NH D C3 D))
  (call! split-heads v (call Heads heads-at x (* C 2) T NH D C3 D))
  (call! products a q k)
  (def size (arith.uitofp {:result f32} (arith.index_cast {:result i32} D)))
  (call! causal-softmax a (math.rsqrt size))
  (call! products mixed a v)
  (call! split-heads (call Heads dense-heads out T NH D) mixed)
  (call! add-bias y bias)
  (call! add-product y (call Rows rows-at out (: 0 index) T C) weight)
  (func.return))

;; logits (Vp) of the token after the T in `tokens`. The parameters lie tensor after tensor, each
;; for all layers. The last six arrays are space.
(defn forward [(: w Weights) (: tokens Tokens) (: T index) (: logits Vector) (: L index)
               (: NH index) (: C index) (: Vp index) (: P index) (: x Vector) (: normal Vector)
               (: wide Vector) (: out Vector) (: room Vector) (: scores Vector)]
  (def D (/ C NH))
  (def C3 (* C 3))
  (def C4 (* C 4))
  (def CC (* C C))
  (def LC (* L C))
  (def LCC (* L CC))
  (def wpe (* Vp C))
  (def ln1w (+ wpe (* P C)))
  (def ln1b (+ ln1w LC))
  (def qkvw (+ ln1b LC))
  (def qkvb (+ qkvw (* LCC 3)))
  (def projw (+ qkvb (* LC 3)))
  (def projb (+ projw LCC))
  (def ln2w (+ projb LC))
  (def ln2b (+ ln2w LC))
  (def fcw (+ ln2b LC))
  (def fcb (+ fcw (* LCC 4)))
  (def fcprojw (+ fcb (* LC 4)))
  (def fcprojb (+ fcprojw (* LCC 4)))
  (def lnfw (+ fcprojb LC))
  (def lnfb (+ lnfw C))
  (def zero (: 0 index))
  (def rows (call Rows rows-at x zero T C))
  (def normals (call Rows rows-at normal zero T C))
  (def qkv (call Rows rows-at wide zero T C3))
  (def hidden (call Rows rows-at wide zero T C4))
  (def wte (call Matrix matrix-at w zero Vp C))
  (call! embed rows tokens wte (call Matrix matrix-at w wpe P C))
  (for [l 0 L]
    (def lC (* l C))
    (def lCC (* l CC))
    (call! layernorm normals rows (call Row row-at w (+ ln1w lC) C)
           (call Row row-at w (+ ln1b lC) C))
    (call! spread-bias qkv (call Row row-at w (+ qkvb (* lC 3)) C3))
    (call! add-product qkv normals (call Matrix matrix-at w (+ qkvw (* lCC 3)) C3 C))
    (call! attend rows wide out room scores T NH D
           (call Matrix matrix-at w (+ projw lCC) C C) (call Row row-at w (+ projb lC) C))
    (call! layernorm normals rows (call Row row-at w (+ ln2w lC) C)
           (call Row row-at w (+ ln2b lC) C))
    (call! spread-bias hidden (call Row row-at w (+ fcb (* lC 4)) C4))
    (call! add-product hidden normals (call Matrix matrix-at w (+ fcw (* lCC 4)) C4 C))
    (call! gelu hidden)
    (call! add-bias rows (call Row row-at w (+ fcprojb lC) C))
    (call! add-product rows hidden (call Matrix matrix-at w (+ fcprojw (* lCC 4)) C C4)))
  (def last (* (- T 1) C))
  (def final (call Rows rows-at normal zero (: 1 index) C))
  (call! layernorm final (call Rows rows-at x last (: 1 index) C) (call Row row-at w lnfw C)
         (call Row row-at w lnfb C))
  (def results (call Rows rows-at logits zero (: 1 index) Vp))
  (linalg.fill (: 0.0 f32) results)
  (call! add-product results final wte)
  (func.return))

;; The first of the largest among logits[0:V]
(defn likeliest [(: logits Vector) (: V index)] -> index
  (def [best token]
    (for {:result [f32 index]} [i 1 V] [best (memref.load logits 0) token (: 0 index)]
      (def now (memref.load logits i))
      (def better (> now best))
      [(arith.select better now best) (arith.select better i token)]))
  (func.return token))

;; ---------------------------------------------------------------------------------------------
;; The program

(defn generate [(: model !llvm.ptr) (: tokenizer !llvm.ptr) (: wanted index)]
  (def start (call i64 clock_ms))
  (def file (call !llvm.ptr open-file model))
  (def header (memref.alloca {:result Header}))
  (call! read-header header (: 20240326 i32) file model)
  (def version (memref.load header (: 1 index)))
  (def P (call index header-size header (: 2 index)))
  (def V (call index header-size header (: 3 index)))
  (def L (call index header-size header (: 4 index)))
  (def NH (call index header-size header (: 5 index)))
  (def C (call index header-size header (: 6 index)))
  (def Vp (call index header-size header (: 7 index)))
  (def weights (memref.alloc {:result Weights} (call index count-parameters L C Vp P)))
  (call! read-weights weights version file model)
  (gpu.host_register (memref.cast {:result "memref<*xbf16>"} weights))
  (def closed (call i32 fclose file))

  (def names (call !llvm.ptr open-file tokenizer))
  (def token-header (memref.alloca {:result Header}))
  (call! read-header token-header (: 20240328 i32) names tokenizer)
  (def known (call index header-size token-header (: 2 index)))
  ;; A token has at most 255 bytes.
  (def text (memref.alloc {:result Bytes} (* known 256)))
  (def starts (memref.alloc {:result memref<?xindex>} known))
  (call! read-tokens text starts names tokenizer)
  (def closed-too (call i32 fclose names))
  ;; <|endoftext|> is the last token of GPT-2's vocabulary, and in version 2 named by the header.
  (def second (= (memref.load token-header (: 1 index)) (: 2 i32)))
  (def end (arith.select second (memref.load token-header (: 3 index)) (: 50256 i32)))
  (def loaded (call i64 clock_ms))

  (def count (arith.minui wanted P))
  (def NC (* count C))
  (def tokens (memref.alloc {:result Tokens} (+ count 1)))
  (gpu.host_register (memref.cast {:result "memref<*xi32>"} tokens))
  (memref.store end tokens 0)
  (def logits (call Vector shared Vp))
  (def x (call Vector shared NC))
  (def normal (call Vector shared NC))
  (def wide (call Vector shared (* NC 4)))
  (def out (call Vector shared NC))
  (def room (call Vector shared (* NC 4)))
  (def scores (call Vector shared (* NH (* count count))))
  (for [place 0 count]
    (call! forward weights tokens (+ place 1) logits L NH C Vp P x normal wide out room scores)
    (def next (call index likeliest logits V))
    (call! print-token text starts next)
    (memref.store (arith.index_cast {:result i32} next) tokens (+ place 1)))
  (def done (call i64 clock_ms))
  (print "\n\nlayers %ld, channels %ld, heads %ld, vocabulary %ld, positions %ld, bf16\n"
         (arith.index_cast {:result i64} L) (arith.index_cast {:result i64} C)
         (arith.index_cast {:result i64} NH) (arith.index_cast {:result i64} V)
         (arith.index_cast {:result i64} P))
  (print "loaded in %ld ms, %ld tokens in %ld ms\n" (- loaded start)
         (arith.index_cast {:result i64} count) (- done loaded))
  (call! give-back scores)
  (call! give-back room)
  (call! give-back out)
  (call! give-back wide)
  (call! give-back normal)
  (call! give-back x)
  (call! give-back logits)
  (gpu.host_unregister (memref.cast {:result "memref<*xi32>"} tokens))
  (memref.dealloc tokens)
  (memref.dealloc starts)
  (memref.dealloc text)
  (gpu.host_unregister (memref.cast {:result "memref<*xbf16>"} weights))
  (memref.dealloc weights)
  (func.return))

(defn main [(: argc i32) (: argv !llvm.ptr)]
  (if (= argc (: 3 i32))
    (do
      (def model (ptr-load !llvm.ptr argv))
      (def tokenizer (ptr-load !llvm.ptr (ptr-at !llvm.ptr argv (: 1 i64))))
      (def number (ptr-load !llvm.ptr (ptr-at !llvm.ptr argv (: 2 i64))))
      (def wanted (arith.index_cast {:result index} (call i64 atol number)))
      (call! generate model tokenizer wanted))
    (do
      (print "usage: lispier run --target TARGET generate_gpu.lisp CHECKPOINT TOKENIZER N\n")
      (call! give-up)))
  (func.return))
