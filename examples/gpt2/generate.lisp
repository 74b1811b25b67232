;; GPT-2 in one file: read a checkpoint and a tokenizer, generate text greedily.
;;
;;     pharos run examples/gpt2/generate.lisp CHECKPOINT TOKENIZER N
;;
;; The files are in llm.c's formats: a header of 256 32-bit integers, then the parameters (or the
;; tokens). Parameters are kept as bf16, whatever the file holds; arithmetic is f32. Everything is
;; sized by the checkpoint's header:
;;
;;   L layers   C channels   NH heads   D head size, C / NH   V vocabulary   Vp padded vocabulary
;;   P positions

(require-dialect arith func linalg llvm math memref scf)
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
(deftype Weights memref<?xbf16>)
(deftype Row     memref<?xbf16, strided<[1], offset: ?>>)
(deftype Matrix  memref<?x?xbf16, strided<[?, 1], offset: ?>>)
(deftype Vector  memref<?xf32>)
(deftype Slice   memref<?xf32, strided<[1], offset: ?>>)
(deftype Heads   memref<?x?xf32, strided<[?, 1], offset: ?>>)
(deftype Cache   memref<?x?x?x?xf32>)
(deftype Layer   memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>)

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
;; Views of the parameters: a place in the checkpoint, no copy

(defn row-at [(: weights Weights) (: first index) (: n index)] -> Row
  (func.return
    (memref.reinterpret_cast {:result Row
                              :static_offsets array<i64: -9223372036854775808>
                              :static_sizes array<i64: -9223372036854775808>
                              :static_strides array<i64: 1>
                              :operandSegmentSizes array<i32: 1, 1, 1, 0>}
      weights first n)))

(defn matrix-at [(: weights Weights) (: first index) (: n index) (: m index)] -> Matrix
  (func.return
    (memref.reinterpret_cast {:result Matrix
                              :static_offsets array<i64: -9223372036854775808>
                              :static_sizes array<i64: -9223372036854775808, -9223372036854775808>
                              :static_strides array<i64: -9223372036854775808, 1>
                              :operandSegmentSizes array<i32: 1, 1, 2, 1>}
      weights first n m m)))

(defn slice-of [(: x Vector) (: first index) (: n index)] -> Slice
  (func.return
    (memref.subview {:result Slice
                     :static_offsets array<i64: -9223372036854775808>
                     :static_sizes array<i64: -9223372036854775808>
                     :static_strides array<i64: 1>
                     :operandSegmentSizes array<i32: 1, 1, 1, 0>}
      x first n)))

;; x[first + h D + d] as (NH, D)
(defn heads-of [(: x Vector) (: first index) (: NH index) (: D index)] -> Heads
  (func.return
    (memref.reinterpret_cast {:result Heads
                              :static_offsets array<i64: -9223372036854775808>
                              :static_sizes array<i64: -9223372036854775808, -9223372036854775808>
                              :static_strides array<i64: -9223372036854775808, 1>
                              :operandSegmentSizes array<i32: 1, 1, 2, 1>}
      x first NH D D)))

;; The first N positions of layer l's keys or values, both kept as (L, NH, P, D)
(defn cached [(: cache Cache) (: l index) (: N index)] -> Layer
  (def NH (memref.dim cache (: 1 index)))
  (def D (memref.dim cache (: 3 index)))
  (func.return
    (memref.subview
      {:result Layer
       :static_offsets array<i64: -9223372036854775808, 0, 0, 0>
       :static_sizes array<i64: 1, -9223372036854775808, -9223372036854775808, -9223372036854775808>
       :static_strides array<i64: 1, 1, 1, 1>
       :operandSegmentSizes array<i32: 1, 1, 3, 0>}
      cache l NH N D)))

;; ---------------------------------------------------------------------------------------------
;; Layers, for one token

