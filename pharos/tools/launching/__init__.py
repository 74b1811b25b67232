"""Built programs in folders, run without MLIR: ``pharos build`` and ``pharos launch``.

manifest.py    what a folder holds, and whether it is whole
building.py    from an artifact to a folder
weights.py     arrays by reference: constants, .npy and .safetensors files
devices.py     the device for a target, without its compiler
launch.py      call or time a function of a folder
main.py        the same as a program of its own, for machines with a driver and numpy alone
zipped.py      that program as one file
"""
