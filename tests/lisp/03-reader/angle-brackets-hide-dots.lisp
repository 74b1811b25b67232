;; expect: 0
;; A dot inside <...> asks for no dialect.
(require-dialect func)
(defn f [(: p "!llvm.struct<(i32, ptr)>") (: q !llvm.array<2 x i8>)] (func.return))
(defn main [] -> i64 (func.return (: 0 i64)))