;; x[c] = wte[token, c] + wpe[place, c]
(defn embed [(: x Vector) (: wte Row) (: wpe Row)]
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(c) -> (c)> affine_map<(c) -> (c)>
                                   affine_map<(c) -> (c)>]
                   :iterator_types ["parallel"]}
    wte wpe x
    (region (block [(: a bf16) (: b bf16) (: old f32)]
      (linalg.yield (arith.addf (arith.extf {:result f32} a) (arith.extf {:result f32} b))))))
  (func.return))

;; y = (x - mean) / sqrt(variance + 1e-5) * weight + bias
(defn layernorm [(: y Vector) (: x Vector) (: weight Row) (: bias Row)]
  (def C (memref.dim x (: 0 index)))
  (def count (arith.uitofp {:result f32} (arith.index_cast {:result i32} C)))
  (def mean (memref.alloca {:result memref<f32>}))
  (def variance (memref.alloca {:result memref<f32>}))
  (linalg.fill (: 0.0 f32) mean)
  (linalg.fill (: 0.0 f32) variance)
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(c) -> (c)> affine_map<(c) -> ()>]
                   :iterator_types ["reduction"]}
    x mean
    (region (block [(: v f32) (: sum f32)]
      (linalg.yield (arith.addf sum (arith.divf v count))))))
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(c) -> (c)> affine_map<(c) -> ()>
                                   affine_map<(c) -> ()>]
                   :iterator_types ["reduction"]}
    x mean variance
    (region (block [(: v f32) (: m f32) (: sum f32)]
      (def off (arith.subf v m))
      (linalg.yield (arith.addf sum (arith.divf (arith.mulf off off) count))))))
  (linalg.generic {:ins 5 :outs 1
                   :indexing_maps [affine_map<(c) -> (c)> affine_map<(c) -> ()>
                                   affine_map<(c) -> ()> affine_map<(c) -> (c)>
                                   affine_map<(c) -> (c)> affine_map<(c) -> (c)>]
                   :iterator_types ["parallel"]}
    x mean variance weight bias y
    (region (block [(: v f32) (: m f32) (: s f32) (: w bf16) (: b bf16) (: old f32)]
      (def scale (math.rsqrt (arith.addf s (: 1e-5 f32))))
      (def normal (arith.mulf (arith.subf v m) scale))
      (def weighted (arith.mulf normal (arith.extf {:result f32} w)))
      (linalg.yield (arith.addf weighted (arith.extf {:result f32} b))))))
  (func.return))

;; y[o] += bias[o]
(defn add-bias [(: y Vector) (: bias Row)]
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(o) -> (o)> affine_map<(o) -> (o)>]
                   :iterator_types ["parallel"]}
    bias y
    (region (block [(: b bf16) (: old f32)]
      (linalg.yield (arith.addf old (arith.extf {:result f32} b))))))
  (func.return))

;; y[o] += sum_c weight[o,c] x[c]
(defn add-product [(: y Vector) (: weight Matrix) (: x Vector)]
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(o, c) -> (o, c)> affine_map<(o, c) -> (c)>
                                   affine_map<(o, c) -> (o)>]
                   :iterator_types ["parallel" "reduction"]}
    weight x y
    (region (block [(: w bf16) (: v f32) (: sum f32)]
      (linalg.yield (arith.addf sum (arith.mulf (arith.extf {:result f32} w) v))))))
  (func.return))

;; x = 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), in place
(defn gelu [(: x Vector)]
  (linalg.generic {:ins 0 :outs 1
                   :indexing_maps [affine_map<(c) -> (c)>] :iterator_types ["parallel"]}
    x
    (region (block [(: v f32)]
      (def cube (arith.mulf v (arith.mulf v v)))
      (def inner (arith.addf v (arith.mulf cube (: 0.044715 f32))))
      (def gate (math.tanh (arith.mulf inner (: 0.7978845608028654 f32))))
      (linalg.yield (arith.mulf (arith.mulf v (: 0.5 f32)) (arith.addf gate (: 1.0 f32)))))))
  (func.return))

