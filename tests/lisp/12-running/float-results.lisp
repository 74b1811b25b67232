;; expect: 0.1
;; As few digits as read back the same, counted as f32.
(require-dialect func)
(defn main [] -> f32 (func.return (: 0.1 f32)))
