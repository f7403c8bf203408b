"""What a report-only policy would have decided, beside what the policy did."""

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
def tried(origin: str) -> Iterator[list[str]]:
    """Collect the lines that report-only policies log about pages of this origin."""
    lines: list[str] = []
    collect = logging.Handler(logging.INFO)
    of_page = f"a page of {safe_repr(origin)} "
    collect.addFilter(lambda record: record.levelno == logging.INFO and of_page in record.getMessage())
    collect.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]  # a handler of one line
    logger, level = cors_logger.logger, cors_logger.logger.level
    logger.addHandler(collect)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(collect)
        logger.setLevel(level)


@asynccontextmanager
async def settled() -> AsyncIterator[None]:
    """Wait, at the end, for functions of report-only policies, which are called after the response."""
    yield
    if tasks := running_calls():
        await asyncio.wait(tasks)


def in_words(lines: list[str], route: RouteInfo | None) -> list[str]:
    """What was reported; where nothing was, that the report-only policy decides the same."""
    same = route is not None and route.report_only is not None and not lines
    return [f"{route.section} report-only: decides the same"] if route and same else lines
