"""Who may do what, as a table: one call, and what is wrong with it can be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from anyio.from_thread import start_blocking_portal
from sanic import Sanic

from .browser import Browser
from .result import STOPS, Result
from .transports import GLANCE, AppSender

Row: TypeAlias = tuple[str, str, str, bool, bool | str]
"""Origin, method, path, whether with credentials; whether a page may read the answer, or what stops it."""


def assert_policy(
    app: Sanic[Any, Any], table: Iterable[Row], *, base_url: str = "https://api.example"
) -> None:
    """Check a table of your own against an app.

        assert_policy(app, [
            # origin                  method    path      credentials  expected
            ("https://app.example",  "GET",    "/items", True,        True),
            ("https://evil.example", "GET",    "/items", True,        False),
            ("https://app.example",  "DELETE", "/items", True,        "preflight-method"),
        ])

    `expected`: True, the page reads the answer, whatever its status; False, it does not; or the id of the
    step that stops it, one of `STOPS`. Every row is a page in a browser of its own; the app is started once.

    Raises:
        AssertionError: rows that came out differently, with what the browser looked at.
        ValueError: a row that is none.
    """
    rows = [_checked(row) for row in table]
    if not rows:
        raise ValueError("an empty table shows nothing")
    with start_blocking_portal() as portal:
        results = portal.call(_run, app, rows, base_url)
    wrong = []
    for row, result in zip(rows, results, strict=True):
        origin, method, path, credentials, expected = row
        if expected != (result.blocked_by if isinstance(expected, str) else result.ok_for_page):
            with_them = " with credentials" if credentials else ""
            title = f"{origin} {method} {path}{with_them}: {_said(result)}, not {_meant(expected)}"
            wrong.append("\n".join([title, *(f"    {line}" for line in str(result).splitlines())]))
    if wrong:
        raise AssertionError("\n".join([f"{len(wrong)} of {len(rows)} rows are not as expected:", *wrong]))


async def _run(app: Sanic[Any, Any], rows: list[Row], base_url: str) -> list[Result]:
    async with AppSender(app, GLANCE) as sender:
        return [
            await Browser.using(sender, origin, base_url=base_url).fetch(
                path, method, credentials="include" if credentials else "omit"
            )
            for origin, method, path, credentials, _ in rows
        ]


def _said(result: Result) -> str:
    return f"status {result.status}, readable" if result.ok_for_page else f"blocked by {result.blocked_by}"


def _meant(expected: bool | str) -> str:
    return "readable" if expected is True else "blocked" if expected is False else f"blocked by {expected}"


def _checked(row: Row) -> Row:
    """A row whose columns are what they should be."""
    problem = None
    if not isinstance(row, tuple) or len(row) != 5:
        problem = "is not (origin, method, path, credentials, expected)"
    elif not all(isinstance(text, str) for text in row[:3]):
        problem = "does not begin with three strings: origin, method and path"
    elif not isinstance(row[3], bool):
        problem = "has no True or False for credentials"
    elif not isinstance(row[4], bool) and (not isinstance(row[4], str) or row[4] not in STOPS):
        problem = f"expects neither True, False nor one of {', '.join(STOPS)}"
    if problem:
        raise ValueError(f"the row {row!r} {problem}")
    return row
