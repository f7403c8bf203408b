"""`assert_policy()`: a table of calls and expected results, checked against an app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from anyio.from_thread import start_blocking_portal
from sanic import Sanic

from .browser import Browser
from .fetch_arguments import Credentials
from .result import Result
from .stops import STOPS
from .transports import SHORT_READING, AppSender

Row: TypeAlias = tuple[str, str, str, bool, bool | str]
"""Origin, method, path, whether with credentials, and the expected result."""


def assert_policy(
    app: Sanic[Any, Any], table: Iterable[Row], *, base_url: str = "https://api.example"
) -> None:
    """Check a table of calls against an app.

        assert_policy(app, [
            # origin                  method    path      credentials  expected
            ("https://app.example",  "GET",    "/items", True,        True),
            ("https://evil.example", "GET",    "/items", True,        False),
            ("https://app.example",  "DELETE", "/items", True,        "preflight-method"),
        ])

    `expected` is True if the page can read the response, whatever its status; False if it cannot; or the id
    in `STOPS` of what stops it. Every row has a new browser; the app is started once.

    Raises:
        AssertionError: a row has another result; with every step of the browser.
        ValueError: a row is invalid.
    """
    # all rows are checked before the app is started
    rows = [_check_row(row) for row in table]
    # a table from a loop can be empty by mistake
    if not rows:
        raise ValueError("an empty table shows nothing")
    with start_blocking_portal() as portal:
        results = portal.call(_run_rows, app, rows, base_url)
    compared = zip(rows, results, strict=True)
    failures = [_describe_failure(row, result) for row, result in compared if not _is_expected(row, result)]
    if failures:
        title = f"{len(failures)} of {len(rows)} rows are not as expected:"
        raise AssertionError("\n".join([title, *failures]))


async def _run_rows(app: Sanic[Any, Any], rows: list[Row], base_url: str) -> list[Result]:
    results = []
    async with AppSender(app, SHORT_READING) as sender:
        for origin, method, path, with_credentials, _ in rows:
            browser = Browser.using(sender, origin, base_url=base_url)
            credentials: Credentials = "include" if with_credentials else "omit"
            results.append(await browser.fetch(path, method, credentials=credentials))
    return results


def _is_expected(row: Row, result: Result) -> bool:
    expected = row[4]
    return expected == (result.blocked_by if isinstance(expected, str) else result.ok_for_page)


def _describe_failure(row: Row, result: Result) -> str:
    origin, method, path, with_credentials, expected = row
    call = f"{origin} {method} {path}"
    if with_credentials:
        call += " with credentials"
    outcome = f"blocked by {result.blocked_by}"
    if result.ok_for_page:
        outcome = f"status {result.status}, readable"
    lines = [f"{call}: {outcome}, not {_describe_expected(expected)}"]
    lines += [f"    {line}" for line in str(result).splitlines()]
    return "\n".join(lines)


def _describe_expected(expected: bool | str) -> str:
    if isinstance(expected, str):
        return f"blocked by {expected}"
    return "readable" if expected else "blocked"


def _check_row(row: Row) -> Row:
    """Return a row, or raise ValueError if one of its columns is invalid."""
    problem = None
    if not isinstance(row, tuple) or len(row) != 5:
        problem = "is not (origin, method, path, credentials, expected)"
    elif not all(isinstance(text, str) for text in row[:3]):
        problem = "does not begin with three strings: origin, method and path"
    elif not isinstance(row[3], bool):
        problem = "has no True or False for credentials"
    # an unknown id could never be the result, and the row would fail for the wrong reason
    elif not isinstance(row[4], bool) and (not isinstance(row[4], str) or row[4] not in STOPS):
        problem = f"expects neither True, False nor one of {', '.join(STOPS)}"
    if problem:
        raise ValueError(f"the row {row!r} {problem}")
    return row
