"""Artifacts go to plain data and back."""

import json

import pytest

from pharos.core.artifact import Argument, Artifact, EntryPoint


def test_manifest_round_trip():
    entry = EntryPoint(
        "f",
        (Argument("memref", "bf16", (-1, 4), (-1, 1), written=False, name="w"),),
        (Argument("scalar", "i64"),),
    )
    artifact = Artifact(
        "cpu", "object", b"\x7fELF", (entry,), "abc", ("openmp",), ("malloc",), {"k": [1, 2]}
    )
    data = json.loads(json.dumps(artifact.manifest()))
    assert Artifact.from_manifest(data, artifact.code) == artifact


def test_an_unknown_entry_lists_the_known():
    artifact = Artifact("cpu", "object", b"", (EntryPoint("f", ()),), "")
    with pytest.raises(KeyError, match="no entry point 'g'; there are: \\['f'\\]"):
        artifact.entry("g")
