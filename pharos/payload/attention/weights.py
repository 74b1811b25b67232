"""Softmax along one digit, found in a term by what it computes.

    exp(y(n)) / sum over r of exp(y(r))         y being x, or x minus the maximum of x along r

``torch``'s safe softmax, 0 for a row whose scores all are minus infinity, is one too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pharos.payload.attention.terms import Term, Terms

_OEQ = "predicate=1 : i64"

At = Callable[[bool], Term]
"""The weight: that of key ``n`` for False, that of the key bound by the outer sum for True."""


class NotAttention(Exception):
    """Why something is not attention, in the middle of a sentence."""


class Weights(NamedTuple):
    """``scores`` is x, ``base`` of the powers "exp" or "exp2", ``empty_rows`` "nan" or "zero"."""

    scores: Term
    base: str
    empty_rows: str


def weights_of(terms: Terms, at: At) -> Weights:
    """The softmax that the weight ``at`` is. NotAttention, with the reason, when it is none."""
    here, there = at(False), at(True)
    guard = terms.applied(here, "arith.select")
    if guard is not None and terms.number(guard[1]) == 0:
        again = terms.applied(there, "arith.select")
        if again is None:
            raise NotAttention("the weights are not the same function of every key")
        found = _quotient(terms, guard[2], again[2])
        _check_guard(terms, guard[0], found.scores, _score_at(terms, again[2]))
        return found._replace(empty_rows="zero")
    return _quotient(terms, here, there)


def _quotient(terms: Terms, here: Term, there: Term) -> Weights:
    for above, below in _divided(terms, here):
        total = terms.form(below)
        if total[0] != "reduce" or total[1] != "arith.addf":
            continue
        if terms.number(total[4]) != 0:
            raise NotAttention("the sum of the weights does not start from zero")
        powers = [one for one, _ in _divided(terms, there)]
        if total[2] not in powers:
            raise NotAttention("what the weights are divided by is not their sum along the keys")
        return _power(terms, above, total[2])
    raise NotAttention("the weights of the values are not divided by their sum along the keys")


def _divided(terms: Terms, term: Term) -> Iterator[tuple[Term, Term]]:
    """(a, b) of a / b and of a * (1 / b)."""
    parts = terms.applied(term, "arith.divf")
    if parts is not None:
        yield parts[0], parts[1]
    factors = terms.applied(term, "arith.mulf")
    for one, other in (factors, factors[::-1]) if factors is not None else ():
        inverse = terms.applied(other, "arith.divf")
        if inverse is not None and terms.number(inverse[0]) == 1:
            yield one, inverse[1]


def _power(terms: Terms, here: Term, there: Term) -> Weights:
    name = terms.form(here)[1]
    power, again = (terms.applied(one, "math.exp", "math.exp2") for one in (here, there))
    if power is None or again is None:
        raise NotAttention("the weights are no powers of the scores")
    scores = power[0]
    shifted = terms.applied(power[0], "arith.subf")
    if shifted is not None and terms.form(shifted[1])[0] == "reduce":
        inner = terms.applied(again[0], "arith.subf")
        _check_largest(terms, shifted[1], inner[0] if inner is not None else -1)
        scores = shifted[0]
    return Weights(scores, "exp2" if name == "math.exp2" else "exp", "nan")


def _check_largest(terms: Terms, most: Term, there: Term) -> None:
    """Refuse all but the maximum of the scores, of which ``there`` is the one along the sum."""
    _, name, over, _, start = terms.form(most)
    if name not in ("arith.maximumf", "arith.maxnumf") or over != there:
        raise NotAttention("what is subtracted from the scores is not their maximum")
    number = terms.number(start)
    if number is None or number > -1e30:
        raise NotAttention("the maximum of the scores does not start from minus infinity")


def _score_at(terms: Terms, there: Term) -> Term:
    """The score of the key that is bound by the sum."""
    for above, _ in _divided(terms, there):
        power = terms.applied(above, "math.exp", "math.exp2")
        if power is not None:
            shifted = terms.applied(power[0], "arith.subf")
            bound = shifted is not None and terms.form(shifted[1])[0] == "reduce"
            return shifted[0] if shifted is not None and bound else power[0]
    return -1


def _check_guard(terms: Terms, condition: Term, scores: Term, there: Term) -> None:
    """Refuse all conditions but "every score of the row is minus infinity"."""
    form = terms.form(condition)
    if form[0] == "reduce" and form[1] == "arith.andi" and terms.number(form[4]) in (1, -1):
        compared = terms.applied(form[2], "arith.cmpf")
        equal = compared is not None and _OEQ in terms.form(form[2])[2]
        same = compared is not None and equal and compared[0] == there and scores >= 0
        if compared is not None and same and terms.number(compared[1]) == -math.inf:
            return
    raise NotAttention("its weights are replaced by zero under a condition that is not understood")
