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
from corsbp.command.loading import collect_errors, load_app
from corsbp.policy.policy import CorsPolicy, origin_set
from corsbp.policy.problems import CorsPolicyWarning

from .page import HOST, Page, make_origin
from .watching import Watch
from .web import make_web_app

EXAMPLES: Final = """\
examples:
  corsbp try shop:app                        # then open http://127.0.0.1:8001
  corsbp try shop:app --allow                # and allow that page, to see the difference
  corsbp try shop:app --page-port 3000       # if the policy names http://localhost:3000
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `corsbp try`."""
    parser.description = (
        "Serve an app, and on other ports, which are other origins, a page that calls its routes with fetch. "
        "The page shows what your own browser allows and blocks, and why. Both listen on this machine only."
    )
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", metavar="MODULE:APP", help="the app, or a function that makes it")
    parser.add_argument(
        "--port",
        type=parse_port,
        default=8000,
        metavar="N",
        help="of the app, 0 for a free one (default: 8000)",
    )
    parser.add_argument(
        "--page-port",
        type=parse_port,
        default=8001,
        metavar="N",
        help="of the page, 0 for a free one (default: 8001); the next port is used, too, for one more origin",
    )
    parser.add_argument(
        "--allow",
        action="store_true",
        help="add the page's own origin to the policy of every section, while the command runs",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the default browser")
    parser.set_defaults(run=run)


def parse_port(text: str) -> int:
    """Return a port that has a next one. Raises ValueError, which argparse turns into a message."""
    number = int(text)
    if not 0 <= number < 65535:
        raise ValueError
    return number


parse_port.__name__ = "port"  # argparse prints it: "invalid port value"


def run(arguments: argparse.Namespace, out: Console, err: Console) -> int:
    """Serve the app and the page until Ctrl-C."""
    app = load_app(arguments.target)
    page_port = arguments.page_port
    # Two ports are two origins, whatever names the machine knows.
    next_port = page_port + 1 if page_port else 0
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(open_socket(port, option))
            for port, option in (
                (arguments.port, "--port"),
                (page_port, "--page-port"),
                (next_port, "--page-port"),
            )
        ]
        with suppress(KeyboardInterrupt):  # On Windows, an event loop has no signal handlers.
            asyncio.run(serve_both(app, sockets, arguments, out))
    return 0


def open_socket(port: int, option: str) -> socket.socket:
    """Open a socket that only this machine can reach."""
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        hint = f"{option} 0 takes a free one"
        raise CommandError(f"port {port} of {HOST}: {error.strerror or error}; {hint}") from error


async def serve_both(
    app: Sanic[Any, Any], sockets: list[socket.socket], arguments: argparse.Namespace, out: Console
) -> None:
    """Serve the app and the page until a signal comes."""
    watch = Watch()
    async with AsyncExitStack() as stack:
        watch.attach(app)
        await stack.enter_async_context(serve(app, sockets[:1], arguments.target))
        if arguments.allow:
            allow_origin(app, make_origin(HOST, sockets[1].getsockname()[1]))
        page = Page.for_app(app, sockets, arguments, watch)
        await stack.enter_async_context(serve(make_web_app(page), sockets[1:], "the page"))
        out.print(f"The app:  {page.app} ({arguments.target})", markup=False)
        out.print(f"The page: {page.own_origin}", markup=False)
        out.print(f"Both listen on {HOST}, for this machine only. Ctrl-C stops them.", markup=False)
        if arguments.open:
            webbrowser.open(page.own_origin)
        await wait_for_signal()


async def wait_for_signal() -> None:
    """Wait for Ctrl-C or SIGTERM; a second one ends the process at once, if the app does not stop."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    with suppress(NotImplementedError):
        for number in signals:
            loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for number in signals:
        loop.remove_signal_handler(number)


@asynccontextmanager
async def serve(app: Sanic[Any, Any], sockets: list[socket.socket], name: str) -> AsyncIterator[None]:
    """Serve an app with Sanic's own server, on one socket or more; its listeners run once."""
    app.config.MOTD = False
    servers: list[Any] = []
    try:
        with collect_errors():
            for sock in sockets:
                host, number = sock.getsockname()
                # The command `sanic` notes its servers, too: otherwise responses have an empty alt-svc.
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
            for connection in list(server.connections):  # Browsers keep connections open.
                connection.close()
            await server.wait_closed()
        await servers[0].after_stop()


def allow_origin(app: Sanic[Any, Any], origin: str) -> None:
    """Add an origin to the policy of every section; routes with their own policy keep it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CorsPolicyWarning)  # The user has seen them: the policy is not new.
        for section in list_sections(app):
            active = section.active_policy
            active.change(add_origin(active.policy, origin))


def add_origin(policy: CorsPolicy, origin: str) -> CorsPolicy:
    """Return a policy that allows one more origin."""
    if policy.allow_origins == "*" or origin in origin_set(policy):
        return policy
    allowed = policy.allow_origins
    entries = [allowed] if callable(allowed) else [*allowed]
    return policy.replace(allow_origins=[*entries, origin])
