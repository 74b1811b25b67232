"""Hypothesis strategies for values and declared stages, of any content they allow."""

from __future__ import annotations

from hypothesis import strategies as st

from pharos.pipeline.stages import (
    NAMED_KINDS,
    DeclaredStage,
    Pass,
    PassStage,
)
from pharos.pipeline.values import Options, Reference, Value

# Text that is easily mistaken for something else, and text with every sort of character.
WORDS = "none true True null ~ 10 -1 0x10 1e5 1. 010 inf .nan $x yes 1:30 2001-01-01 as all"
MARKS = "[1] {a=1} \" ' \\ # !x &x *x % @ ` é 😀 a'b\"c << = --- ... , :"
BLANKS = ["", " ", "a b", " a ", "a\nb", "a\n", "a #b", "a: b", "- a", "? a", "\r\n", "\t"]
UNPRINTABLE = ["\x00", "\x7f", "\x85", "\u2028", "\ufeff", "\ue000"]
TRICKY = st.sampled_from([*WORDS.split(), *MARKS.split(), *BLANKS, *UNPRINTABLE])
strings = TRICKY | st.text()
names = strings.filter(bool)
identifiers = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
references = st.builds(Reference, identifiers)
labels = st.from_regex(r"[A-Za-z0-9_.+-]{1,8}", fullmatch=True).filter(lambda label: label != "all")


def literals(of_strings: st.SearchStrategy[str] = strings) -> st.SearchStrategy[Value]:
    """Values without references and lists."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        of_strings,
    )


values: st.SearchStrategy[Value] = st.recursive(
    literals() | references, lambda item: st.lists(item, max_size=3).map(tuple), max_leaves=6
)
options = st.dictionaries(names, values, max_size=3).map(Options)
passes = st.recursive(
    st.builds(Pass, names, options),
    lambda item: st.builds(Pass, names, nested=st.lists(item, min_size=1, max_size=3).map(tuple)),
    max_leaves=4,
)
pass_stages = st.builds(
    PassStage,
    st.lists(passes, min_size=1, max_size=3).map(tuple),
    label=st.none() | labels,
)
named_stages = st.sampled_from(list(NAMED_KINDS.values())).flatmap(
    lambda kind: st.builds(kind, names, options, label=st.none() | labels)
)
stages: st.SearchStrategy[DeclaredStage] = pass_stages | named_stages