;; cache[l, h, place, d] = x[h, d]
(defn remember [(: cache Cache) (: l index) (: place index) (: x Heads)]
  (def NH (memref.dim x (: 0 index)))
  (def D (memref.dim x (: 1 index)))
  (scf.for (: 0 index) NH (: 1 index)
    (region (block [(: h index)]
      (scf.for (: 0 index) D (: 1 index)
        (region (block [(: d index)]
          (memref.store (memref.load x h d) cache l h place d)
          (scf.yield))))
      (scf.yield))))
  (func.return))

;; scores[h,j] = exp(s[h,j] - max_j s[h,j]), sums[h] = sum_j scores[h,j]
;;   where s[h,j] = q[h,:] . keys[h,j,:] / sqrt(D)
(defn score [(: scores Heads) (: sums Vector) (: q Heads) (: keys Layer)]
  (def NH (memref.dim q (: 0 index)))
  (def D (memref.dim q (: 1 index)))
  (def size (arith.uitofp {:result f32} (arith.index_cast {:result i32} D)))
  (def scale (math.rsqrt size))
  (def peaks (memref.alloca {:result Vector} NH))
  (linalg.fill (: 0.0 f32) scores)
  (linalg.fill (: -3e38 f32) peaks)
  (linalg.fill (: 0.0 f32) sums)
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(h, j, d) -> (h, d)>
                                   affine_map<(h, j, d) -> (h, j, d)>
                                   affine_map<(h, j, d) -> (h, j)>]
                   :iterator_types ["parallel" "parallel" "reduction"]}
    q keys scores
    (region (block [(: a f32) (: k f32) (: sum f32)]
      (linalg.yield (arith.addf sum (arith.mulf (arith.mulf a scale) k))))))
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(h, j) -> (h, j)> affine_map<(h, j) -> (h)>]
                   :iterator_types ["parallel" "reduction"]}
    scores peaks
    (region (block [(: s f32) (: peak f32)] (linalg.yield (arith.maximumf peak s)))))
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(h, j) -> (h)> affine_map<(h, j) -> (h, j)>]
                   :iterator_types ["parallel" "parallel"]}
    peaks scores
    (region (block [(: peak f32) (: s f32)] (linalg.yield (math.exp (arith.subf s peak))))))
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(h, j) -> (h, j)> affine_map<(h, j) -> (h)>]
                   :iterator_types ["parallel" "reduction"]}
    scores sums
    (region (block [(: e f32) (: sum f32)] (linalg.yield (arith.addf sum e)))))
  (func.return))

;; y[h,d] = sum_j scores[h,j] values[h,j,d] / sums[h]
(defn mix-values [(: y Heads) (: scores Heads) (: sums Vector) (: values Layer)]
  (linalg.fill (: 0.0 f32) y)
  (linalg.generic {:ins 2 :outs 1
                   :indexing_maps [affine_map<(h, d, j) -> (h, j)>
                                   affine_map<(h, d, j) -> (h, j, d)>
                                   affine_map<(h, d, j) -> (h, d)>]
                   :iterator_types ["parallel" "parallel" "reduction"]}
    scores values y
    (region (block [(: e f32) (: v f32) (: sum f32)]
      (linalg.yield (arith.addf sum (arith.mulf e v))))))
  (linalg.generic {:ins 1 :outs 1
                   :indexing_maps [affine_map<(h, d) -> (h)> affine_map<(h, d) -> (h, d)>]
                   :iterator_types ["parallel" "parallel"]}
    sums y
    (region (block [(: sum f32) (: v f32)] (linalg.yield (arith.divf v sum)))))
  (func.return))

;; ---------------------------------------------------------------------------------------------
;; The model

