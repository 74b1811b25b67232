"""The Lispier language for tools that see text while it is written: half typed, wrong, unsaved."""
