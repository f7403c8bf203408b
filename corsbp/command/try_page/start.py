"""The arguments of `corsbp try`, and both servers until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import warnings
import webbrowser
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from typing import Any, Final

from rich.console import Console
from sanic import Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.http.constants import HTTP

from corsbp.app.inventory import list_sections
from corsbp.command.errors import CommandError
from corsbp.command.loading import load, quiet
from corsbp.policy.policy import CorsPolicy, origin_set
from corsbp.policy.problems import CorsPolicyWarning

from .page import HERE, Page, origin_of
from .watching import Watch
from .web import web

EXAMPLES: Final = """\
examples:
  corsbp try shop:app                        # then open http://127.0.0.1:8001
  corsbp try shop:app --allow                # and let that page in, to see the difference
  corsbp try shop:app --page-port 3000       # if the policy names http://localhost:3000
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Declare `corsbp try`."""
    parser.description = (
        "Serve an app, and on other ports, and so of other origins, a page that calls its routes "
        "with fetch: what your own browser allows and blocks, and why. Both listen on this machine only."
    )
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", metavar="MODULE:APP", help="the app, or a function that makes it")
    parser.add_argument(
        "--port", type=port, default=8000, metavar="N", help="of the app, 0 for a free one (default: 8000)"
    )
    parser.add_argument(
        "--page-port",
        type=port,
        default=8001,
        metavar="N",
        help="of the page, 0 for a free one (default: 8001); the port after it gives one more origin",
    )
    parser.add_argument(
        "--allow",
        action="store_true",
        help="add the page's own origin to every section's policy: without it, the app knows nothing of it",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the default browser")
    parser.set_defaults(run=run)


def port(text: str) -> int:
    """A port, for argparse."""
    number = int(text)
    if not 0 <= number < 65535:  # the one after it is needed, too
        raise ValueError
    return number


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Serve the app and the page until Ctrl-C."""
    app = load(arguments.target)
    with ExitStack() as stack:
        ours, page = arguments.port, arguments.page_port
        sockets = [
            stack.enter_context(listening(number, option))
            for number, option in (
                (ours, "--port"),
                (page, "--page-port"),
                (page and page + 1, "--page-port"),
            )
        ]
        with suppress(KeyboardInterrupt):  # where signals have no handlers: on Windows
            asyncio.run(attempt(app, sockets, arguments, out))
    return 0


def listening(port: int, option: str) -> socket.socket:
    """A socket on a port of this machine that nobody else can reach."""
    try:
        return socket.create_server((HERE, port))
    except OSError as error:
        free = f"{option} 0 takes a free one"
        raise CommandError(f"port {port} of {HERE}: {error.strerror or error}; {free}") from error


async def attempt(
    app: Sanic[Any, Any], sockets: list[socket.socket], arguments: argparse.Namespace, out: Console
) -> None:
    """Serve both until a signal comes."""
    watch = Watch()
    async with AsyncExitStack() as stack:
        watch.over(app)
        await stack.enter_async_context(serving(app, sockets[:1], arguments.target))
        if arguments.allow:
            allow(app, origin_of(HERE, sockets[1].getsockname()[1]))
        page = Page.of(app, sockets, arguments, watch)
        await stack.enter_async_context(serving(web(page), sockets[1:], "the page"))
        out.print(f"The app:  {page.app} ({arguments.target})", markup=False)
        out.print(f"The page: {page.own}", markup=False)
        out.print(f"Both listen on {HERE}, for this machine only. Ctrl-C ends them.", markup=False)
        if arguments.open:
            webbrowser.open(page.own)
        await ended()


async def ended() -> None:
    """Wait for Ctrl-C or SIGTERM. From then on they do what they always do, should the app refuse to stop."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    with suppress(NotImplementedError):
        for number in signals:
            loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for number in signals:
        loop.remove_signal_handler(number)


@asynccontextmanager
async def serving(app: Sanic[Any, Any], sockets: list[socket.socket], name: str) -> AsyncIterator[None]:
    """Serve an app with Sanic's own server, on one socket or more; it is started once."""
    app.config.MOTD = False
    servers: list[Any] = []
    try:
        with quiet():
            for sock in sockets:
                host, number = sock.getsockname()
                # what `sanic` notes of its own servers: without it, answers get an empty alt-svc
                settings = {"host": host, "port": number, "version": HTTP.VERSION_1, "sock": sock}
                app.state.server_info.append(ApplicationServerInfo(settings))
                server: Any = await app.create_server(sock=sock, return_asyncio_server=True, access_log=False)
                if not servers:
                    await server.startup()
                    await server.before_start()
                await server.start_serving()
                servers.append(server)
            await servers[0].after_start()
    except Exception as error:
        raise CommandError(f"{name} did not start: {type(error).__name__}: {error}") from error
    try:
        yield
    finally:
        await servers[0].before_stop()
        for server in servers:
            server.close()
            for connection in list(server.connections):  # browsers keep theirs open
                connection.close()
            await server.wait_closed()
        await servers[0].after_stop()


def allow(app: Sanic[Any, Any], origin: str) -> None:
    """Add an origin to the policy of every section; routes with a policy of their own keep it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorsPolicyWarning)  # they were given when the policy was made
        for section in list_sections(app):
            follow = section.active_policy
            follow.change(with_origin(follow.policy, origin), follow.report_only)


def with_origin(policy: CorsPolicy, origin: str) -> CorsPolicy:
    """A policy that allows one more origin."""
    if policy.allow_origins == "*" or origin in origin_set(policy):
        return policy
    allowed = policy.allow_origins
    return policy.replace(allow_origins=[*([allowed] if callable(allowed) else allowed), origin])
