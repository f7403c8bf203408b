"""`corsbp audit --observed`: what was asked of an app, as a table, for machines, and as a file."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from sanic import Sanic

from .console import counted, print_table
from .errors import CommandError
from .loading import aside, quiet
from .probe import NOBODY, STRANGER, UNCHECKED, Observed, observe
from .snapshot import VERSION, Change, Entry, differences

MOST_LOGGED = 5
"""Different lines of the app's log that are shown: each request can leave one."""


def asked(
    app: Sanic[Any, Any], target: str, origins: Sequence[str], leave_out: Sequence[str], err: Console
) -> list[Observed]:
    """Ask an app as pages of a stranger and of these origins. Raises CommandError where it does not start."""
    with aside(err, f"asking {target}"), quiet() as failures:
        try:
            found = asyncio.run(observe(app, list(dict.fromkeys([STRANGER, *origins])), leave_out))
        except (ValueError, RuntimeError) as error:  # an origin that is none; an app that does not start
            raise CommandError(f"{error}".replace("allow_origins: ", "--origin: ")) from error
    lines = list(dict.fromkeys(failures))
    for line in lines[:MOST_LOGGED]:
        err.print(f"logged: {line}", markup=False)
    if len(lines) > MOST_LOGGED:
        err.print(f"logged: {len(lines) - MOST_LOGGED} more lines", markup=False)
    return found


# --- on the screen ---


def show(app: Sanic[Any, Any], found: Sequence[Observed], out: Console) -> None:
    """What pages may do, a line for the methods of a path that are alike."""
    origins = list(found[0].grants) if found else []
    hosts = any(each.route.host for each in found)
    rows: dict[tuple[str, ...], list[str]] = {}
    for each in found:
        host = [each.route.host or ""] if hosts else []
        cells = (_in_words(each, each.grants[origin]) for origin in origins)
        rows.setdefault((each.route.path, *host, each.by, *cells), []).append(each.method)
    names = [
        *(["host"] if hosts else []),
        "CORS by",
        *("a stranger" if each == STRANGER else each for each in origins),
    ]
    table = [(",".join(methods), *row) for row, methods in rows.items()]
    print_table(("methods", "path", *names), table, out, dim=lambda row: NOBODY in row)
    asked_ = f"{counted(len(found), 'method')} asked"
    out.print(f"{app.name}: {asked_}; CORS: {_by(each.by for each in found)}", style="bold", markup=False)


def _by(layers: Iterable[str]) -> str:
    """How many methods have their CORS from whom."""
    counts = sorted(Counter(layers).items())
    return ", ".join(f"{n} {'with' if by == UNCHECKED else 'by'} {by}" for by, n in counts) or "none"


def _in_words(observed: Observed, grant: Entry | None) -> str:
    if grant is None:
        return "no"
    if observed.route.websocket:
        return "opens it"
    words = ["yes", "with credentials" if grant["credentials"] else ""]
    return ", ".join(filter(None, [*words, "" if grant["headers"] else "no request headers"]))


def as_data(app: Sanic[Any, Any], found: Sequence[Observed]) -> dict[str, Any]:
    """For machines."""
    routes = [
        {
            "method": each.method,
            "path": each.route.path,
            "host": each.route.host,
            "name": each.route.name,
            "by": each.by,
            "status": each.status,
            "grants": dict(each.grants),
        }
        for each in found
    ]
    return {"app": app.name, "routes": routes}


# --- as a file ---


def snapshot(found: Iterable[Observed]) -> dict[str, Any]:
    """What was observed; sorted, so that equal surfaces are equal bytes."""
    found = list(found)
    routes = {each.key: {"by": each.by, "grants": dict(each.grants)} for each in found}
    origins = sorted({origin for each in found for origin in each.grants})
    return {"version": VERSION, "observed": origins, "routes": dict(sorted(routes.items()))}


def origins_of(before: Mapping[str, Any], named: Sequence[str]) -> list[str]:
    """The origins that a snapshot knows. Raises CommandError where others are named."""
    known = before.get("observed")
    if known is None:
        raise CommandError("the file was made without --observed: compare it without, or make one with it")
    if unknown := [each for each in named if each not in known]:
        raise CommandError(
            f"the file knows nothing of --origin {unknown[0]}; it was asked for {', '.join(known)}"
        )
    return list(known)


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What each route gained and lost, origin by origin, in the newer of two snapshots."""
    found: list[Change] = []
    before, after = old["routes"], new["routes"]
    for route in sorted({*before, *after}):
        was, now = (each.get(route, {}).get("grants", {}) for each in (before, after))
        for origin in new["observed"]:
            who = "a stranger" if origin == STRANGER else origin
            old_, new_ = was.get(origin), now.get(origin)
            if old_ is None and new_ is not None:
                credentials = ", with credentials" if new_.get("credentials") else ""
                found.append(Change(route, f"gained {who}{credentials}", True))
            elif old_ is not None and new_ is None:
                found.append(
                    Change(route, f"lost {who}{'' if route in after else ': the route is gone'}", False)
                )
            elif old_ is not None and new_ is not None:
                found += (Change(route, f"{who}: {text}", wider) for text, wider in differences(old_, new_))
    return found


def movement(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """From whom the routes had their CORS, and have it now."""
    before, now = (_by(each["by"] for each in routes.values()) for routes in (old["routes"], new["routes"]))
    return f"CORS before: {before}; now: {now}"
