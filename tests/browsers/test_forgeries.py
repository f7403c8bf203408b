"""Forged requests of real browsers (`check_requests`): which of them reach a handler.

`corsbp.testing` has to send the same requests, and get the same of the app.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from corsbp.testing.engines import EngineName

from .bench import Bench
from .differences import FORGERY_EXCEPTIONS
from .forgeries import CROSS_ORIGIN, FORGERIES, HANDLER, METHOD, Forgery
from .forgery_runs import (
    Entry,
    ForgeryServer,
    leave,
    run,
    run_in_browser,
    run_in_model,
    run_in_own_page,
    serving,
)
from .mixed_port import MixedPort
from .page import Pages

Outcomes = Mapping[str, list[Entry]]


@pytest.fixture(scope="package")
def forgery_server(pages: Pages, mixed_port: MixedPort, folder: Path) -> Iterator[ForgeryServer]:
    with serving(pages, mixed_port, folder / "forgeries") as server:
        yield server


@pytest.fixture(scope="module")
def real(bench: Bench, forgery_server: ForgeryServer) -> Iterator[Outcomes]:
    yield run_in_browser(bench.browser, forgery_server, FORGERIES)
    leave(bench.browser, forgery_server)


@pytest.fixture(scope="module")
def modelled(bench: Bench, forgery_server: ForgeryServer) -> Outcomes:
    return asyncio.run(run_in_model(cast(EngineName, bench.browser.name), forgery_server, FORGERIES))


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_which_requests_reach_a_handler(
    bench: Bench, real: Outcomes, modelled: Outcomes, forgery: Forgery
) -> None:
    """The model sends the same headers, so that the app does the same; or the difference has a name."""
    engine = bench.browser.name
    entries = real[forgery.name]
    assert [each["line"].rpartition(" ")[2] for each in entries] == [forgery.outcome_in(engine)]
    is_same = list(map(without_body, modelled[forgery.name])) == list(map(without_body, entries))
    reason = FORGERY_EXCEPTIONS.get((forgery.name, engine))
    assert is_same or reason, f"model: {modelled[forgery.name]}\nreal: {entries}"
    assert not (is_same and reason), f"no exception any longer: {reason}"


def without_body(entry: Entry) -> Entry:
    """Leave out the size of the body: the boundary of a form has another length in each browser."""
    return {name: value for name, value in entry.items() if name != "body"}


# --- what no model knows ---

SUBMIT = """
  const answer = settled(window, "message", "messageerror");
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: "%s", target: "%s" });
  document.body.append(form);
  form.submit();
  form.remove();
  return answer;
"""


def lines_of(server: ForgeryServer, case: str, at_least: int) -> list[str]:
    return [entry["line"] for entry in server.entries(case, at_least)]


def test_a_refused_form_is_reloaded(bench: Bench, real: Outcomes, forgery_server: ForgeryServer) -> None:
    """The script of the error page calls `location.reload()`.

    Chromium sends the form again as a request of this page, which is the server's own; WebKit sends a GET.
    """
    engine, path = bench.browser.name, "/cookies/reload"
    case = f"{engine}-reload"
    run(bench.browser, "stranger", SUBMIT % (f"{forgery_server.origins['own']}{path}?case={case}", "reload"))
    again = {"chromium": f"POST {path} {HANDLER}", "firefox": f"POST {path} {CROSS_ORIGIN}"}
    assert lines_of(forgery_server, case, 2) == [
        f"POST {path} {CROSS_ORIGIN}",
        again.get(engine, f"GET {path} {HANDLER}"),
    ]


REGISTER = """
  const { installing, waiting, active } = await navigator.serviceWorker.register("/worker/worker.js");
  const worker = installing ?? waiting ?? active;
  while (worker.state !== "activated") {
    await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
  }
  return worker.state;
