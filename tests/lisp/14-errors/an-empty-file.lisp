;; error: - function
