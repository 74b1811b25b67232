;; error: 2:8 unexpected character '''
(def x 'a)
