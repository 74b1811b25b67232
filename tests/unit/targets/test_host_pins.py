"""Memory of the host registered with a driver that takes pages, each once."""

import pytest

from pharos.core.errors import InternalError
from pharos.targets.common.gpu.programs.pins import Pins

PAGE = 4096
FAR = 1 << 40  # where the device sees what the host has at 0


class PagesOnce:
    """A driver that refuses pages which it has, and parts of pages."""

    granule = PAGE

    def __init__(self):
        self.pieces = {}

    def register(self, address, size):
        assert address % PAGE == size % PAGE == 0
        for start, length in self.pieces.items():
            assert address + size <= start or start + length <= address, "registered already"
        self.pieces[address] = size
        return FAR + address

    def unregister(self, address):
        del self.pieces[address]


def test_arrays_on_one_page_share_it():
    driver, settled = PagesOnce(), []
    pins = Pins(driver, lambda: settled.append(1))
    pins.add(PAGE + 16, 100)
    pins.add(PAGE + 2000, 50)
    assert driver.pieces == {PAGE: PAGE}
    assert not settled
    pins.remove(PAGE + 16)
    assert pins.device_address(PAGE + 2010) == FAR + PAGE + 2010
    pins.remove(PAGE + 2000)
    assert driver.pieces == {}


def test_arrays_that_meet_on_a_page_become_one_piece():
    driver, settled = PagesOnce(), []
    pins = Pins(driver, lambda: settled.append(dict(driver.pieces)))
    pins.add(PAGE + 100, PAGE)  # pages 1 and 2
    pins.add(4 * PAGE, 10)  # page 4
    pins.add(2 * PAGE + 200, 2 * PAGE)  # pages 2 to 4
    assert driver.pieces == {PAGE: 4 * PAGE}
    assert settled == [{PAGE: 2 * PAGE, 4 * PAGE: PAGE}], "work ends before pages are let go"
    for address in (PAGE + 100, 4 * PAGE, 2 * PAGE + 200):
        assert driver.pieces
        pins.remove(address)
    assert driver.pieces == {}


def test_pages_beside_each_other_stay_apart():
    driver = PagesOnce()
    pins = Pins(driver, lambda: None)
    pins.add(PAGE, PAGE)
    pins.add(2 * PAGE, 1)
    assert driver.pieces == {PAGE: PAGE, 2 * PAGE: PAGE}


def test_what_was_never_registered_is_a_bug():
    with pytest.raises(InternalError, match="nothing is registered at 0x10"):
        Pins(PagesOnce(), lambda: None).device_address(16)
