"""Who sends a browser's requests: to an app in memory, or to a server."""

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

from .asgi import called
from .result import Answer, NoAnswer, Sent
from .urls import parse

PATIENCE = 30.0
"""Seconds that a server may take until the headers of its answer are there."""

READING = 5.0
"""Seconds that a body may take after its headers, unless a browser is told otherwise."""

GLANCE = 0.05
"""Seconds for a body that nobody looks at: whether a page may read it is known before."""

MOST_BODY = 1 << 26
"""Bytes of a body that are read: 64 MiB."""


class Sender(Protocol):
    """Sends a request and waits for the answer; to be entered before."""

    async def send(self, sent: Sent) -> Answer | NoAnswer: ...
    async def __aenter__(self) -> Sender: ...
    async def __aexit__(self, *error: Any) -> None: ...


class _Sender(ABC):
    """What both have in common: what they make of an answer of httpx."""

    def __init__(self, reading: float) -> None:
        self._reading = reading
        self._stack = AsyncExitStack()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        """Whatever goes wrong on the way is no answer, and why."""
        try:
            response = await self._answer(sent)
            body, complete = await _read(response, self._reading)
        except Exception as error:  # of the network, of what is no HTTP, or of an app that cannot be asked so
            return NoAnswer(f"{type(error).__name__}: {error}".rstrip(": "))
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1").strip(" \t"))
            for name, value in response.extensions.get("lines", response.headers.raw)
        )
        return Answer(response.status_code, headers, b"" if sent.method == "HEAD" else body, complete)

    @abstractmethod
    async def _answer(self, sent: Sent) -> httpx.Response:
        """The answer, whose body is still to be read."""


async def _read(response: httpx.Response, seconds: float) -> tuple[bytes, bool]:
    """The body, as far as it comes within some seconds, and whether that is all of it."""
    body = bytearray()

    async def read() -> bool:
        async for chunk in response.aiter_bytes():
            body.extend(chunk)
            if len(body) > MOST_BODY:
                return False
        return True

    try:
        complete = await asyncio.wait_for(read(), seconds)
    except asyncio.TimeoutError:
        complete = False
    finally:
        await response.aclose()
    return bytes(body), complete


class ServerSender(_Sender):
    """Sends to whatever listens at a URL's address."""

    def __init__(self, reading: float = READING) -> None:
        super().__init__(reading)
        # a proxy is for the network: what is on this machine, browsers ask without one
        self._here, self._network = (
            httpx.AsyncClient(timeout=PATIENCE, trust_env=env, event_hooks={"response": [_keep_redirect]})
            for env in (False, True)
        )

    async def __aenter__(self) -> ServerSender:
        for client in (self._here, self._network):
            await self._stack.enter_async_context(client)
        return self

    async def _answer(self, sent: Sent) -> httpx.Response:
        url = parse(sent.url)
        assert url is not None, "a browser sends to what it has parsed"
        scheme = url.scheme.replace("ws", "http")
        # names below localhost are on this machine for every browser, if for few resolvers
        place = replace(url, host="localhost").place if url.host.endswith(".localhost") else url.place
        request = httpx.Request(
            sent.method,
            f"{scheme}://{place}",
            headers=[
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in (("host", url.place), *sent.headers)
            ],
            content=sent.body or None,
            extensions={"target": url.target.encode("ascii"), "sni_hostname": url.host},
        )
        request.method = sent.method  # as it is spelt: httpx puts it into upper case
        client = self._here if is_loopback(url.host) else self._network
        return await client.send(request, stream=True)


class AppSender(_Sender):
    """Sends to an app in memory, whatever the URL's host: the app is started once and stopped at the end.

    Sanic's own ASGI client starts an app anew for each request.
    """

    def __init__(self, app: Sanic[Any, Any], reading: float = READING) -> None:
        super().__init__(reading)
        self._app = app
        self._asked: asyncio.Queue[str] = asyncio.Queue()
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def __aenter__(self) -> AppSender:
        app = self._app
        before = app.asgi, app.state.is_started, app.config.TOUCHUP
        self._stack.callback(_restore, app, Sanic.test_mode, *before)
        Sanic.test_mode = app.asgi = True  # an app can be started more than once
        if isinstance(app.config.TOUCHUP, Default):
            app.config.TOUCHUP = False  # which takes out of Sanic what this app can spare, and others need
        _reset(app)
        # what the app does when called, which Sanic's ASGI client replaces for good, and without a banner
        started = Lifespan(app, cast(Any, {"type": "lifespan"}), self._receive, cast(Any, self._tell))
        lifespan = asyncio.ensure_future(started())
        self._stack.callback(lifespan.cancel)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "You have set the USE_UVLOOP")
                await self._event("startup", lifespan)
        except BaseException:
            await self._stack.aclose()
            raise
        self._stack.push_async_callback(self._event, "shutdown", lifespan)
        return self

    async def _answer(self, sent: Sent) -> httpx.Response:
        url = parse(sent.url)
        assert url is not None, "a browser sends to what it has parsed"
        return await called(self._app, sent, url)

    async def _event(self, name: str, lifespan: asyncio.Future[None]) -> None:
        """Ask the app to start or stop, and wait until it has."""
        self._asked.put_nowait(name)
        answer = asyncio.ensure_future(self._told.get())
        await asyncio.wait((answer, lifespan), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await lifespan
        told = answer.result()
        if told["type"].endswith(".failed"):
            raise RuntimeError(f"{self._app.name} failed at its {name}: {told.get('message')}")

    async def _receive(self) -> dict[str, str]:
        return {"type": f"lifespan.{await self._asked.get()}"}

    async def _tell(self, message: dict[str, Any]) -> None:
        self._told.put_nowait(message)


async def _keep_redirect(response: httpx.Response) -> None:
    """Hide where a redirect leads from httpx: it fails over what is no URL, even if it is not to follow."""
    response.extensions["lines"] = response.headers.raw
    response.headers.pop("location", None)


def _restore(app: Sanic[Any, Any], test_mode: bool, asgi: bool, started: bool, touchup: Any) -> None:
    Sanic.test_mode, app.asgi, app.state.is_started, app.config.TOUCHUP = test_mode, asgi, started, touchup
    if not started:  # else it runs on, in the browser around this one
        _reset(app)


def _reset(app: Sanic[Any, Any]) -> None:
    """Back to before a start: an app can be added to, and started, once more."""
    app.router.reset()  # type: ignore[no-untyped-call]  # Sanic's has no types
    app.signal_router.reset()  # type: ignore[no-untyped-call]  # Sanic's has no types
    forget_starts(app)


def forget_starts(app: Sanic[Any, Any]) -> None:
    """Drop what starts have left behind in Sanic's router of signals, whoever started the app.

    Sanic declares one more signal there at each start (`SignalRouter.finalize`), all of the same event, and
    drops none. Each is a branch of the code that it then compiles: every start is slower than the last, and
    about the thousandth ends in a RecursionError.
    """
    signals = app.signal_router.dynamic_routes
    for segments in [each for each in signals if each[:2] == ("sanic", "__signal__")]:
        del signals[segments]
