;; error: - main
(require-dialect func)
(defn main [(: x f32)] -> f32 (func.return x))
