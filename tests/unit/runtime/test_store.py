"""The artifact store: whole files only, damage is a miss, any number of processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pharos.core import settings
from pharos.core.artifact import Argument, Artifact, EntryPoint
from pharos.core.errors import UserError
from pharos.runtime import ArtifactStore, cache_key

KEY = "ab" * 32
ARTIFACT = Artifact(
    target="cpu",
    format="object",
    code=bytes(range(256)) * 4,
    entries=(
        EntryPoint(
            "f",
            (
                Argument("memref", "f32", (-1, 4), (-1, 1), written=False, name="x", unique=True),
                Argument("scalar", "i64"),
            ),
            (Argument("memref", "bf16", (2,)),),
        ),
    ),
    fingerprint="1234",
    libraries=("openmp",),
    symbols=("expf",),
    metadata={"uncallable": {"g": "why"}, "plan": [1, 2.5, None]},
)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path, limit_mb=64)


def file_of(store: ArtifactStore) -> Path:
    (path,) = store.root.rglob("*.artifact")
    return path


def key(number: int) -> str:
    return f"{number:064x}"


def test_what_is_put_comes_back(store: ArtifactStore) -> None:
    assert store.get(KEY) is None
    store.put(KEY, ARTIFACT)
    assert store.get(KEY) == ARTIFACT
    assert store.get(key(0)) is None


def test_putting_again_replaces(store: ArtifactStore) -> None:
    store.put(KEY, ARTIFACT)
    other = Artifact("cpu", "object", b"other", (), "5")
    store.put(KEY, other)
    assert store.get(KEY) == other
    assert store.info().entries == 1


DAMAGE = {
    "cut short": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "one bit": lambda data: data[:700] + bytes([data[700] ^ 1]) + data[701:],
    "one bit of the manifest": lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
    "longer": lambda data: data + b"x",
    "another format": lambda data: data.replace(b"artifact 1", b"artifact 2"),
    "not ours": lambda data: b"\x7fELF" + data,
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_is_a_miss_and_goes(store: ArtifactStore, how: str) -> None:
    store.put(KEY, ARTIFACT)
    path = file_of(store)
    path.write_bytes(DAMAGE[how](path.read_bytes()))
    assert store.get(KEY) is None
    assert not path.exists()
    store.put(KEY, ARTIFACT)
    assert store.get(KEY) == ARTIFACT


def test_a_write_that_fails_leaves_nothing(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(
        UserError, match=r"cannot use the artifact cache .*: No space left"
    ) as error:
        store.put(KEY, ARTIFACT)
    assert error.value.hint == "set PHAROS_CACHE to a folder that you can write to"
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_a_clear_between_writing_and_renaming(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def cleared_first(source: str, target: Path) -> None:
        store.clear()
        real(source, target)

    monkeypatch.setattr(os, "replace", cleared_first)
    store.put(KEY, ARTIFACT)
    assert store.get(KEY) is None


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = ArtifactStore(tmp_path / "file", limit_mb=1)
    with pytest.raises(UserError, match="cannot use the artifact cache"):
        store.put(KEY, ARTIFACT)
    with pytest.raises(UserError, match="Not a directory"):
        store.get(KEY)


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    big = Artifact("cpu", "object", bytes(400_000), (), "0")
    store = ArtifactStore(tmp_path, limit_mb=1)
    store.put(key(1), big)
    store.put(key(2), big)
    for number, age in ((1, 200), (2, 100)):
        then = time.time() - age
        os.utime(store.root / "00" / f"{key(number)}.artifact", (then, then))
    assert store.get(key(1)) is not None  # now the younger of the two
    store.put(key(3), big)
    assert store.get(key(2)) is None
    assert store.get(key(1)) is not None and store.get(key(3)) is not None
    assert store.info().size <= 1 << 20


def test_all_files_are_looked_at_only_when_room_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    evict = ArtifactStore._evict
    monkeypatch.setattr(ArtifactStore, "_evict", lambda self: looks.append(1) or evict(self))
    store = ArtifactStore(tmp_path, limit_mb=1)
    for number in range(100):
        store.put(key(number), Artifact("cpu", "object", bytes(40_000), (), "0"))
        assert store.info().size <= 1 << 20
    assert 3 < len(looks) < 60  # a sweep leaves an eighth: half of that is one artifact
    ArtifactStore(tmp_path, limit_mb=64).put(key(100), ARTIFACT)  # another limit: nothing is known
    count = len(looks)
    for number in range(50):
        ArtifactStore(tmp_path, limit_mb=64).put(key(number), ARTIFACT)
    assert len(looks) == count


def test_a_limit_of_zero_keeps_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path, limit_mb=0)
    store.put(KEY, ARTIFACT)
    assert store.get(KEY) is None


def test_info_and_clear_see_only_artifacts(store: ArtifactStore) -> None:
    assert store.info().entries == store.info().size == 0
    for number in range(3):
        store.put(key(number), ARTIFACT)
    stranger = store.root / "00" / "notes.txt"
    stranger.write_text("mine")
    odd = store.root / "00" / "x.artifact"
    odd.write_text("mine too")
    (store.root / "00" / "partial-abc").write_text("left by a crash")
    info = store.info()
    assert info.entries == 3 and info.size > 3 * len(ARTIFACT.code)
    assert (info.limit, info.root) == (64 << 20, store.root)
    assert store.clear() == 3
    assert store.info().entries == 0
    assert sorted(path.name for path in store.root.rglob("*") if path.is_file()) == [
        "notes.txt",
        "x.artifact",
    ]


def test_old_partial_files_are_swept(store: ArtifactStore) -> None:
    store.put(KEY, ARTIFACT)
    fresh, old = (file_of(store).parent / f"partial-{name}" for name in ("fresh", "old"))
    for path in (fresh, old):
        path.write_text("x")
    os.utime(old, (0, 0))
    store.put(KEY, ARTIFACT)
    assert fresh.exists() and not old.exists()


def test_defaults_come_from_the_settings(tmp_path: Path) -> None:
    with settings.scope(CACHE=tmp_path / "c", CACHE_LIMIT_MB=3):
        store = ArtifactStore()
    assert store.root == tmp_path / "c" / "artifacts"
    assert store.info().limit == 3 << 20


def test_a_key_is_no_path(store: ArtifactStore) -> None:
    for wrong in ("../../etc/passwd", "", "AB" * 32, "ab" * 31):
        with pytest.raises(ValueError, match="not a cache key"):
            store.get(wrong)


_WORKER = """
import sys
from pathlib import Path
from pharos.core.artifact import Artifact
from pharos.runtime import ArtifactStore
root, seed = Path(sys.argv[1]), int(sys.argv[2])
store = ArtifactStore(root, limit_mb=1)
misses = 0
for step in range(150):
    number = (step * 7 + seed) % 5
    code = bytes([number]) * 300_000
    found = store.get(f"{number:064x}")
    if found is None:
        misses += 1
        store.put(f"{number:064x}", Artifact("cpu", "object", code, (), str(number)))
    elif found.code != code or found.fingerprint != str(number):
        sys.exit(f"wrong artifact for {number}")
    if step % 50 == 49:
        store.clear()
