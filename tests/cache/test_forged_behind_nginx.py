"""Forged requests (`check_requests`) behind nginx, which keeps the host, names its own, or forwards both."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support import sanic_process

from .forged_app import ALLOWED
from .test_behind_nginx import FOREIGN, HOST, SHARED, UPSTREAM, Nginx, make_certificate, nginx

SERVERS = """
server {
    listen 80;
    location / { include sanic.conf; }
}
server {
    listen 443 ssl;
    ssl_certificate /etc/ssl/shop.pem;
    ssl_certificate_key /etc/ssl/shop.key;
    location / { include sanic.conf; }
}
"""
PASS = f"proxy_pass http://{UPSTREAM};\n"
FORWARDED = "proxy_set_header X-Forwarded-For $remote_addr;\nproxy_set_header X-Forwarded-Proto $scheme;\n"
KEEP_HOST = "proxy_set_header Host $http_host;\n"
FORWARD_HOST = "proxy_set_header X-Forwarded-Host $http_host;\n"

# by the name of a proxy: its directives, and the app behind it; `behind_proxy` has PROXIES_COUNT
PROXIES = {
    "its own host": (PASS, "app"),
    "the host of the browser": (PASS + KEEP_HOST, "app"),
    "as the page says": (SHARED, "behind_proxy"),
    "its own host, and the other as X-Forwarded-Host": (PASS + FORWARDED + FORWARD_HOST, "behind_proxy"),
}
RENAMED, KEPT, *TRUSTED = PROXIES

SITE = "sec-fetch-site"
NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "cookie": "session=ann"}
HTTPS_PAGE, HTTP_PAGE = f"https://{HOST}", f"http://{HOST}"
# a form, as browsers send it: the scheme of the request, its page, and the relation that browsers name over
# https only; then the proxies behind which it is refused
FORMS: dict[str, tuple[str, str | None, str | None, list[str]]] = {
    "own page": ("https", HTTPS_PAGE, "same-origin", []),
    "own page over http": ("http", HTTP_PAGE, None, [RENAMED]),
    "own page, an old browser": ("https", HTTPS_PAGE, None, [RENAMED]),
    "own page with no-referrer, over http": ("http", "null", None, [*PROXIES]),
    "allowed page": ("https", ALLOWED, "cross-site", []),
    "allowed page to http": ("http", ALLOWED, None, []),
    "foreign page": ("https", FOREIGN, "cross-site", [*PROXIES]),
    "foreign page, an old browser": ("https", FOREIGN, None, [*PROXIES]),
    "foreign page over http": ("http", "http://foreign.example", None, [*PROXIES]),
    "own http page to https": ("https", HTTP_PAGE, "cross-site", [*PROXIES]),
    # that a request came by https, Sanic knows from a proxy that it trusts
    "own http page to https, an old browser": ("https", HTTP_PAGE, None, [RENAMED, *TRUSTED]),
    "program": ("https", None, None, []),
}


@pytest.fixture(scope="module")
def proxies() -> Iterator[dict[str, Nginx]]:
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="corsbp-", ignore_cleanup_errors=True))
        ports = {
            app: stack.enter_context(sanic_process(f"tests.cache.forged_app:{app}", "--single-process"))
            for app in ("app", "behind_proxy")
        }
        started = {}
        for number, (proxy, (shared, app)) in enumerate(PROXIES.items()):
            folder = Path(name, f"{number}")
            folder.mkdir()
            make_certificate(folder)
            started[proxy] = stack.enter_context(nginx(folder, ports[app], SERVERS, shared))
        yield started


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("form", FORMS)
def test_which_forms_are_served(proxies: dict[str, Nginx], proxy: str, form: str) -> None:
    scheme, origin, relation, refused_by = FORMS[form]
    headers = NAVIGATION if relation is None else {**NAVIGATION, SITE: relation}
    response = proxies[proxy].send(
        "/api/orders", origin, "POST", body=b"a=1", scheme=scheme, headers=headers if origin else {}
    )
    assert response.status == (403 if proxy in refused_by else 200)
