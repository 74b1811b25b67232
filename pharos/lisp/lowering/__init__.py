"""Lowering of a program to MLIR."""
