"""The conformance suite on the real server: the tests are those of `tests.conformance`."""

from __future__ import annotations

import pytest

from tests.conformance import test_destinations
from tests.real_zenodo.conftest import Real
from tests.real_zenodo.remote import RealRemote

pytestmark = pytest.mark.timeout(300)
globals().update({name: each for name, each in vars(test_destinations).items() if name.startswith("test_")})


@pytest.fixture
def place(real: Real) -> RealRemote:
    """A draft; pytest takes the fixture of this module and not the suite's own."""
    return RealRemote(real.proxy, real.owner)
