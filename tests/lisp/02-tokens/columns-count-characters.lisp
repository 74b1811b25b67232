;; error: 3:15 unexpected character '&'
;; A column is a character, not a byte.
(print "äöü→" & 1)
