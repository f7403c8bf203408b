"""The page of `corsbp try`: a link with its token runs a call, and the page reports what it shows."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from .bench import ROOT, Bench
from .processes import running

direct = build_opener(ProxyHandler({})).open


class TryServer:
    """A running `corsbp try`, whose page can be opened in a browser."""

    def __init__(self, output: str) -> None:
        self.app, self.own = re.findall(r"http://\S+", output)[:2]
        self.token = re.findall(r'name="token" content="([^"]+)"', direct(self.own).read().decode())[0]
        about = self.read_json("/app")
        self.origins = {each["word"]: each["origin"] for each in about["origins"]}
        self.origins |= {f"{each}": f"{each}" for each in about["named"]}

    def read_json(self, path: str) -> dict[str, list[dict[str, str]]]:
        answer: dict[str, list[dict[str, str]]] = json.load(
            direct(Request(f"{self.own}{path}", headers={"x-token": self.token}))
        )
        return answer

    def run_call(self, bench: Bench, call: str, origin: str = "this page, allowed", **more: str) -> str:
        """Run a call, and return the text of the page."""
        before = len(self.read_json("/shown"))
        kept = {"call": call, "origin": self.origins[origin], "token": self.token, **more}
        url = f"{self.own}/#{urlencode(kept, quote_via=quote)}"
        bench.browser.run("app", f"open({json.dumps(url)}, '_blank', 'noopener')")
        deadline = time.monotonic() + 60
        while len(shown := self.read_json("/shown")) == before:
            assert time.monotonic() < deadline and bench.browser.alive(), "the page shows nothing"
            time.sleep(0.05)
        return " ".join(f"{[*shown][-1]}".partition("Result")[2].split())


@contextmanager
def run_try(target: str, folder: Path) -> Iterator[TryServer]:
    command = [sys.executable, "-m", "corsbp", "try", target, "--allow", "--port", "0", "--page-port", "0"]
    env = {**os.environ, "PYTHONPATH": os.fspath(folder)}
    with running(command, folder / f"try-{target.partition(':')[0]}", cwd=ROOT, env=env) as program:
        program.until(lambda: "Ctrl-C" in program.read_output(), "serving")
        yield TryServer(program.read_output())


@pytest.fixture(scope="module")
def try_server(folder: Path) -> Iterator[TryServer]:
    with run_try("examples.versions:app", folder) as server:
        yield server


CHECKED = """
from sanic import Blueprint, Sanic, text
from corsbp import cors_group

api = Blueprint("api", url_prefix="/api")

@api.route("/item", methods=["POST", "PUT"])
async def item(_):
    return text("item")

