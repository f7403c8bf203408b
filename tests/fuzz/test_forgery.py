"""Random forged requests: each verdict is that of an independent oracle."""

from __future__ import annotations

import pytest

from ..support import run_server
from .forgery import run

pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize("seed", range(2))
def test_random_requests_are_refused_as_by_the_oracle(seed: int) -> None:
    served, refused = run_server(run(1000 + seed, 1500))
    assert served > 300 and refused > 300
