"""The transport of a browser's requests: to an app in memory, or to a server."""

from __future__ import annotations

import asyncio
import warnings
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol, cast

import httpx
from sanic import Sanic
from sanic.asgi import Lifespan
from sanic.helpers import Default

from corsbp.spec.hosts import is_loopback

from .arguments import check_number
from .asgi import call_app
from .result import Answer, NoAnswer, Sent
from .urls import parse_url

HEAD_TIMEOUT = 30.0
"""Seconds until a server must have sent the headers of its response."""

DEFAULT_READING = 5.0
"""Seconds to read a body after its headers."""

SHORT_READING = 0.05
"""Seconds to read a body if only the headers matter."""

MAX_BODY = 1 << 26
"""Bytes of a body that are read: 64 MiB."""


class Sender(Protocol):
    """Sends a request and waits for the response. A context manager, which has to be entered before."""

    async def send(self, sent: Sent) -> Answer | NoAnswer: ...
    async def __aenter__(self) -> Sender: ...
    async def __aexit__(self, *error: Any) -> None: ...


class _HttpxSender(ABC):
    """A sender whose responses are httpx responses."""

    def __init__(self, reading: float) -> None:
        check_number("reading", reading)
        self._reading = reading
        self._stack = AsyncExitStack()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        """Send a request. Every error becomes a `NoAnswer` with its reason."""
        try:
            response = await self._request(sent)
            body, complete = await _read_body(response, self._reading)
        # a network error, a response that is not HTTP, or whatever the app raises
        except Exception as error:
            return NoAnswer(f"{type(error).__name__}: {error}".rstrip(": "))
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1").strip(" \t"))
            for name, value in response.extensions.get("lines", response.headers.raw)
        )
        return Answer(response.status_code, headers, b"" if sent.method == "HEAD" else body, complete)

    @abstractmethod
    async def _request(self, sent: Sent) -> httpx.Response:
        """Send a request, and return the response with an unread body."""


async def _read_body(response: httpx.Response, seconds: float) -> tuple[bytes, bool]:
    """Return the body that arrives within some seconds, and whether it is complete."""
    body = bytearray()

    async def read() -> bool:
        async for chunk in response.aiter_bytes():
            body.extend(chunk)
            if len(body) > MAX_BODY:
                return False
        return True

    try:
        complete = await asyncio.wait_for(read(), seconds)
    except asyncio.TimeoutError:
        complete = False
    finally:
        await response.aclose()
    return bytes(body), complete


class ServerSender(_HttpxSender):
    """Sends requests to the server at the URL, Sanic or not."""

    def __init__(self, reading: float = DEFAULT_READING) -> None:
        super().__init__(reading)
        # browsers use the proxy of the environment only for other machines
        self._local_client, self._network_client = (
            httpx.AsyncClient(
                timeout=HEAD_TIMEOUT, trust_env=uses_proxy, event_hooks={"response": [_hide_location]}
            )
            for uses_proxy in (False, True)
        )

    async def __aenter__(self) -> ServerSender:
        for client in (self._local_client, self._network_client):
            await self._stack.enter_async_context(client)
        return self

    async def _request(self, sent: Sent) -> httpx.Response:
        url = parse_url(sent.url)
        assert url is not None, "a browser sends only to URLs that it could parse"
        scheme = url.scheme.replace("ws", "http")
        place = url.host_and_port
        if url.host.endswith(".localhost"):
            # browsers know that these names are on this machine, most resolvers do not
            place = replace(url, host="localhost").host_and_port
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in (("host", url.host_and_port), *sent.headers)
        ]
        request = httpx.Request(
            sent.method,
            f"{scheme}://{place}",
            headers=headers,
            content=sent.body or None,
            extensions={"target": url.target.encode("ascii"), "sni_hostname": url.host},
        )
        request.method = sent.method  # httpx has converted it to upper case
        client = self._local_client if is_loopback(url.host) else self._network_client
        return await client.send(request, stream=True)


async def _hide_location(response: httpx.Response) -> None:
    """Hide the Location header: httpx parses it even if it does not follow it, and fails if it is invalid."""
    response.extensions["lines"] = response.headers.raw
    response.headers.pop("location", None)


