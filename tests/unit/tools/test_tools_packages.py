"""Requirements of package metadata, and versions that meet them."""

from __future__ import annotations

import importlib.metadata

import pytest

from pharos.tools.packages import Requirement, requirements, satisfies

VERSIONS = [
    ("1.26.0", ">=1.26", True),
    ("2.4.6", ">=1.26", True),
    ("1.25.9", ">=1.26", False),
    ("1.9", ">=1.10", False),
    ("0.50.3", "==0.50.*", True),
    ("0.5", "==0.50.*", False),
    ("0.51.0", "==0.50.*", False),
    ("20261001", "==20261001", True),
    ("20261002", "==20261001", False),
    ("2.13.0+cpu", "==2.13.0", True),
    ("5.23.0", ">=5,<6", True),
    ("6.0", ">=5,<6", False),
    ("6.0.0", "<6", False),
    ("1.0", "==1", True),
    ("1.4.5", "~=1.4.2", True),
    ("1.5.0", "~=1.4.2", False),
    ("1.0", "!=1.0", False),
    ("1.0", "", True),
    ("1.0", ">nonsense<", False),
]


@pytest.mark.parametrize(("version", "wanted", "fits"), VERSIONS)
def test_versions(version, wanted, fits):
    assert satisfies(version, wanted) is fits


def test_requirements_are_read_from_metadata_lines():
    lines = [
        "torch-mlir==20261001",
        'intel-openmp>=2025; platform_machine == "x86_64"',
        'pytest>=8; extra == "test"',
        "ml_dtypes>=0.5",
        "rich[jupyter] (>=13,<99)",
    ]
    assert requirements(lines, "x86_64") == [
        Requirement("torch-mlir", "==20261001"),
        Requirement("intel-openmp", ">=2025"),
        Requirement("pytest", ">=8", "test"),
        Requirement("ml_dtypes", ">=0.5"),
        Requirement("rich", ">=13,<99"),
    ]
    assert "intel-openmp" not in {r.name for r in requirements(lines, "aarch64")}


def test_our_own_metadata_is_understood():
    found = {r.name: r for r in requirements(importlib.metadata.requires("pharos") or [])}
    assert found["torch-mlir"].versions.startswith("==") and not found["torch-mlir"].extra
    assert found["pytest"].extra == "test"
    assert all(r.versions or r.extra for r in found.values())
