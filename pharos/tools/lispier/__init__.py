"""The command ``lispier``: run, look at, check, build and format Lispier programs."""