;; Append the token at `place` to the cache, and fill `logits` (Vp). `first` is where the
;; parameters of the layers begin; they lie tensor after tensor, each for all layers.
(defn forward [(: w Weights) (: token index) (: place index) (: keys Cache) (: values Cache)
               (: logits Vector) (: P index)]
  (def L (memref.dim keys (: 0 index)))
  (def NH (memref.dim keys (: 1 index)))
  (def D (memref.dim keys (: 3 index)))
  (def Vp (memref.dim logits (: 0 index)))
  (def C (arith.muli NH D))
  (def C3 (arith.muli C (: 3 index)))
  (def C4 (arith.muli C (: 4 index)))
  (def CC (arith.muli C C))
  (def LC (arith.muli L C))
  (def LCC (arith.muli L CC))
  (def wpe (arith.muli Vp C))
  (def ln1w (arith.addi wpe (arith.muli P C)))
  (def ln1b (arith.addi ln1w LC))
  (def qkvw (arith.addi ln1b LC))
  (def qkvb (arith.addi qkvw (arith.muli LCC (: 3 index))))
  (def projw (arith.addi qkvb (arith.muli LC (: 3 index))))
  (def projb (arith.addi projw LCC))
  (def ln2w (arith.addi projb LC))
  (def ln2b (arith.addi ln2w LC))
  (def fcw (arith.addi ln2b LC))
  (def fcb (arith.addi fcw (arith.muli LCC (: 4 index))))
  (def fcprojw (arith.addi fcb (arith.muli LC (: 4 index))))
  (def fcprojb (arith.addi fcprojw (arith.muli LCC (: 4 index))))
  (def lnfw (arith.addi fcprojb LC))
  (def lnfb (arith.addi lnfw C))
  (def N (arith.addi place (: 1 index)))
  (def x (memref.alloca {:result Vector} C))
  (def normal (memref.alloca {:result Vector} C))
  (def mixed (memref.alloca {:result Vector} C))
  (def qkv (memref.alloca {:result Vector} C3))
  (def hidden (memref.alloca {:result Vector} C4))
  (def sums (memref.alloca {:result Vector} NH))
  (def room (memref.alloc {:result Vector} (arith.muli NH N)))
  (def scores (call Heads heads-of room (: 0 index) NH N))
  (def zero (: 0 index))
  (call! embed x (call Row row-at w (arith.muli token C) C)
                 (call Row row-at w (arith.addi wpe (arith.muli place C)) C))
  (scf.for (: 0 index) L (: 1 index)
    (region (block [(: l index)]
      (def lC (arith.muli l C))
      (def lCC (arith.muli l CC))
      (call! layernorm normal x (call Row row-at w (arith.addi ln1w lC) C)
                                (call Row row-at w (arith.addi ln1b lC) C))
      (linalg.fill (: 0.0 f32) qkv)
      (call! add-bias qkv (call Row row-at w (arith.addi qkvb (arith.muli lC (: 3 index))) C3))
      (call! add-product qkv (call Matrix matrix-at w (arith.addi qkvw (arith.muli lCC (: 3 index)))
                                   C3 C)
             normal)
      (call! remember keys l place (call Heads heads-of qkv C NH D))
      (call! remember values l place (call Heads heads-of qkv (arith.addi C C) NH D))
      (call! score scores sums (call Heads heads-of qkv zero NH D) (call Layer cached keys l N))
      (call! mix-values (call Heads heads-of mixed zero NH D) scores sums
             (call Layer cached values l N))
      (call! add-bias x (call Row row-at w (arith.addi projb lC) C))
      (call! add-product x (call Matrix matrix-at w (arith.addi projw lCC) C C) mixed)
      (call! layernorm normal x (call Row row-at w (arith.addi ln2w lC) C)
                                (call Row row-at w (arith.addi ln2b lC) C))
      (linalg.fill (: 0.0 f32) hidden)
      (call! add-bias hidden (call Row row-at w (arith.addi fcb (arith.muli lC (: 4 index))) C4))
      (call! add-product hidden (call Matrix matrix-at w
                                      (arith.addi fcw (arith.muli lCC (: 4 index))) C4 C)
             normal)
      (call! gelu hidden)
      (call! add-bias x (call Row row-at w (arith.addi fcprojb lC) C))
      (call! add-product x (call Matrix matrix-at w
                                 (arith.addi fcprojw (arith.muli lCC (: 4 index))) C C4)
             hidden)
      (scf.yield))))
  (memref.dealloc room)
  (call! layernorm normal x (call Row row-at w lnfw C) (call Row row-at w lnfb C))
  (linalg.fill (: 0.0 f32) logits)
  (call! add-product logits (call Matrix matrix-at w zero Vp C) normal)
  (func.return))

