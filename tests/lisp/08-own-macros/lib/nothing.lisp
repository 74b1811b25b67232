(require-dialect func)
