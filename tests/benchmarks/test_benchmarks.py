"""The benchmark runs, prints its tables, and does not measure layers with wrong headers; no times."""

from __future__ import annotations

import dataclasses

import pytest
import sanic
from packaging.version import Version

from tests.benchmarks import requests, sockets
from tests.benchmarks.__main__ import main
from tests.benchmarks.layers import CHECKED, GRANT, HANDLER, LAYERS, REQUESTS, VARY, Layer


def _layer(name: str) -> Layer:
    return next(layer for layer in LAYERS if layer.name == name)


def test_every_layer_sends_the_right_headers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["requests", "--quick", "--sanic-cors", "/nowhere/python"]) == 0
    printed = capsys.readouterr().out
    rows = {line.split("|")[1].strip(): line for line in printed.splitlines() if line.startswith("| ")}
    assert set(rows) >= {layer.name for layer in LAYERS}
    # sanic-ext for older versions of Sanic sends other headers
    older = ["sanic-ext"] if Version(sanic.__version__) < Version("25.12") else []
    assert [name for name, row in rows.items() if "left out" in row] == [*older, "sanic-cors"]
    assert {layer.name for layer in CHECKED} <= set(rows)
    assert rows["corsbp, one origin"].count("|") == len(REQUESTS) + 2
    assert f"granted: corsbp, one origin / {HANDLER}" in rows
    assert "POST, allowed page: corsbp, check_requests='writes', above corsbp, check_requests=False" in rows
    assert "granted: corsbp, one origin / middleware" in rows


def test_a_layer_that_sends_other_headers_is_not_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = _layer(HANDLER)
    more = dataclasses.replace(handler, expected=handler.expected | {"granted": {**GRANT, **VARY}})
    monkeypatch.setattr(requests, "LAYERS", [LAYERS[0], more])
    assert main(["requests", "--quick"]) == 1
    assert f"{HANDLER}, granted: status 200" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("headers", "wrong"),
    [
        (GRANT, ""),
        ({**GRANT, "x-other": "1"}, ""),
        ({**GRANT, "vary": "Origin"}, "sent"),
        ({**GRANT, "access-control-allow-origin": "*"}, "sent"),
        ({name: value for name, value in GRANT.items() if "credentials" not in name}, "sent"),
        ({**GRANT, "Access-Control-Allow-Origin": "*"}, "twice"),
    ],
)
def test_a_cors_header_too_many_too_few_or_twice_is_a_fault(headers: dict[str, str], wrong: str) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    fault = requests.fault(_layer(HANDLER), "granted", f"HTTP/1.1 200 OK\r\n{lines}\r\nan item")
    assert wrong in fault if fault else not wrong


def test_startup_prints_time_memory_and_reconfigure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["startup", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert "time, ms of CPU" in printed
    assert "memory at its peak, MB" in printed
    assert "memory held, MB" in printed
    assert "One `reconfigure`, µs of CPU" in printed


def test_a_server_of_two_workers_responds_and_stops() -> None:
    with sockets.server(_layer("corsbp, two origins")) as port:
        assert port


def test_the_table_of_many_origins_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["origins", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("| 1,000 ") == 3 and "100,000 exact: declare" in printed
