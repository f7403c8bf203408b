"""An independent scanner, run against the examples as they are served and against an app with faults."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from ..support import sanic_process, skip_or_fail
from .scanned import HOST, WRONG

REQUIREMENTS = ["corscanner==0.9.7", "requests", "tldextract"]
DRIVER = """if True:
    from CORScanner.common.corscheck import CORSCheck  # first: it patches sockets
    import json, socket, sys, tldextract, types
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())  # the list that it brings
    resolve = socket.getaddrinfo

    def here(host, *rest, **more):
        if not host.endswith((".example", ".example.com", "mydomain.com")):
            raise socket.gaierror(f"{host} is not asked anything")
        return resolve("127.0.0.1", *rest, **more)

    socket.getaddrinfo = here
    nobody = types.SimpleNamespace(info=lambda *_: None, warning=lambda *_: None)
    found = {}
    for url in sys.argv[1:]:
        check = CORSCheck(url, {"headers": None, "logger": nobody})
        answer = check.send_req(url, "https://stranger.example")
        one = "test_" + url.rpartition("/")[2]  # of a wrong server: the test for what is wrong there
        for name in [one] if hasattr(check, one) else dir(check):
            if name.startswith("test_"):
                getattr(check, name)()
        granted = answer.headers.get("access-control-allow-origin")
        found[url] = [answer.status_code, granted, check.all_results]
    print(json.dumps(found))
"""
NAMES = ("-addext", "subjectAltName=DNS:app.example,DNS:shop.example.com,DNS:mydomain.com")
Scan: TypeAlias = Callable[..., dict[str, tuple[int, str | None, dict[str, str]]]]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """Return a function that scans URLs for status, grant to an unknown origin, findings and credentials."""
    if not os.environ.get("CORSBP_SKIP_NOTHING"):
        pytest.skip("a scanner would be fetched from PyPI: CORSBP_SKIP_NOTHING=1")
    folder = tmp_path_factory.mktemp("scanner")
    options = ("--quiet", "--disable-pip-version-check", "--prefer-binary", "--no-compile")
    install: list[str | Path] = [sys.executable, "-m", "pip", "install", *options, "--target", folder]
    done = subprocess.run([*install, *REQUIREMENTS], capture_output=True, text=True, check=False)
    if done.returncode:
        skip_or_fail(f"the scanner could not be installed: {done.stderr.strip()[-300:]}")

    # It does not check certificates, and would read all trusted ones for each request.
    env = {**os.environ, "SSL_CERT_FILE": os.devnull}

    def run(*urls: str) -> dict[str, tuple[int, str | None, dict[str, str]]]:
        command = [sys.executable, "-c", DRIVER, *urls]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return {
            url: (status, origin, {each["type"]: each["credentials"] for each in results})
            for url, (status, origin, results) in found.items()
        }

    return run


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Return options by which Sanic serves https: the scanner's look-alikes have the scheme of the URL."""
    if shutil.which("openssl") is None:
        skip_or_fail("openssl is not installed: apt-get install openssl")
    folder = tmp_path_factory.mktemp("tls")
    options = (
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=app.example",
        *NAMES,
    )
    files = ("-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    subprocess.run(["openssl", "req", *options, *files], capture_output=True, check=True)
    return "--cert", f"{folder}/cert.pem", "--key", f"{folder}/key.pem"


EXAMPLES: dict[str, dict[str, str | None]] = {
    # each path with the grant to an unknown origin; a public path has one, and nothing else is found
    "quickstart": {"app.example/api/items/7": "*", "app.example/": None},
    "versions": {
        "app.example/v1/shop/items/": "*",
        "app.example/v2/shop/items/": "https://app.example",
        "app.example/shop/health/": None,
    },
    "guide": {"mydomain.com/": "https://mydomain.com"},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_scanner_finds_nothing_in_an_example(name: str, scan: Scan, tls: tuple[str, ...]) -> None:
    with sanic_process(f"examples.{name}:app", *tls) as port:
        urls = {_url(each, port): granted for each, granted in EXAMPLES[name].items()}
        found = scan(*urls)
    assert found == {url: (200, granted, {}) for url, granted in urls.items()}


def test_the_scanner_finds_each_fault(scan: Scan, tls: tuple[str, ...]) -> None:
    with sanic_process("tests.integration.scanned:app", *tls) as port:
        found = scan(*(_url(f"{HOST}/{name}", port) for name in WRONG))
    assert {name: results[2].get(name) for name, results in zip(WRONG, found.values(), strict=True)} == (
        dict.fromkeys(WRONG, "true")
    )


def _url(address: str, port: int) -> str:
    host, _, path = address.partition("/")
    return f"https://{host}:{port}/{path}"
