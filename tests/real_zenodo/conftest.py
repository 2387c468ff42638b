"""One InvenioRDM for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.real_zenodo import stack
from tests.real_zenodo.client import Person
from tests.servers import process
from tests.servers.recorder import Recorder, recorder


@dataclass(frozen=True)
class Real:
    """The server, as the product sees it and as people do."""

    proxy: Recorder
    """The product talks to this one, and it keeps a record."""
    owner: Person
    curator: Person
    guest: Person


@pytest.fixture(scope="session")
def running() -> Iterator[Real]:
    """It takes most of a minute to come up."""
    port = process.free_port()
    with recorder(f"http://127.0.0.1:{port}") as proxy, stack.site(port=port, address=proxy.url) as site:
        people = (Person(site.url, token) for token in (site.token, site.curator, ""))
        yield Real(proxy, *people)


@pytest.fixture
def real(running: Real) -> Iterator[Real]:
    """The server, with nothing recorded, and nothing refused afterwards."""
    running.proxy.clear()
    yield running
    running.proxy.behave()
