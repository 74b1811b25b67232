"""What the instructions of NVIDIA GPUs do, runnable: the table that a simulated device executes.

``fragments``, ``swizzles`` and ``matrix_descriptors`` say where elements lie, in registers and in
shared memory; the other files each hold the meanings of one family of instructions, each with its
source in the PTX ISA.
"""
