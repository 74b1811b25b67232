"""What linalg operations on memrefs say: loops, accesses, bodies; for every target's loops.

``nest`` reads an operation into a loop nest with access patterns, ``start`` folds the fill before
a reduction into it, ``coalesce`` merges loops that walk memory as one, ``body`` rebuilds the scalar
body on vectors or scalars; ``index`` and ``lanes`` are arithmetic at the insertion point.
"""
