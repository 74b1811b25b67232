"""Contractions (matrix products, convolutions) in packed panels and register tiles.

``common.contractions`` recognises one in a linalg operation; ``parameters`` chooses tile sizes,
``places`` turns loops into memory offsets, ``pack`` copies the factors into panels, ``multiply``
is the microkernel, ``store`` writes a finished tile, ``kernel`` has the loops around them,
``overlaps`` rewrites convolutions that are cheaper multiplied first, ``stage`` is the pipeline step
and cuts the work over threads.
"""
