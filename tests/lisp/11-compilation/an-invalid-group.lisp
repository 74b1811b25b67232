;; error: 2:19 invalid pass group 'pases'
(compilation-cpu (pases (pass canonicalize)))
