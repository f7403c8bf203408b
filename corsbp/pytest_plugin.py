"""The pytest plugin: the fixture `cors_browser`, and every step of its browsers below a test that failed.

pytest imports this file at every start. It imports nothing that is not needed then: no Sanic and no httpx.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .testing import SyncBrowser

BROWSERS = pytest.StashKey["list[SyncBrowser]"]()


@pytest.fixture
def cors_browser(request: pytest.FixtureRequest) -> Iterator[Callable[..., SyncBrowser]]:
    """Make browsers for apps: `cors_browser(app, "https://app.example").fetch("/items")`.

    Takes the arguments of `corsbp.testing.Browser`. An app is started for its first browser, and stopped
    after the test.
    """
    try:
        from .testing.sync import BrowserPool  # noqa: PLC0415  # not when pytest starts
    except ModuleNotFoundError as error:
        pytest.fail(f"{error}", pytrace=False)

    with BrowserPool() as pool:

        def open_browser(app: Any, origin: str = "https://app.example", **options: Any) -> SyncBrowser:
            browser = pool.open(app, origin, **options)
            request.node.stash.setdefault(BROWSERS, []).append(browser)
            return browser

        yield open_browser


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add each call of the test's browsers to the report of a test that failed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and report.when != "teardown":
        for browser in item.stash.get(BROWSERS, []):
            for number, result in enumerate(browser.results, 1):
                report.sections.append((f"cors_browser, fetch {number}", str(result)))
