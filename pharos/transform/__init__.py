"""Rewrites of payloads that upstream MLIR does not have, one file each; no target names here."""
