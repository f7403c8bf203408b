"""A user reloads the page of a refused form, in each browser: `python -m tests.browsers.user_reload`.

A page cannot do what the user's button does, because `location.reload()` is a navigation of its own. So each
browser is driven here, by its own protocol. It has to send the form as before, and the app refuses it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from websockets.asyncio.client import connect

from tests.support import reserve_port

from .engine import ENGINES, Engine, browser, display
from .forgeries import CROSS_ORIGIN
from .forgery_runs import Entry, ForgeryServer, serving
from .mixed_port import serving_both
from .page import Pages, served
from .processes import installed, running

SUBMIT = """
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: %s });
  document.body.append(form);
  form.submit();
"""
PATH = "/cookies/item"


@dataclass(frozen=True)
class Driver:
    """A browser with one page: a script runs there, and the user reloads it."""

    evaluate: Callable[[str], Awaitable[Any]]
    reload: Callable[[], Awaitable[Any]]


async def until(get: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until `get()` returns something true, and return that."""
    for _ in range(600):
        with contextlib.suppress(OSError):
            if result := await get():
                return result
        await asyncio.sleep(0.05)
    raise TimeoutError("the browser does not respond")


def send(method: str, url: str, body: object = None) -> Any:
    """Send a request with JSON, and return what the response has."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"content-type": "application/json"}, method=method)
    with urlopen(request, timeout=60) as response:
        return json.load(response)


@asynccontextmanager
async def open_socket(url: str) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Yield a function that sends a command over a WebSocket, and returns its result."""
    numbers = count(1)
    async with connect(url) as socket:

        async def command(method: str, **params: Any) -> Any:
            number = next(numbers)
            await socket.send(json.dumps({"id": number, "method": method, "params": params}))
            while True:
                message = json.loads(await asyncio.wait_for(socket.recv(), 60))
                if message.get("id") == number:
                    return message["result"]

        yield command


@asynccontextmanager
async def drive_chromium(port: int, url: str) -> AsyncIterator[Driver]:
    """Use the DevTools protocol. https://chromedevtools.github.io/devtools-protocol/"""

    async def find_page() -> str | None:
        pages = send("GET", f"http://127.0.0.1:{port}/json")
        return next((page["webSocketDebuggerUrl"] for page in pages if page["url"] == url), None)

    async with open_socket(await until(find_page)) as command:

        async def evaluate(script: str) -> Any:
            result = await command("Runtime.evaluate", expression=f"(() => {{{script}}})()")
            return result["result"].get("value")

        yield Driver(evaluate, lambda: command("Page.reload"))


@asynccontextmanager
async def drive_firefox(port: int, url: str) -> AsyncIterator[Driver]:
    """Use WebDriver BiDi. https://w3c.github.io/webdriver-bidi/"""
    async with open_socket(f"ws://127.0.0.1:{port}/session") as command:
        await command("session.new", capabilities={})
        contexts = (await command("browsingContext.getTree"))["contexts"]
        (page,) = (each["context"] for each in contexts if each["url"] == url)

        async def evaluate(script: str) -> Any:
            call = {"functionDeclaration": f"() => {{{script}}}", "awaitPromise": False}
            result = await command("script.callFunction", target={"context": page}, **call)
            return result["result"].get("value")

        yield Driver(evaluate, lambda: command("browsingContext.reload", context=page, wait="none"))


@asynccontextmanager
async def drive_webkit(port: int, url: str) -> AsyncIterator[Driver]:
    """Use WebDriver. https://www.w3.org/TR/webdriver2/"""
    options = {"binary": installed(WEBKIT.program, WEBKIT.package), "args": ["--automation"]}
    capabilities = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
    sessions = f"http://127.0.0.1:{port}/session"

    async def start() -> Any:
        return send("POST", sessions, {"capabilities": capabilities})["value"]

    session = f"{sessions}/{(await until(start))['sessionId']}"

    async def command(path: str, **body: Any) -> Any:
        return (await asyncio.to_thread(send, "POST", f"{session}/{path}", body))["value"]

    await command("url", url=url)
    try:
        yield Driver(
            lambda script: command("execute/sync", script=script, args=[]), lambda: command("refresh")
        )
    finally:
        send("DELETE", session)


@contextmanager
def start(engine: Engine, pages: Pages, port: int, folder: Path) -> Iterator[str]:
    """Start a browser that is driven at a port, and yield the URL of its foreign page."""
    if engine is not WEBKIT:
        driven = replace(
            engine, arguments=lambda profile: [*engine.arguments(profile), f"--remote-debugging-port={port}"]
        )
        with browser(driven, pages, folder) as started:
            yield started.tabs["stranger"].url
        return
    with display(folder) as screen:
        command = [installed("WebKitWebDriver", engine.package), f"--port={port}"]
        env = {"PATH": os.environ["PATH"], "HOME": os.fspath(folder), "DISPLAY": screen}
        with running(command, folder / "driver", env={**env, "XDG_RUNTIME_DIR": os.fspath(folder)}):
            yield pages.tabs_of(engine.name)["stranger"].url


WEBKIT = ENGINES[2]
DRIVERS = {"chromium": drive_chromium, "firefox": drive_firefox, "webkit": drive_webkit}


async def reload_refused_form(engine: Engine, server: ForgeryServer, port: int, url: str) -> list[Entry]:
    """Submit a form of a foreign page, let the user reload its response, and return what the app logs."""
    case = f"user-{engine.name}"
    action = f"{server.origins['own']}{PATH}?case={case}"
    async with DRIVERS[engine.name](port, url) as driver:
        await driver.evaluate(SUBMIT % json.dumps(action))

        async def is_shown() -> bool:
            shown = await driver.evaluate("return document.readyState + location.href;")
            return bool(shown == f"complete{action}")

        await until(is_shown)
        await driver.reload()
        return await asyncio.to_thread(server.entries, case, 2)


def main() -> int:
    failed = 0
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="corsbp-", ignore_cleanup_errors=True))
        )
        pages = stack.enter_context(served())
        mixed = stack.enter_context(serving_both(folder))
        server = stack.enter_context(serving(pages, mixed, folder / "forgeries"))
        for engine in ENGINES:
            with reserve_port() as port, start(engine, pages, port, folder) as url:
                first, *again = asyncio.run(reload_refused_form(engine, server, port, url))
            is_refused = first["line"] == f"POST {PATH} {CROSS_ORIGIN}" and again == [first]
            print(f"{engine.name}: {'refused again' if is_refused else 'FAILED'}: {again}", flush=True)
            failed += not is_refused
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
