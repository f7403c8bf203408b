"""`corsbp audit --observed`: what the responses of an app allow, as a table, for JSON, and as a file."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from sanic import Sanic

from corsbp.command.console import count_of
from corsbp.command.errors import CommandError
from corsbp.command.loading import collect_errors, redirect_app_output
from corsbp.testing.transports import SHORT_READING, AppSender

from .header_writers import HeaderWriters
from .observed_method import NO_CHECK, NO_WRITER, UNKNOWN_ORIGIN, ObservedMethod, Target, describe_origin
from .probe import observe
from .report import Report, Table
from .snapshot import VERSION, Change, Entry, compare_entries, find_entry

NO_RESPONSE: Final = "no_response"
"""The key of an entry in a file, for a method that did not respond."""

MAX_LOGGED: Final = 5
"""Different lines of the app's log that are shown: each request can leave one."""


async def observe_app(
    app: Sanic[Any, Any], list_targets: Callable[[], Sequence[Target]], origins: Sequence[str]
) -> list[ObservedMethod]:
    """Start an app in memory, and send requests to the targets as pages of these origins.

    Args:
        list_targets: lists the targets of the started app: extensions add routes at startup.

    Raises:
        RuntimeError: the app does not start.
        ValueError: one of the origins is not an origin.
    """
    with HeaderWriters() as writers:
        async with AppSender(app, SHORT_READING) as sender:
            return [await observe(target, sender, [*origins], writers) for target in list_targets()]


def observe_in_memory(
    app: Sanic[Any, Any],
    name: str,
    list_targets: Callable[[], Sequence[Target]],
    origins: Sequence[str],
    err: Console,
) -> list[ObservedMethod]:
    """Send requests to each target, as pages of an unknown origin and of these origins.

    Raises:
        CommandError: the app does not start, or an origin is not an origin.
    """
    # An origin that no policy can name comes first: it shows which routes are open to everybody.
    pages = list(dict.fromkeys([UNKNOWN_ORIGIN, *origins]))
    with redirect_app_output(err, f"sending requests to {name}"), collect_errors() as logged:
        try:
            observed = asyncio.run(observe_app(app, list_targets, pages))
        except (ValueError, RuntimeError) as error:
            raise CommandError(f"{error}".replace("allow_origins: ", "--origin: ")) from error
    # A broken handler logs the same error for each origin and each request.
    lines = list(dict.fromkeys(logged))
    for line in lines[:MAX_LOGGED]:
        err.print(f"logged: {line}", markup=False)
    if len(lines) > MAX_LOGGED:
        err.print(f"logged: {len(lines) - MAX_LOGGED} more lines", markup=False)
    return observed


def make_report(app: Sanic[Any, Any], observed: Sequence[ObservedMethod], snapshot: dict[str, Any]) -> Report:
    """Return the report on the responses of an app."""
    count = count_of(len(observed), "method")
    writers = _count_writers(each.writer for each in observed)
    return Report(
        table=make_table(observed, "CORS by"),
        summary=f"{app.name}: {count} observed; CORS: {writers}",
        data={"routes": [to_dict(each) for each in observed]},
        snapshot=snapshot,
    )


def make_table(observed: Sequence[ObservedMethod], writer: str) -> Table:
    """Return what pages may do, as a table; methods of a path with the same cells share a row.

    Args:
        writer: the title of the column with the code, or the server, that wrote the headers.
    """
    origins = list(dict.fromkeys(origin for each in observed for origin in (*each.grants, *each.own_pages)))
    origins.sort(key=lambda origin: origin != UNKNOWN_ORIGIN)
    with_hosts = any(each.route.host for each in observed)
    columns = ["methods", "path", writer, *map(describe_origin, origins)]
    if with_hosts:
        columns.insert(2, "host")
    # Five methods of one path with the same cells would be five rows to compare by eye.
    methods_by_row: dict[tuple[str, ...], list[str]] = {}
    for each in observed:
        place = [each.route.path, each.route.host or ""] if with_hosts else [each.route.path]
        cells = [_describe_grant(each, origin) for origin in origins]
        methods_by_row.setdefault((*place, each.writer, *cells), []).append(each.method)
    rows = [(",".join(methods), *row) for row, methods in methods_by_row.items()]
    return Table(columns, rows, is_dim=lambda row: NO_WRITER in row)


