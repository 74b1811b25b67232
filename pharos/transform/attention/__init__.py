"""Attention as one operation: the rewrite, the stages around it, the transform op."""
