import pytest

import sluice


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