class AppSender(_HttpxSender):
    """Sends requests to an app in memory, whatever the URL's host.

    The app is started once, and stopped at the end. Sanic's own ASGI client starts it for each request.
    """

    def __init__(self, app: Sanic[Any, Any], reading: float = DEFAULT_READING) -> None:
        if not isinstance(app, Sanic):
            is_url = isinstance(app, str) and "://" in app
            meant = f"Browser.at({app!r})" if is_url else "the app itself: from shop import app"
            raise TypeError(f"{app!r} is not a Sanic app; meant: {meant}")
        super().__init__(reading)
        self._app = app
        self._is_started = False
        self._events: asyncio.Queue[str] = asyncio.Queue()
        self._replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def __aenter__(self) -> AppSender:
        app = self._app
        state = app.asgi, app.state.is_started, app.config.TOUCHUP
        self._stack.callback(_restore, app, Sanic.test_mode, *state)
        Sanic.test_mode = app.asgi = True  # an app can be started more than once
        if isinstance(app.config.TOUCHUP, Default):
            # TouchUp changes Sanic's classes for this app, which other apps of the process would feel
            app.config.TOUCHUP = False
        _reset(app)
        # Calling the app does the same, but prints a banner, and Sanic's ASGI client replaces it for good.
        run = Lifespan(app, cast(Any, {"type": "lifespan"}), self._receive, cast(Any, self._send_reply))
        lifespan = asyncio.ensure_future(run())
        self._stack.callback(lifespan.cancel)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "You have set the USE_UVLOOP")
                await self._run_event("startup", lifespan)
        except BaseException:
            await self._stack.aclose()
            raise
        self._stack.push_async_callback(self._run_event, "shutdown", lifespan)
        self._is_started = True
        self._stack.callback(setattr, self, "_is_started", False)
        return self

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        """Send a request to the app, which has to be started."""
        if not self._is_started:
            raise RuntimeError("the app is not started: async with Browser(app) as browser")
        return await super().send(sent)

    async def _request(self, sent: Sent) -> httpx.Response:
        url = parse_url(sent.url)
        assert url is not None, "a browser sends only to URLs that it could parse"
        return await call_app(self._app, sent, url)

    async def _run_event(self, name: str, lifespan: asyncio.Future[None]) -> None:
        """Start or stop the app, and wait until it is done. Raises RuntimeError if a listener fails."""
        self._events.put_nowait(name)
        reply = asyncio.ensure_future(self._replies.get())
        await asyncio.wait((reply, lifespan), return_when=asyncio.FIRST_COMPLETED)
        if not reply.done():
            reply.cancel()
            await lifespan  # which raises what ended it
        message = reply.result()
        if message["type"].endswith(".failed"):
            raise RuntimeError(f"{self._app.name} failed at its {name}: {message.get('message')}")

    async def _receive(self) -> dict[str, str]:
        return {"type": f"lifespan.{await self._events.get()}"}

    async def _send_reply(self, message: dict[str, Any]) -> None:
        self._replies.put_nowait(message)


def _restore(app: Sanic[Any, Any], test_mode: bool, asgi: bool, started: bool, touchup: Any) -> None:
    Sanic.test_mode, app.asgi, app.state.is_started, app.config.TOUCHUP = test_mode, asgi, started, touchup
    if not started:  # otherwise an outer browser still uses it
        _reset(app)


def _reset(app: Sanic[Any, Any]) -> None:
    """Undo a start, so that routes can be added to the app, and it can be started again."""
    app.router.reset()  # type: ignore[no-untyped-call]  # Sanic's has no types
    app.signal_router.reset()  # type: ignore[no-untyped-call]  # Sanic's has no types
    forget_starts(app)


def forget_starts(app: Sanic[Any, Any]) -> None:
    """Remove what earlier starts have left in Sanic's signal router.

    At each start, Sanic adds one signal for the same event there (`SignalRouter.finalize`), and removes none.
    Each is a branch of the code that it compiles then: every start is slower than the one before, and about
    the thousandth ends in a RecursionError.
    """
    signals = app.signal_router.dynamic_routes
    for segments in [each for each in signals if each[:2] == ("sanic", "__signal__")]:
        del signals[segments]
