"""From a relocatable object of LLVM's AMDGPU back end to a code object that a runtime loads.

``link.link`` makes the code object, ``metadata.kernels`` tells what is in it, ``check.problems``
what is wrong with it.
"""