print(misses)
"""


def test_processes_share_a_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WORKER, str(tmp_path)]
    workers = [
        subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for seed in (0, 3)
    ]
    for worker in workers:
        out, error = worker.communicate(timeout=120)
        assert worker.returncode == 0, error.decode()
        assert int(out) >= 5
    left = [path.name for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    assert all(name.endswith(".artifact") for name in left)


def test_every_part_of_a_key_counts() -> None:
    base = ("ir", "pipeline", {"tile": 8}, "cpu avx2", {"pharos": "1"})
    keys = {cache_key(*base)}
    for position, other in enumerate(
        ("ir2", "pipeline2", {"tile": 9}, "cpu avx512", {"pharos": "2"})
    ):
        parts = list(base)
        parts[position] = other
        keys.add(cache_key(*parts))  # type: ignore[arg-type]
    keys.add(cache_key("irp", "ipeline", {"tile": 8}, "cpu avx2", {"pharos": "1"}))
    keys.add(cache_key("ir", "pipeline", {"tile": 8.0}, "cpu avx2", {"pharos": "1"}))
    keys.add(cache_key("ir", "pipeline", {"tile": True}, "cpu avx2", {"pharos": "1"}))
    keys.add(cache_key("ir", "pipeline", {"tile": "8"}, "cpu avx2", {"pharos": "1"}))
    assert len(keys) == 10
    assert all(len(one) == 64 for one in keys)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(parameters=st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_the_order_of_parameters_does_not_count(parameters: dict[str, object]) -> None:
    turned = dict(reversed(parameters.items()))
    assert cache_key("a", "b", parameters, "c", {}) == cache_key("a", "b", turned, "c", {})
    reread = json.loads(json.dumps(parameters))
    assert cache_key("a", "b", reread, "c", {}) == cache_key("a", "b", parameters, "c", {})
