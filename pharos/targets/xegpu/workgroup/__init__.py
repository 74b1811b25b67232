"""XeGPU kernels at workgroup level, run with numpy: the reference for what is lowered from them.

A workgroup's tile is one numpy array here. There are no subgroups, lanes or layouts, and none of
the passes that distribute a tile is involved: what this computes is what the kernel says.
"""
