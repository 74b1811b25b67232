;; error: 2:11 invalid number
(def x (: 1e f32))
