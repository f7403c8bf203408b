"""Three browser engines without a driver: each opens a page, which fetches scripts and runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .page import Pages, Tab
from .processes import installed, running


@dataclass(frozen=True)
class Engine:
    """How to find a browser and how to start it with an empty profile, ready to open tabs by itself."""

    name: str
    package: str
    program: str
    arguments: Callable[[Path], list[str]]
    display: bool = False


@dataclass
class Browser:
    """A running browser with one tab for each of the page's origins."""

    name: str
    version: str
    tabs: Mapping[str, Tab]
    alive: Callable[[], bool]
    output: Path
    profile: Path

    def run(self, origin: str, script: str, **job: object) -> object:
        """Run a script in the tab of an origin, and return its result."""
        return self.tabs[origin].run({**job, "script": script}, self.alive)


# Each allows third-party cookies. Some do not by default, and then SameSite has no effect.


def chromium(profile: Path) -> list[str]:
    (profile / "Default").mkdir()
    settings = {"profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}}
    (profile / "Default" / "Preferences").write_text(json.dumps(settings))
    return [
        f"--user-data-dir={profile}",
        "--headless=new",
        "--no-sandbox",  # containers seldom have what its sandbox needs, and all its pages come from here
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-quic",
        "--disable-sync",
        "--disable-breakpad",
        "--disable-popup-blocking",
        "--ignore-certificate-errors",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--enable-logging=stderr",  # with what pages' consoles say
    ]


def firefox(profile: Path) -> list[str]:
    preferences = {
        "dom.disable_open_during_load": False,
        "browser.shell.checkDefaultBrowser": False,
        "browser.aboutwelcome.enabled": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "app.update.disabledForTesting": True,
        "dom.confirm_repost.testing.always_accept": True,
        "network.cookie.cookieBehavior": 0,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
    }
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()]
    (profile / "user.js").write_text("".join(lines))
    return ["--headless", "--no-remote", "--profile", os.fspath(profile)]


def webkit(_: Path) -> list[str]:
    return [
        "--javascript-can-open-windows-automatically=true",
        "--cookies-policy=always",
        "--enable-write-console-messages-to-stdout=true",
        "--ignore-tls-errors",
    ]


ENGINES = [
    Engine("chromium", "chromium", "chromium", chromium),
    Engine("firefox", "firefox-esr", "firefox-esr", firefox),
    Engine("webkit", "webkit2gtk-driver", "/usr/lib/*/webkit2gtk-4.*/MiniBrowser", webkit, display=True),
]


@contextmanager
def browser(engine: Engine, pages: Pages, folder: Path) -> Iterator[Browser]:
    """Start `engine` with a fresh profile below `folder`, and open one tab for each origin of `pages`."""
    program = installed(engine.program, engine.package)
    folder = Path(tempfile.mkdtemp(prefix=f"{engine.name}-", dir=folder))  # it may be started again
    home, profile, run, tmp = folders = [folder / name for name in ("home", "profile", "run", "tmp")]
    for each in folders:
        each.mkdir(mode=0o700)
    # What programs need to be found, and nothing of the user's own: no session bus, no proxy.
    env = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    env |= {
        "LANG": "C.UTF-8",
        "HOME": os.fspath(home),
        "TMPDIR": os.fspath(tmp),
        "XDG_RUNTIME_DIR": os.fspath(run),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={run}/none",
        "NO_AT_BRIDGE": "1",
    }
    tabs = pages.tabs_of(engine.name)
    with ExitStack() as stack:
        if engine.display:
            env["DISPLAY"] = stack.enter_context(display(folder))
        version = subprocess.run(
            [program, "--version"], env=env, check=True, capture_output=True, text=True, timeout=60
        )
        command = [program, *engine.arguments(profile), tabs["app"].url]
        # only Firefox reads it
        (profile / "cert_override.txt").write_text(pages.certificate_exceptions)
        process = stack.enter_context(running(command, folder / "output", env=env))
        process.until(tabs["app"].open.is_set, "opening the page")

        name = version.stdout.strip().partition(" built on ")[0]
        started = Browser(engine.name, name, tabs, process.alive, process.output, profile)
        for origin, tab in tabs.items():
            if origin != "app":
                started.run("app", f"open({json.dumps(tab.url)}, '_blank', 'noopener')")
                process.until(tab.open.is_set, f"opening a tab at {tab.url}")
        yield started


@contextmanager
def display(folder: Path) -> Iterator[str]:
    """Start a screen in memory with the first free number, and yield its name."""
    command = [installed("Xvfb", "xvfb"), "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "800x600x24"]
    with running(command, folder / "display") as xvfb:
        number = xvfb.until(lambda: re.search(r"^(\d+)\n", xvfb.read_output(), re.M), "showing a display")
        yield f":{number[1]}"
