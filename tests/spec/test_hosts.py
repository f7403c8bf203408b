"""The hosts of origins: this machine, and international names."""

from __future__ import annotations

import pytest

from corsbp.spec.hosts import is_loopback


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *[(host, True) for host in ("localhost", "a.localhost", "127.0.0.1", "127.1.2.3", "[::1]")],
        *[
            (host, False)
            for host in ("localhost.example", "xlocalhost", "128.0.0.1", "[::2]", "127.0.0.1.nip.io")
        ],
    ],
)
def test_hosts_of_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
