"""Environment switches: typed, scoped, refused when they make no sense."""

import pytest

from pharos.core import settings
from pharos.core.errors import UserError


def test_default_environment_and_scope_in_that_order(monkeypatch):
    monkeypatch.delenv("PHAROS_DEBUG", raising=False)
    assert settings.DEBUG.get() == 0
    monkeypatch.setenv("PHAROS_DEBUG", "3")
    assert settings.DEBUG.get() == 3
    with settings.scope(DEBUG=1):
        assert settings.DEBUG.get() == 1
    assert settings.DEBUG.get() == 3


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("PHAROS_DEBUG", "9", "PHAROS_DEBUG: expected a level from 0 to 4, found '9'"),
        ("PHAROS_DEBUG", "yes", "expected a level from 0 to 4, found 'yes'"),
        ("PHAROS_THREADS", "0", "expected a number of threads, at least 1, found '0'"),
        ("PHAROS_CACHE_LIMIT_MB", "-1", "expected a number of MiB, found '-1'"),
    ],
)
def test_nonsense_is_refused(monkeypatch, name, text, message):
    monkeypatch.setenv(name, text)
    setting = next(s for s in settings.ALL if s.name == name)
    with pytest.raises(UserError) as error:
        setting.get()
    assert message in error.value.message
    assert error.value.hint


def test_a_scope_ends_even_when_its_block_fails():
    before = settings.THREADS.get()
    with pytest.raises(RuntimeError), settings.scope(THREADS=before + 1):
        raise RuntimeError
    assert settings.THREADS.get() == before


def test_a_scope_takes_known_names_only():
    with pytest.raises(KeyError, match="unknown settings"), settings.scope(COLOUR=1):
        pass


def test_every_switch_is_documented_and_unique():
    names = [s.name for s in settings.ALL]
    assert len(set(names)) == len(names)
    assert all(s.help and s.expects and s.name.startswith("PHAROS_") for s in settings.ALL)
