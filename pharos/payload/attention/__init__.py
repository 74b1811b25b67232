"""Attention: a contraction, softmax along its keys, another contraction.

``attentions_of(nodes)`` finds them by dataflow, from each second product backwards, and says of
near misses why they are none.
"""

from pharos.payload.attention.describe import facts_of
from pharos.payload.attention.recognise import Form, Miss, attentions_of
from pharos.payload.attention.sources import Source
from pharos.payload.attention.terms import FLOATS, Term

__all__ = ["FLOATS", "Form", "Miss", "Source", "Term", "attentions_of", "facts_of"]
