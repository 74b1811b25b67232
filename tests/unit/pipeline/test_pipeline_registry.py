"""Registries are values; names come once."""

from __future__ import annotations

import inspect
import json

import pytest

from pharos.core.errors import UserError
from pharos.pipeline import Lazy, Registry, make_registry, merge_registries


def test_duplicates_are_refused() -> None:
    with pytest.raises(UserError, match="two schedules are registered as 'a'"):
        make_registry(schedules=[("a", print), ("b", print), ("a", print)])
    one = make_registry(stages=[("a", print)], descriptors=["x"])
    with pytest.raises(UserError, match="two stages are registered as 'a'"):
        merge_registries(one, make_registry(stages=[("a", print)]))


def test_merge_keeps_everything_in_order() -> None:
    one = make_registry(schedules=[("a", print)], selectors=[("a", len)], descriptors=["x"])
    two = make_registry(schedules=[("b", repr)], descriptors=["y"])
    merged = merge_registries(one, two)
    assert dict(merged.schedules) == {"a": print, "b": repr}
    assert dict(merged.selectors) == {"a": len}
    assert [str(path) for path in merged.descriptors] == ["x", "y"]
    assert Registry() == make_registry()


def test_lazy_is_the_function() -> None:
    lazy = Lazy("json", "loads")
    assert lazy("[1]") == [1]
    assert inspect.signature(lazy) == inspect.signature(json.loads)
