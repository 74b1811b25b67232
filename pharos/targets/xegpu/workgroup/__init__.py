"""Kernels at workgroup level, run with numpy: the reference for what is lowered from them.

A tile of a workgroup is one numpy array here, and so is what all work-items have of a value where a
kernel is written for one of them. There are no subgroups, lanes or layouts, and none of the passes
that distribute a tile or turn math into arithmetic is involved: what this computes is what the
kernel says.
"""
