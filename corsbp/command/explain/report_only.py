"""What report-only policies report while `corsbp explain` calls an app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from corsbp.app.inventory import RouteInfo
from corsbp.log import cors_logger
from corsbp.report.report_only import running_calls
from corsbp.text import safe_repr


@contextmanager
def collect_reports(origin: str) -> Iterator[list[str]]:
    """Collect the log lines of report-only policies about pages of this origin."""
    lines: list[str] = []
    page = f"a page of {safe_repr(origin)} "

    def is_about_page(record: logging.LogRecord) -> bool:
        return record.levelno == logging.INFO and page in record.getMessage()

    collector = logging.Handler(logging.INFO)
    collector.addFilter(is_about_page)
    collector.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]  # a handler of one line
    logger, level = cors_logger.logger, cors_logger.logger.level
    # The log is where report-only policies report: the command reads what the user would read.
    logger.addHandler(collector)
    logger.setLevel(logging.INFO)  # below which nothing is evaluated
    try:
        yield lines
    finally:
        logger.removeHandler(collector)
        logger.setLevel(level)


@asynccontextmanager
async def wait_for_reports() -> AsyncIterator[None]:
    """Wait on leaving: functions of report-only policies are called after the response."""
    yield
    if tasks := running_calls():
        await asyncio.wait(tasks)


def describe_reports(lines: list[str], route: RouteInfo | None) -> list[str]:
    """Return the reports; without any, a line that the route's report-only policy decides the same."""
    if lines or route is None or route.report_only is None:
        return lines
    return [f"{route.section} report-only: decides the same"]
