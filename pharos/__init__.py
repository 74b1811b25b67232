"""Pharos drives MLIR: payloads in, checked and measured code out."""

__version__ = "0.1.0"
