;; check: expanding and lowering find mistakes; all are told, by place, and what follows from them is not
;; error: 9:45 undefined symbol: y
;; error: 10:33 macro 'when': wrong number of arguments
;; error: 13:23 defstruct: field 'x' is defined twice
;; error: 15:46 macro 'call': expected a symbol
;; says: 4 errors
(require-dialect func arith)

(defn first [(: x i64)] -> i64 (func.return y))
(defn second [(: x i64)] -> i64 (when) (func.return x))
(defn third [] -> i64 (func.return (call i64 second (: 1 i64))))

(defstruct P [x i64] [x i64])
(defn fourth [(: p !llvm.ptr)] -> i64 (func.return (P/x p)))
(defn fifth [] -> i64 (func.return (call i64 5)))