"""


def test_a_service_worker_sends_a_form_again(
    bench: Bench, real: Outcomes, forgery_server: ForgeryServer
) -> None:
    """The worker of the own site calls `fetch(event.request)`.

    For Firefox and WebKit, this is a request of the own site, which reaches the handler. Chromium still sends
    the headers of the form.
    """
    engine = bench.browser.name
    assert run_in_own_page(bench.browser, forgery_server, REGISTER) == "activated"
    url = f"{forgery_server.origins['own']}/worker/item?case={engine}-worker"
    run(bench.browser, "stranger", SUBMIT % (url, "worker"))
    outcome = CROSS_ORIGIN if engine == "chromium" else HANDLER
    (entry,) = forgery_server.entries(f"{engine}-worker")
    assert entry["line"] == f"POST /worker/item {outcome}"
    assert entry["sec-fetch-dest"] == "empty"  # the worker has sent it


FRAMES = """
  const loaded = ["form", "link"].map((name) => {
    const frame = Object.assign(document.createElement("iframe"), { name });
    if (name === "link") frame.src = "%s/all/item?case=%s-link";
    document.body.append(frame);
    return settled(frame, "load", "error");
  });
  const form = document.createElement("form");
  Object.assign(form, { method: "post", target: "form", action: "%s/cookies/item?case=%s-form" });
  document.body.append(form);
  form.submit();
  await Promise.all(loaded);
  document.querySelectorAll("iframe, form").forEach((each) => each.remove());
"""


def test_frames(bench: Bench, real: Outcomes, forgery_server: ForgeryServer) -> None:
    """In a frame, a navigation is no link that a user has followed."""
    own, case = forgery_server.origins["own"], f"{bench.browser.name}-frame"
    run(bench.browser, "stranger", FRAMES % (own, case, own, case))
    assert lines_of(forgery_server, f"{case}-form", 1) == [f"POST /cookies/item {CROSS_ORIGIN}"]
    assert lines_of(forgery_server, f"{case}-link", 1) == [f"GET /all/item {CROSS_ORIGIN}"]


UPLOAD = """
  const body = new Blob([new Uint8Array(2e7)]);
  const sending = fetch("%s", { method: "POST", mode: "%s", credentials: "include", body });
  return sending.then(({ type, status }) => `${type} ${status}`, (error) => error.name);
"""
UPLOADS = {
    "foreign, no-cors": ("stranger", "no-cors", "cookies", CROSS_ORIGIN, "opaque 0"),
    "allowed, another method": ("app", "cors", "reads", METHOD, "cors 403"),
    "allowed": ("app", "cors", "cookies", HANDLER, "cors 200"),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_a_refused_upload(bench: Bench, real: Outcomes, forgery_server: ForgeryServer, name: str) -> None:
    """20 MB over HTTP/1.1. The body is not kept; Sanic reads it to its end, to use the connection again."""
    page, mode, section, outcome, expected = UPLOADS[name]
    case = f"{bench.browser.name}-{mode}-{section}-{page}"
    url = f"{forgery_server.origins['own']}/{section}/item?case={case}"
    assert run(bench.browser, page, UPLOAD % (url, mode)) == expected
    (entry,) = forgery_server.entries(case)
    assert entry["line"] == f"POST /{section}/item {outcome}"
    assert entry["body"] == (20_000_000 if outcome == HANDLER else 0)


@pytest.mark.parametrize("name", [name for name, row in UPLOADS.items() if row[3] != HANDLER])
def test_a_refused_upload_beyond_the_limit(
    bench: Bench, real: Outcomes, forgery_server: ForgeryServer, name: str
) -> None:
    """A body beyond REQUEST_MAX_SIZE is not read: Sanic closes the connection.

    A page that still sends then may not see the response. It sees an error at once.
    """
    page, mode, section, outcome, expected = UPLOADS[name]
    case = f"{bench.browser.name}-strict-{mode}-{section}-{page}"
    url = f"{forgery_server.origins['strict']}/{section}/item?case={case}"
    assert run(bench.browser, page, UPLOAD % (url, mode)) in (expected, "TypeError")
    (entry,) = forgery_server.entries(case)
    assert (entry["line"], entry["body"]) == (f"POST /{section}/item {outcome}", 0)
    (closed,) = forgery_server.entries(f"{case} closed")
    assert closed["received"] < 2_000_000