app = Sanic("checked")
app.blueprint(cors_group(
    api, allow_origins=["https://app.example"], allow_methods=["PUT"], check_requests="writes",
))
"""


def test_a_request_that_the_app_refuses(bench: Bench, folder: Path) -> None:
    """Readable or not, the page shows the reason, and not that the call is allowed."""
    (folder / "checked.py").write_text(CHECKED)
    with run_try("checked:app", folder) as server:
        shown = server.run_call(bench, "POST /api/item")
        assert shown.startswith(
            f"! Refused POST /api/item from {server.own}. The page reads status 403. The "
        )
        assert "The app refused the request. request-method: allow_methods leaves out 'POST'" in shown
        shown = server.run_call(bench, "POST /api/item", "other port")
        assert shown.startswith("✗ Refused POST /api/item") and "request-cross-origin: allow_origins" in shown


def test_an_allowed_route(bench: Bench, try_server: TryServer) -> None:
    shown = try_server.run_call(bench, "GET /v1/shop/items/", "other name")
    call = f"GET /v1/shop/items/ from {try_server.origins['other name']}"
    assert shown.startswith(f"✓ Allowed {call}. The page reads status 200. Why ✓ ")
    assert "access-control-allow-origin: '*' allows every origin" in shown
    assert "The headers that the page can read content-length 9 content-type application/json" in shown
    assert (
        'And the body ["a","b"] Requests and responses of the app GET /v1/shop/items/ status 200 '
        "Request headers origin http" in shown
    )


@pytest.mark.parametrize("origin", ["other name", "subdomain", "other port"])
def test_a_blocked_origin(bench: Bench, try_server: TryServer, origin: str) -> None:
    """The origins of other pages are not allowed."""
    shown = try_server.run_call(bench, "GET /v2/shop/items/", origin, credentials="include")
    assert shown.startswith(
        f"✗ Blocked GET /v2/shop/items/ from {try_server.origins[origin]}. The page sees only TypeError"
    )
    missing = "✗ The response (status 200) has no access-control-allow-origin for the origin"
    assert f"{missing} {try_server.origins[origin]}" in shown
    stands = (
        "Change: None: this origin stands for one that is not allowed, and the policy names those that are."
    )
    assert stands in shown and shown.index("Change") < shown.index("Why")
    assert "By the Fetch standard the outcome would be another" not in shown


def test_preflight(bench: Bench, try_server: TryServer) -> None:
    more = {"credentials": "include", "headers": "x-token: 1", "body": "<b>text</b>"}
    shown = try_server.run_call(bench, "PUT /v2/shop/items/a", **more)
    assert shown.startswith(
        f"✓ Allowed PUT /v2/shop/items/a from {try_server.own}. The page reads status 200."
    )
    assert (
        'And the body {"stored":"a"} Requests and responses of the app OPTIONS /v2/shop/items/a '
        "preflight, status 204" in shown
    )
    assert "access-control-request-method PUT" in shown and "access-control-request-headers x-token" in shown
    assert "PUT /v2/shop/items/a status 200" in shown
    shown = try_server.run_call(bench, "PUT /v2/shop/items/a", "other port", **more)
    assert shown.startswith("✗ Blocked") and "preflight, status 204" in shown
    assert "PUT /v2/shop/items/a status 200" not in shown


def test_a_route_without_cors(bench: Bench, try_server: TryServer) -> None:
    shown = try_server.run_call(bench, "GET /shop/health/")
    assert shown.startswith(
        f"✗ Blocked GET /shop/health/ from {try_server.own}. The page sees only TypeError"
    )
    assert "(/shop/health) at examples/versions.py:" in shown
    assert "is in no section; it is declared on the blueprint health." in shown
    assert "Change: app.blueprint(cors_group(health, allow_origins=['https://app.example']))" in shown
    assert f"{try_server.own}']" not in shown
    assert "Request headers origin" in shown and "Response headers: none of CORS" in shown
    assert "corsbp why origin-missing" in shown and "Messages in the console Chromium: No 'Access" in shown


def test_a_page_that_a_policy_names(bench: Bench, try_server: TryServer) -> None:
    """No page of this machine has this origin: the simulated browser calls the app."""
    more = {"credentials": "include", "headers": "x-token: 1", "body": "text"}
    shown = try_server.run_call(bench, "PUT /v2/shop/items/a", "https://app.example", **more)
    assert shown.startswith(
        "✓ Allowed simulated PUT /v2/shop/items/a from https://app.example. The page reads"
    )
    assert 'And the body {"stored":"a"} Requests and responses of the app OPTIONS' in shown
    assert "origin https://app.example" in shown


def test_a_cookie(bench: Bench, try_server: TryServer) -> None:
    """The browser has it only during the call, and sends it by the usual rules."""
    sent = "cookie (sent, not shown here)"
    more = {"credentials": "include"}
    shown = try_server.run_call(bench, "GET /v2/shop/items/", cookie="session=ann", **more)
    assert shown.startswith("✓ Allowed") and sent in shown
    assert sent not in try_server.run_call(bench, "GET /v2/shop/items/", **more)
    shown = try_server.run_call(bench, "GET /v1/shop/items/", cookie="session=ann", credentials="omit")
    assert shown.startswith("✓ Allowed") and sent not in shown


def test_a_call_that_is_readable_and_not_well(bench: Bench, try_server: TryServer) -> None:
    """The status of an error, and a cookie that is not sent: the verdict is not green."""
    shown = try_server.run_call(bench, "GET /v1/shop/items/nothing/here")
    assert shown.startswith("! Allowed GET /v1/shop/items/nothing/here") and "reads status 404" in shown
    more = {"credentials": "include", "cookie": "session=ann"}
    shown = try_server.run_call(bench, "GET /v2/shop/items/", "https://app.example", **more)
    assert shown.startswith("! Allowed simulated") and "Change: Set it with SameSite=None" in shown


def test_a_sandboxed_frame(bench: Bench, try_server: TryServer) -> None:
    assert try_server.run_call(bench, "GET /v1/shop/items/", "sandboxed frame").startswith("✓ Allowed")
    shown = try_server.run_call(bench, "GET /v2/shop/items/", "sandboxed frame")
    assert shown.startswith("✗ Blocked GET /v2/shop/items/ from null.") and "origin null" in shown


def test_a_link_without_the_token_runs_nothing(bench: Bench, try_server: TryServer) -> None:
    """Any page could open such a link. The control: the next call runs."""
    before = len(try_server.read_json("/shown"))
    url = f"{try_server.own}/#call=GET%20/v1/shop/items/&token=guess"
    bench.browser.run("app", f"open({json.dumps(url)}, '_blank', 'noopener')")
    try_server.run_call(bench, "GET /shop/health/")
    assert len(try_server.read_json("/shown")) == before + 1


INTRUDER = """
const answer = (url, options) => fetch(url, options).then(() => "read", (error) => error.name);
const framed = (url) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  addEventListener("message", (event) => event.source === frame.contentWindow && resolve(event.data));
  frame.onload = () => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve("obeyed");
    frame.contentWindow.postMessage({ url: `${own}/`, options: {} }, "*", [port2]);
    setTimeout(resolve, 1500, "silent");
  };
  frame.src = url;
  document.body.append(frame);
});
const headers = { "x-token": token };
return Promise.all([
  answer(`${own}/`),
  answer(`${own}/app`, { headers }),
  answer(`${own}/end`, { method: "POST", headers, body: "{}" }),
  framed(`${own}/`),
  framed(`${own}/frame`),
  framed(`${own.replace("127.0.0.1", "localhost")}/frame`),
]);
"""


def test_other_pages_reach_nothing(bench: Bench, try_server: TryServer) -> None:
    """They reach nothing even with the token, which they cannot know."""
    known = f"const own = {json.dumps(try_server.own)}, token = {json.dumps(try_server.token)};"
    seen = bench.browser.run("app", known + INTRUDER, name="intruder", api="", sockets="")
    assert seen == ["TypeError"] * 3 + ["silent"] * 3
