"""The pytest plugin: the fixture `cors_browser`, and what its browsers saw, below a test that failed.

pytest imports this file at every start, so it imports nothing that is not needed then: no Sanic, no httpx.
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
    """Browsers for apps: `cors_browser(app, "https://app.example").fetch("/items")`.

    Takes what `corsbp.testing.Browser` takes. An app is started at its first browser, and stopped after the
    test.
    """
    try:
        from .testing.sync import Browsers  # noqa: PLC0415  # not at pytest's start
    except ModuleNotFoundError as error:
        pytest.fail(f"{error}", pytrace=False)

    with Browsers() as browsers:

        def opened(app: Any, origin: str = "https://app.example", **options: Any) -> SyncBrowser:
            browser = browsers.open(app, origin, **options)
            request.node.stash.setdefault(BROWSERS, []).append(browser)
            return browser

        yield opened


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Below a test that failed, each fetch of its browsers, step by step."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and report.when != "teardown":
        for browser in item.stash.get(BROWSERS, []):
            for number, result in enumerate(browser.results, 1):
                report.sections.append((f"cors_browser, fetch {number}", str(result)))
