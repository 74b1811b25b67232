"""pharos targets and pharos doctor."""

from __future__ import annotations

import importlib.metadata
import json

import pytest

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.tools import health


def test_targets_for_people(pharos):
    found = pharos("targets")
    assert found.status == 0 and found.err == ""
    assert found.out.startswith("cpu: this machine's processors, available\n")
    assert "pipeline optimize (default): " in found.out
    assert "int, 1 to 1024" in found.out and "128 | 256 | 512" in found.out


def test_targets_as_json(pharos):
    cpu, *gpus = json.loads(pharos("targets", "--json").out)
    assert (cpu["name"], cpu["available"], cpu["reason"]) == ("cpu", True, None)
    assert (cpu["chips"], cpu["simulated"]) == ([], None)
    for gpu in gpus:
        assert gpu["simulated"] == f"{gpu['name']}:sim" and gpu["facts"]["chip"] in gpu["chips"]
        assert [p["name"] for p in gpu["pipelines"] if p["default"]] == ["optimize"]
    assert cpu["facts"]["threads"] >= 1 and isinstance(cpu["facts"]["features"], list)
    pipelines = {pipeline["name"]: pipeline for pipeline in cpu["pipelines"]}
    assert [name for name, p in pipelines.items() if p["default"]] == ["optimize"]
    grain = {p["name"]: p for p in pipelines["optimize"]["parameters"]}["grain"]
    assert (grain["type"], grain["min"], grain["max"]) == ("int", 0, None)
    assert isinstance(grain["default"], int)


def test_a_target_that_cannot_be_used_says_why(pharos, monkeypatch):
    def refuse():
        raise UserError("no such device")

    monkeypatch.setattr(toolchain.target("cpu"), "open_device", refuse)
    assert "cpu: this machine's processors, not available: no such device" in pharos("targets").out
    cpu, *_ = json.loads(pharos("targets", "--json").out)
    assert (cpu["available"], cpu["reason"]) == (False, "no such device")


def test_a_healthy_machine(pharos):
    found = pharos("doctor")
    assert found.status == 0, found.out
    for name in ("python", "torch-mlir", "cache folder", "compile and run", "cpu: OpenMP library"):
        assert name in found.out
    assert found.out.endswith("Pharos has all it needs.\n")


def test_doctor_as_json(pharos):
    data = json.loads(pharos("doctor", "--json").out)
    assert data["ok"] is True
    found = {finding["name"]: finding for finding in data["findings"]}
    assert found["llvmlite"]["found"].startswith("0.50") and found["llvmlite"]["needed"]
    assert not found["pytest"]["needed"]
    assert found["compile and run"]["found"].startswith("works, ")


@pytest.fixture
def quick(monkeypatch):
    """Without the checks that compile and those of the targets."""
    monkeypatch.setattr(health, "_compile_and_run", lambda: "works")
    monkeypatch.setattr(toolchain, "TARGETS", {})


@pytest.fixture
def versions(monkeypatch, quick):
    """``versions({"numpy": "1.0", "rich": None})``: as if these were installed; None is not."""

    def pretend(changed):
        real = importlib.metadata.version

        def version(name):
            if changed.get(name, "") is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return changed.get(name) or real(name)

        monkeypatch.setattr(importlib.metadata, "version", version)

    return pretend


def test_a_missing_package(pharos, versions):
    versions({"rich": None})
    found = pharos("doctor", "--json")
    data = json.loads(found.out)
    (rich,) = [f for f in data["findings"] if f["name"] == "rich"]
    assert found.status == 1 and data["ok"] is False
    assert (rich["ok"], rich["found"]) == (False, "not installed")
    assert rich["remedy"] == "pip install 'rich>=13'"


def test_a_version_that_does_not_fit(pharos, versions):
    versions({"torch-mlir": "20250101"})
    found = pharos("doctor")
    (line,) = [line for line in found.out.splitlines() if line.startswith("torch-mlir")]
    assert found.status == 1 and found.out.endswith("1 missing\n")
    assert "MISSING" in line and "20250101, expected ==20261001" in line
    assert "pip install 'torch-mlir==20261001'" in line


def test_a_missing_extra_is_no_failure(pharos, versions):
    versions({"torch": None})
    found = pharos("doctor")
    (line,) = [line for line in found.out.splitlines() if line.startswith("torch ")]
    assert found.status == 0
    assert "optional" in line and "only for the extra torch" in line
    assert "pip install 'pharos[torch]'" in line


def test_another_python(pharos, quick, monkeypatch):
    monkeypatch.setattr(health.sys, "version_info", (3, 13, 0))
    found = pharos("doctor")
    assert found.status == 1 and "use Python 3.10 to 3.12: make PYTHON=python3.12" in found.out


def test_a_cache_that_cannot_be_written(pharos, quick, file, monkeypatch):
    monkeypatch.setenv("PHAROS_CACHE", str(file("taken", "") / "cache"))
    found = pharos("doctor")
    assert found.status == 1
    assert "Not a directory" in found.out and "set PHAROS_CACHE to a folder" in found.out


def test_failing_checks_of_a_target(pharos, monkeypatch):
    def missing():
        raise UserError("not found", hint="pip install it")

    def broken():
        raise OSError("cannot load")

    monkeypatch.setattr(health, "_compile_and_run", lambda: "works")
    checks = {"library": missing, "driver": broken, "fine": lambda: "here"}
    monkeypatch.setattr(toolchain.target("cpu"), "checks", lambda: checks)
    found = pharos("doctor")
    assert found.status == 1 and "2 missing" in found.out
    assert "cpu: library" in found.out and "pip install it" in found.out
    assert "OSError: cannot load" in found.out and "here" in found.out


def test_a_program_that_gives_a_wrong_answer(pharos, monkeypatch):
    class Wrong:
        def call(self, name):
            return 41

    monkeypatch.setattr(toolchain, "load", lambda artifact: Wrong())
    found = pharos("doctor")
    assert found.status == 1 and "expected 42, found 41" in found.out
