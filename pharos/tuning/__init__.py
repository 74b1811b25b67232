"""Search for parameters by measuring: candidates of the cost models, in turns beside its choice.

``survey`` finds what of a payload can be tuned, ``tune`` measures the candidates, each in a process
of its own, and writes the winners to the data base that plans read (``toolchain.database``). What
was measured is kept in a journal, so that a search that ends early goes on where it was.
"""

from pharos.tuning.database import forget, records, store
from pharos.tuning.journal import Journal
from pharos.tuning.judging import judged
from pharos.tuning.measuring import ChildMeasurer, Subject
from pharos.tuning.outcomes import LOST, MEASURED, WON, Outcome, Verdict
from pharos.tuning.search import Search, tune
from pharos.tuning.survey import Survey, Tunable, survey, surveyed

__all__ = [
    "LOST",
    "MEASURED",
    "WON",
    "ChildMeasurer",
    "Journal",
    "Outcome",
    "Search",
    "Subject",
    "Survey",
    "Tunable",
    "Verdict",
    "forget",
    "judged",
    "records",
    "store",
    "survey",
    "surveyed",
    "tune",
]
