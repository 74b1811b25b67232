"""The search with a measurer of the test's: what is tried, recorded, kept, gone on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from pharos import tuning
from pharos.runtime.benchmark import summary
from pharos.tuning import Journal, Outcome, Search, Survey, Tunable, tune
from pharos.tuning.judging import AGAIN, CHOICE
from pharos.tuning.outcomes import CRASHED, MEASURED, WRONG

VALUES = [{"mr": n} for n in (8, 4, 2, 1, 16)]


@dataclass
class Fake:
    """Takes ``times[mr]`` for a candidate; a text is what is wrong with it. Each costs a second."""

    times: dict[int, Any]
    noise: float = 0.0
    now: float = 0.0
    tried: list[int] = field(default_factory=list)
    rounds: list[list[int]] = field(default_factory=list)
    bases: list[dict[str, int]] = field(default_factory=list)
    stop_at: int = 0

    def try_out(self, one, values, base):
        self.bases.append(dict(base))
        if values["mr"] == self.stop_at:
            raise KeyboardInterrupt
        self.now += 1
        self.tried.append(values["mr"])
        taken = self.times[values["mr"]]
        if isinstance(taken, str):
            return Outcome(values, taken, why="it is")
        return Outcome(values, MEASURED, taken / self.times[8], taken, self.times[8])

    def last_round(self, one, finalists, base, seconds):
        self.now += seconds
        self.rounds.append([values["mr"] for values in finalists.values()])
        taken = {name: self.times[v["mr"]] for name, v in finalists.items()}
        taken |= {CHOICE: self.times[8], AGAIN: self.times[8] * (1 + self.noise)}
        return {name: summary([t, t * 1.001, t * 0.999, t]) for name, t in taken.items()}


def tunable(work="w", recorded=None):
    found = [(v, 1.0 + n) for n, v in enumerate(VALUES)]
    return Tunable(work, "a product", (f"{work}-1", f"{work}-2"), tuple(found), recorded)


@pytest.fixture
def searched(tmp_path):
    """``searched(fake, ...)``: the verdicts, with a journal and a data base that stay."""

    def search(fake, *tunables, seconds=100.0, again=False):
        one = tunables or (tunable(),)
        parameters = {k: v for t in one for k, v in t.parameters(t.choice).items()}
        journal = Journal(tmp_path / "journal", "case", "code")
        made = Search(
            fake, journal, search.database, "here", seconds, {"program": "p.mlir"}, again=again,
            clock=lambda: fake.now,
        )  # fmt: skip
        return tune(Survey(one, parameters), made)

    search.database = tmp_path / "cache" / "tuned.jsonl"
    search.journal = tmp_path / "journal"
    return search


def recorded(search):
    return {one["work"]: one["values"] for one in tuning.records(search.database)}


def test_the_fastest_is_recorded_and_what_fails_is_named_and_left_out(searched):
    fake = Fake({8: 1.0, 4: 0.9, 2: CRASHED, 1: WRONG, 16: 0.95})
    (verdict,) = searched(fake)
    assert verdict.action == "recorded" and verdict.best.values == {"mr": 4}
    assert fake.rounds == [[4, 16]]
    assert {o.values["mr"]: o.why for o in verdict.outcomes if o.why} == {2: "it is", 1: "it is"}
    (record,) = tuning.records(searched.database)
    assert record["values"] == {"mr": 4} and record["choice"] == {"mr": 8}
    assert record["seconds"] == pytest.approx(0.9) and record["program"] == "p.mlir"


@pytest.mark.parametrize(("best", "noise", "action"), [
    (0.995, 0.0, "kept"),
    (0.95, 0.2, "undecided"),
    (1.02, 0.0, "kept"),
    (1.5, 0.0, "kept"),
])  # fmt: skip
def test_what_is_not_ahead_by_more_than_the_noise_is_not_recorded(searched, best, noise, action):
    (verdict,) = searched(Fake({8: 1.0, 4: best, 2: 2.0, 1: 2.0, 16: 2.0}, noise))
    assert verdict.action == action and recorded(searched) == {}


def test_a_search_that_is_ended_goes_on_where_it_was(searched):
    times = {8: 1.0, 4: 1.5, 2: 0.8, 1: 1.5, 16: 0.9}
    with pytest.raises(KeyboardInterrupt):
        searched(Fake(times, stop_at=1))
    with open(searched.journal, "a") as file:
        file.write('\n{"case": "ca')  # a line that was being written
    fake = Fake(times)
    (verdict,) = searched(fake)
    assert fake.tried == [1, 16] and verdict.action == "recorded"
    fake = Fake(times)
    (verdict,) = searched(fake)
    assert (fake.tried, fake.rounds, verdict.action) == ([], [], "recorded")
    fake = Fake(times)
    searched(fake, again=True)
    assert fake.tried == [4, 2, 1, 16] and len(fake.rounds) == 1


def test_what_there_was_no_time_for_waits_for_the_next_run(searched):
    times = {8: 1.0, 4: 0.9, 2: 0.7, 1: 2.0, 16: 2.0}
    fake = Fake(times)
    (verdict,) = searched(fake, seconds=1.0)
    assert fake.tried == [4] and verdict.left == 3 and recorded(searched) == {"w": {"mr": 4}}
    (verdict,) = searched(Fake(times))
    assert verdict.left == 0 and recorded(searched) == {"w": {"mr": 2}}


def test_each_work_has_its_share_and_winners_are_the_next_ones_base(searched):
    fake = Fake({8: 1.0, 4: 0.5, 2: 2.0, 1: 2.0, 16: 2.0})
    verdicts = searched(fake, tunable("a"), tunable("b"), seconds=40.0)
    assert [v.action for v in verdicts] == ["recorded", "recorded"]
    assert (
        fake.bases[0]["a-1.mr"] == 8 and fake.bases[-1]["a-1.mr"] == fake.bases[-1]["a-2.mr"] == 4
    )
    (first, second) = searched(Fake(fake.times), tunable("c"), tunable("d"), seconds=0.0)
    assert (first.action, second.action) == ("no time", "no time")


def test_a_record_that_is_not_ahead_any_more_is_removed(searched):
    tuning.store(
        searched.database, {"device": "here", "work": "w", "values": {"mr": 2}, "seconds": 1}
    )
    fake = Fake({8: 1.0, 4: 1.5, 2: 1.2, 1: 2.0, 16: 2.0})
    (verdict,) = searched(fake, tunable(recorded={"mr": 2}))
    assert verdict.action == "removed" and fake.rounds == [[2]]
    assert recorded(searched) == {}


def test_the_journal_keeps_to_its_case_and_code(tmp_path):
    outcome = Outcome({"mr": 4}, MEASURED, 0.9, 1.0, 1.1)
    Journal(tmp_path / "j", "case", "code").add("w", outcome)
    assert Journal(tmp_path / "j", "case", "code").outcomes("w") == [outcome]
    for case, code, work in (("x", "code", "w"), ("case", "x", "w"), ("case", "code", "x")):
        assert Journal(tmp_path / "j", case, code).outcomes(work) == []


def test_one_record_for_a_work_on_a_device(tmp_path):
    path = tmp_path / "new" / "tuned.jsonl"
    base = {"device": "a", "work": "w", "values": {"mr": 1}, "seconds": 1.0}
    tuning.store(path, base)
    tuning.store(path, {**base, "values": {"mr": 2}, "seconds": 2.0})
    tuning.store(path, {**base, "device": "b"})
    found = {(one["device"], one["work"]): one["values"]["mr"] for one in tuning.records(path)}
    assert found == {("a", "w"): 2, ("b", "w"): 1}
    assert [one["device"] for one in tuning.forget(path, lambda one: one["device"] == "a")] == ["a"]
    assert [one["device"] for one in tuning.records(path)] == ["b"]
