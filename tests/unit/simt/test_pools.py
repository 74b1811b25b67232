"""What the runtime takes from is there once for all kernels of a worker."""

from __future__ import annotations

import re
from importlib import resources

from pharos.simt.memory import worker_pools


def test_workers_have_pools_of_their_own():
    assert worker_pools(0) == worker_pools(0)
    assert not set(worker_pools(0).values()) & set(worker_pools(1).values())


def test_the_runtime_is_given_room_for_all_that_it_declares():
    """The sizes written in memory.py are those of the arrays in the runtime's text."""
    texts = (resources.files("pharos.simt") / "runtime").iterdir()
    declared = {}
    for text in (path.read_text() for path in texts if path.name.endswith(".ll")):
        for name, count in re.findall(r"^@([\w.]+) = external global \[(\d+) x", text, re.M):
            declared[name] = int(count)
    pools = worker_pools(2)
    assert set(declared) == set(pools)
    starts = sorted(pools.values())
    assert all(start % 64 == 0 for start in starts)
    assert starts[1] - starts[0] == declared["simt.records"] * (64 + 32768)