;; The first of the largest among logits[0:V]
(defn likeliest [(: logits Vector) (: V index)] -> index
  (def [best token]
    (scf.for {:result [f32 index]} (: 1 index) V (: 1 index)
             (memref.load logits (: 0 index)) (: 0 index)
      (region (block [(: i index) (: best f32) (: token index)]
        (def now (memref.load logits i))
        (def better (arith.cmpf {:predicate "ogt"} now best))
        (scf.yield (arith.select better now best) (arith.select better i token))))))
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
  (def D (arith.divui C NH))
  (def weights (memref.alloc {:result Weights} (call index count-parameters L C Vp P)))
  (call! read-weights weights version file model)
  (def closed (call i32 fclose file))

  (def tokens (call !llvm.ptr open-file tokenizer))
  (def token-header (memref.alloca {:result Header}))
  (call! read-header token-header (: 20240328 i32) tokens tokenizer)
  (def known (call index header-size token-header (: 2 index)))
  ;; A token has at most 255 bytes.
  (def text (memref.alloc {:result Bytes} (arith.muli known (: 256 index))))
  (def starts (memref.alloc {:result memref<?xindex>} known))
  (call! read-tokens text starts tokens tokenizer)
  (def closed-too (call i32 fclose tokens))
  ;; <|endoftext|> is the last token of GPT-2's vocabulary, and in version 2 named by the header.
  (def second (=i (memref.load token-header (: 1 index)) (: 2 i32)))
  (def end (arith.select second (call index header-size token-header (: 3 index))
                         (: 50256 index)))
  (def loaded (call i64 clock_ms))

  (def keys (memref.alloc {:result Cache} L NH P D))
  (def values (memref.alloc {:result Cache} L NH P D))
  (def logits (memref.alloc {:result Vector} Vp))
  (def count (arith.minui wanted P))
  (def last
    (scf.for {:result index} (: 0 index) count (: 1 index) end
      (region (block [(: place index) (: token index)]
        (call! forward weights token place keys values logits P)
        (def next (call index likeliest logits V))
        (call! print-token text starts next)
        (scf.yield next)))))
  (def done (call i64 clock_ms))
  (print "\n\nlayers %ld, channels %ld, heads %ld, vocabulary %ld, positions %ld, bf16\n"
         (arith.index_cast {:result i64} L) (arith.index_cast {:result i64} C)
         (arith.index_cast {:result i64} NH) (arith.index_cast {:result i64} V)
         (arith.index_cast {:result i64} P))
  (def spent (arith.subi done loaded))
  (def tokens-made (arith.index_cast {:result i64} count))
  (def each (arith.divf (arith.sitofp {:result f64} spent)
                        (arith.maximumf (arith.sitofp {:result f64} tokens-made) (: 1.0 f64))))
  (print "loaded in %ld ms, %ld tokens in %ld ms, %.2f ms/token\n"
         (arith.subi loaded start) tokens-made spent each)
  (memref.dealloc keys)
  (memref.dealloc values)
  (memref.dealloc logits)
  (memref.dealloc starts)
  (memref.dealloc text)
  (memref.dealloc weights)
  (func.return))

(defn main [(: argc i32) (: argv !llvm.ptr)]
  (if (=i argc (: 3 i32))
    (do
      (def model (ptr-load !llvm.ptr argv))
      (def tokenizer (ptr-load !llvm.ptr (ptr-at !llvm.ptr argv (: 1 i64))))
      (def number (ptr-load !llvm.ptr (ptr-at !llvm.ptr argv (: 2 i64))))
      (def wanted (arith.index_cast {:result index} (call i64 atol number)))
      (call! generate model tokenizer wanted))
    (do
      (print "usage: pharos run generate.lisp CHECKPOINT TOKENIZER N\n")
      (call! give-up)))
  (func.return))
