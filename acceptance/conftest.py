import pytest

import sluice
from receiver import Receiver


@pytest.fixture
def folder(tmp_path):
    """A data folder without a server."""
    made = sluice.Sluice(tmp_path / "data")
    yield made
    made.stop(code=None)


@pytest.fixture
def server(folder):
    """A data folder with its server running; it must end well."""
    folder.start()
    yield folder
    folder.stop()


@pytest.fixture
def shop(tmp_path):
    """A server that sends to this machine, too."""
    made = sluice.Sluice(tmp_path / "data").start(*sluice.ALLOWED)
    yield made
    made.stop()


@pytest.fixture
def clocked(tmp_path):
    """A server whose clock is set ahead by the test."""
    assert sluice.TESTING, "the program with a clock for tests is not there; run 'make unit' or 'make build-testing'"
    made = sluice.Sluice(tmp_path / "data", sluice.TESTING).start(*sluice.ALLOWED, "--clock", "test")
    yield made
    made.stop()


@pytest.fixture
def receiver():
    """Takes what is sent to it, and answers as it is told."""
    made = Receiver()
    yield made
    made.close()
