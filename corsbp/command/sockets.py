"""Who may open a WebSocket of an app: a handshake as the page's browser sends it, and one as a stranger's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text
from sanic import Sanic

from corsbp.fetch import ORIGIN
from corsbp.policy import named
from corsbp.surface import Served

from .asking import STRANGER
from .handshake import OPENED, handshake


@dataclass(frozen=True, slots=True)
class Opened:
    """How a page's handshake went, and how a stranger's would have gone."""

    url: str
    origin: str
    headers: Sequence[tuple[str, str]]
    status: int | None
    strangers: int | None

    @property
    def ok_for_page(self) -> bool:
        """Whether the page may open the socket."""
        return self.status == OPENED

    @property
    def sent(self) -> tuple[()]:
        """There is no fetch."""
        return ()

    @property
    def blocked_by(self) -> str | None:
        """As of a fetch."""
        return None if self.ok_for_page else "no-answer" if self.status is None else "handshake"

    def show(self, out: Console) -> None:
        """The handshake, and who may open the socket."""
        out.print(Text(f"> WebSocket {self.url}", style="bold"))
        for name, value in [(ORIGIN, self.origin), *self.headers]:
            out.print(Text(f">   {name}: {value}"))
        out.print(Text(f"< {self.status or 'no answer'}", style="bold"))
        if not self.ok_for_page:
            out.print(Text("Blocked: the handshake was refused.", style="bold red"))
            return
        out.print(Text("The page can open it.", style="bold green"))
        if self.strangers == OPENED:
            out.print(
                Text("So can every page of every site: no CORS applies to a WebSocket.", style="bold red")
            )

    def change(self, route: Served) -> str | None:
        """What lets this page in, or keeps strangers out; None where nothing is to change."""
        policy = route.policy
        if not self.ok_for_page:
            if policy is None or self.status is None:
                return "Corsbp refuses nothing here: look for what the app itself, or a middleware, checks."
            return f"{route.whose}: allow_origins={[*named(policy), self.origin]!r}"
        if self.strangers != OPENED or (policy and policy.check_websockets and policy.allow_origins == "*"):
            return None
        if policy is not None:
            return f"{route.whose}: check_websockets=True"
        around = route.blueprint or "bp"
        wrapped = f"app.blueprint(cors_group({around}, allow_origins=[{self.origin!r}]))"
        where = "" if route.blueprint else "Declare it on a blueprint, and "
        return (
            f"{where}{wrapped} refuses every other page, and lets in who sends no Origin: what is no browser."
        )


async def opened(
    app: Sanic[Any, Any], url: str, origin: str, headers: Sequence[tuple[str, str]] = ()
) -> Opened:
    """A page's handshake with an app that was started in memory, and then a stranger's."""
    address = "ws" + url.removeprefix("http")
    status = await handshake(app, url, origin, headers)
    strangers = await handshake(app, url, STRANGER, headers) if status == OPENED else status
    return Opened(address, origin, headers, status, strangers)