def _describe_grant(observed: ObservedMethod, origin: str) -> str:
    if origin not in observed.grants:
        return "own page" if origin in observed.own_pages else ""
    grant = observed.grants[origin]
    if grant is None:
        return "no response" if observed.no_response else "no"
    if observed.route.websocket:
        return "opens"
    words = ["yes"]
    if grant["credentials"]:
        words.append("with credentials")
    if not grant["headers"]:
        words.append("no request headers")
    elif grant["headers"] == ["*"]:
        words.append("no Authorization")
    return ", ".join(words)


def _count_writers(writers: Iterable[str]) -> str:
    """Describe how many methods have their CORS headers from which code."""
    phrases = {NO_CHECK: f"with {NO_CHECK}", NO_WRITER: "without"}
    counts = sorted(Counter(writers).items())
    return ", ".join(f"{count} {phrases.get(each, f'by {each}')}" for each, count in counts) or "none"


def to_dict(observed: ObservedMethod) -> dict[str, Any]:
    """Return one method for JSON."""
    return {
        "method": observed.method,
        "path": observed.route.path,
        "host": observed.route.host,
        "name": observed.route.name,
        "by": observed.writer,
        "status": observed.status,
        NO_RESPONSE: observed.no_response,
        "grants": dict(observed.grants),
    }


# --- as a file ---


def take_snapshot(observed: Iterable[ObservedMethod]) -> dict[str, Any]:
    """Return what was observed; sorted, so that equal observations are equal bytes."""
    observed = list(observed)
    routes = {each.key: _to_entry(each) for each in observed}
    origins = sorted({origin for each in observed for origin in (*each.grants, *each.own_pages)})
    return {"version": VERSION, "observed": origins, "routes": dict(sorted(routes.items()))}


def _to_entry(observed: ObservedMethod) -> dict[str, Any]:
    entry: dict[str, Any] = {"by": observed.writer, "grants": dict(observed.grants)}
    if observed.no_response:
        entry[NO_RESPONSE] = observed.no_response
    return entry


def origins_of(snapshot: Mapping[str, Any], options: Sequence[str]) -> list[str]:
    """Return the origins of a snapshot. Raises CommandError if `--origin` has another one."""
    origins = snapshot.get("observed")
    if origins is None:
        raise CommandError("the file was made without --observed: compare it without, or make one with it")
    if unknown := [each for each in options if each not in origins]:
        raise CommandError(
            f"the file was made without --origin {unknown[0]}; its origins are {', '.join(origins)}"
        )
    return list(origins)


def compare_snapshots(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Return what each route gained and lost, origin by origin."""
    before, after = old["routes"], new["routes"]
    changes: list[Change] = []
    for route in sorted({*before, *after}):
        old_entry, new_entry = find_entry(before, route) or {}, find_entry(after, route)
        if NO_RESPONSE in old_entry:
            continue
        reason = "the route is gone" if new_entry is None else new_entry.get(NO_RESPONSE)
        old_grants, new_grants = ((entry or {}).get("grants", {}) for entry in (old_entry, new_entry))
        for origin in new["observed"]:
            found = _compare_grants(describe_origin(origin), old_grants.get(origin), new_grants.get(origin))
            for text, is_wider in found:
                changes.append(Change(route, f"{text}: {reason}" if reason else text, is_wider))
    return changes


def list_unknown(snapshot: Mapping[str, Any]) -> list[str]:
    """List the methods that did not respond when a snapshot was made, which nothing is compared with."""
    return [key for key, entry in snapshot["routes"].items() if NO_RESPONSE in entry]


def _compare_grants(origin: str, old: Entry | None, new: Entry | None) -> Iterator[tuple[str, bool]]:
    """Yield what pages of an origin gained and lost, and whether it is wider."""
    if old is None and new is not None:
        credentials = ", with credentials" if new.get("credentials") else ""
        yield f"gained {origin}{credentials}", True
    elif old is not None and new is None:
        yield f"lost {origin}", False
    elif old is not None and new is not None:
        for text, is_wider in compare_entries(old, new):
            yield f"{origin}: {text}", is_wider


def describe_writers(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Describe which code wrote the CORS headers before, and which writes them now."""
    before, now = (
        _count_writers(each["by"] for each in snapshot["routes"].values()) for snapshot in (old, new)
    )
    lines = [f"CORS before: {before}; now: {now}"]
    if unknown := list_unknown(old):
        lines.append(f"not compared, as there was no response before: {', '.join(unknown)}")
    return "\n".join(lines)
