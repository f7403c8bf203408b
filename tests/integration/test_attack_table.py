"""The examples name only declared origins, whatever look-alike from advisories asks."""

from __future__ import annotations

import importlib.util
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sanic import Sanic

from corsbp.app.inventory import list_routes
from corsbp.testing import attack
from corsbp.testing.attacks import FOREIGN_ORIGINS, look_alikes

from ..support import ROOT, preflight, request, send
from .test_cves import TABLE

APPS = {"quickstart", "versions", "guide", "tenants"}
ALLOWED = {
    # the origins that are granted, by the start of the path; a public section sends `*` to every origin
    "quickstart": {"/api/": {"*"}},
    "versions": {"/v1/shop/items": {"*"}, "/v2/shop/items": {"https://app.example"}},
    "guide": {"/": {"https://mydomain.com"}},
    "tenants": {"/prices": {"https://app.example"}, "/orders": set()},
}
TRUSTED = ["https://app.example", "https://mydomain.com", "http://localhost:3000", "https://a.example.com"]


@pytest.fixture(params=sorted(APPS))
def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sanic:
    """Import an example again: examples are modules, and each test needs its own app."""
    with closing(sqlite3.connect(tmp_path / "tenants.db")) as database, database:
        database.execute("CREATE TABLE tenants (host TEXT, origin TEXT)")
        database.execute("INSERT INTO tenants VALUES ('other.example', 'https://app.example')")
    monkeypatch.setenv("TENANTS", str(tmp_path / "tenants.db"))
    spec = importlib.util.spec_from_file_location(request.param, ROOT / "examples" / f"{request.param}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.app
    assert isinstance(found, Sanic)
    found.config.update({"AUTO_EXTEND": False, "TOUCHUP": False})
    return found


def origins() -> dict[str, str]:
    """Return the origins of the table, by their source."""
    found = {origin: row.id for row in TABLE for origin in row.origins}
    found |= {origin: kind for kind, origin in FOREIGN_ORIGINS.items()}
    for trusted in TRUSTED:
        found |= {origin: f"{kind} of {trusted}" for kind, origin in look_alikes(trusted).items()}
    return {origin: source for origin, source in found.items() if origin.isprintable()}


@pytest.mark.filterwarnings("ignore::corsbp.CorsPolicyWarning")
def test_only_declared_origins_are_named_over_the_wire(app: Sanic) -> None:
    """Only declared origins are in headers on the wire."""
    paths = {each.example: _allowed(app, each.path) for each in list_routes(app)}
    rows = [(path, origin) for path in paths for origin in origins()]
    assert len(rows) > 90
    requests = [
        one
        for path, origin in rows
        for one in (request("GET", f"{path}", origin), preflight(f"{path}", "PUT", origin=origin))
    ]
    responses = send(app, *requests)
    granted = [response.cors.get("access-control-allow-origin") for response in responses]
    wrong = [
        (one, origin, origins()[origin])
        for (one, origin), pair in zip(rows, zip(granted[::2], granted[1::2], strict=True), strict=True)
        if set(pair) - {None} - paths[one]
    ]
    assert not wrong
    assert set(granted) - {None}, "nothing was granted to anybody: this shows nothing"


@pytest.mark.filterwarnings("ignore::corsbp.CorsPolicyWarning")
def test_only_declared_origins_are_granted_in_a_browser(app: Sanic) -> None:
    """A page is granted only if a policy names its origin, or is public."""
    assert attack(app, TRUSTED) == []


def _allowed(app: Sanic, path: str) -> set[str]:
    rows = ALLOWED[app.name]
    return next((found for start, found in rows.items() if path.startswith(start)), set())
