"""The messages that browsers print in their consoles.

Chromium and WebKit write them to their output with an option. Firefox has no option for messages about CORS:
a second Firefox gets a command over its remote protocol. A remote protocol can change what pages see, so
that this Firefox is only for messages.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from .engine import ENGINES, Browser, browser
from .page import Pages

PRINT = "Services.console.registerListener({ observe: (message) => dump(`${message}\\n`) });"
PREFERENCES = """
user_pref("browser.dom.window.dump.enabled", true);
user_pref("marionette.port", 0);
user_pref("remote.prefs.recommended", false);
"""


@dataclass(frozen=True)
class Console:
    """The messages of a browser, which can come a moment after the page has seen its request fail."""

    browser: Browser

    def lines(self) -> list[str]:
        return self.browser.output.read_text(errors="replace").splitlines()

    def about(self, name: str) -> list[str]:
        """Return the messages about the requests of a case, which have its name in their URLs."""
        lines = self.lines()
        found = [number for number, line in enumerate(lines) if re.search(rf"\?case={name}\b", line)]
        if self.browser.name == "webkit":  # the reason is in the line before the one with the address
            found = [number - 1 for number in found]
        return [lines[number] for number in found]


def eventually(done: Callable[[], object], seconds: float = 60) -> bool:
    """Wait until `done` returns something true. Returns whether it does in time."""
    deadline = time.monotonic() + seconds
    while not (result := bool(done())) and time.monotonic() < deadline:
        time.sleep(0.01)
    return result


@contextmanager
def console_of(running: Browser, pages: Pages, folder: Path) -> Iterator[Console]:
    """Yield the console of a browser, or of another browser of the same engine that prints it."""
    if running.name != "firefox":
        yield Console(running)
        return
    (engine,) = (engine for engine in ENGINES if engine.name == running.name)

    def arguments(profile: Path) -> list[str]:
        ordinary = engine.arguments(profile)
        with (profile / "user.js").open("a") as file:
            file.write(PREFERENCES)
        return [*ordinary, "--marionette", "--remote-allow-system-access"]

    name = f"{engine.name}-console"
    with browser(replace(engine, name=name, arguments=arguments), pages, folder) as started:
        port = started.profile / "MarionetteActivePort"
        assert eventually(lambda: port.exists() and port.read_text()), "Firefox does not listen"
        print_errors(int(port.read_text()))
        yield Console(started)


def print_errors(port: int) -> None:
    """Make Firefox print the messages of its console from now on."""
    commands: list[tuple[str, dict[str, object]]] = [
        ("WebDriver:NewSession", {}),
        ("Marionette:SetContext", {"value": "chrome"}),
        ("WebDriver:ExecuteScript", {"script": PRINT, "args": []}),
        ("WebDriver:DeleteSession", {}),
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        stream = connection.makefile("rwb")

        def read() -> list[object]:
            length = b""
            while (byte := stream.read(1)).isdigit():
                length += byte
            message: list[object] = json.loads(stream.read(int(length)))
            return message

        read()  # the greeting
        for number, (command, parameters) in enumerate(commands):
            message = json.dumps([0, number, command, parameters]).encode()
            stream.write(b"%d:%b" % (len(message), message))
            stream.flush()
            _, _, error, _ = read()
            assert error is None, error
