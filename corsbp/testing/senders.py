"""Who sends a browser's requests: to an app in memory, or to a server."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Protocol, cast

import httpx
from sanic import Sanic
from sanic.asgi import Lifespan
from sanic.helpers import Default

from .result import Answer, NoAnswer, Sent

PATIENCE = 30.0
"""Seconds that a server may take."""


class Sender(Protocol):
    """Sends a request and waits for the answer; to be entered before."""

    async def send(self, sent: Sent) -> Answer | NoAnswer: ...
    async def __aenter__(self) -> Sender: ...
    async def __aexit__(self, *error: Any) -> None: ...


class _Sender:
    """What both have in common: a client of httpx that adds nothing of its own."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        client.event_hooks = {"response": [_keep_redirect]}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> _Sender:
        await self._stack.enter_async_context(self._client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        request = self.request(sent)
        try:
            response = await self._client.send(request)
        except httpx.HTTPError as error:
            return NoAnswer(f"{type(error).__name__}: {error}".rstrip(": "))
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.extensions["lines"]
        )
        return Answer(response.status_code, headers, response.content)

    def request(self, sent: Sent) -> httpx.Request:
        request = httpx.Request(
            sent.method,
            sent.url,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.headers],
            content=sent.body or None,
        )
        request.method = sent.method  # as it is spelt: httpx puts it into upper case
        return request


class ServerSender(_Sender):
    """Sends to whatever listens at a URL's address."""

    def __init__(self) -> None:
        # a proxy is for the network: what is on this machine, browsers ask without one
        here = dict.fromkeys(("all://localhost", "all://*.localhost", "all://127.0.0.1", "all://[::1]"))
        super().__init__(httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False, mounts=here))

    def request(self, sent: Sent) -> httpx.Request:
        """Names below localhost are on this machine for every browser, if for few resolvers."""
        request = super().request(sent)
        if request.url.host.endswith(".localhost"):
            request.extensions["sni_hostname"] = request.url.host
            request.url = request.url.copy_with(host="localhost")
        return request


class AppSender(_Sender):
    """Sends to an app in memory, whatever the URL's host: the app is started once and stopped at the end.

    Sanic's own ASGI client starts an app anew for each request.
    """

    def __init__(self, app: Sanic[Any, Any]) -> None:
        transport = httpx.ASGITransport(app=app)
        super().__init__(httpx.AsyncClient(transport=transport, timeout=None, follow_redirects=False))
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
        await super().__aenter__()
        return self

    async def send(self, sent: Sent) -> Answer | NoAnswer:
        try:
            return await super().send(sent)
        except AssertionError:  # how httpx says that an app has not come to the end of its answer
            return NoAnswer("the answer broke off")

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
    app.router.reset()  # type: ignore[no-untyped-call]
    app.signal_router.reset()  # type: ignore[no-untyped-call]
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
