;; error: 2:9 extern: expected a keyword
(extern "value-ffi")
