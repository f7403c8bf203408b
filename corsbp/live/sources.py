"""The sources that the sections of one app follow: when they begin and end, and which sections share one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextvars import Context
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .follower import OriginFollower
from .options import FollowOptions, Source
from .retry import SourceRun

if TYPE_CHECKING:
    from sanic import Sanic


class FollowedSources:
    """The sources of one app: they begin before its first request, and end before its own listeners do."""

    def __init__(self) -> None:
        self.followers: list[OriginFollower] = []

    async def start(self, app: Sanic[Any, Any]) -> None:
        """Begin, and wait for the first value of each section.

        Raises:
            RuntimeError: a first value is required, and did not come in time.
        """
        loop = asyncio.get_running_loop()
        # All begin at once: three stores that are away take 10 s together, and Sanic gives a worker 30 s.
        began = loop.time()
        runs = self._begin(app)
        for follower, run in runs.items():
            wait = follower.options.wait
            await asyncio.wait({run.receivers[follower]}, timeout=max(0, began + wait - loop.time()))
        late = [follower for follower, run in runs.items() if not run.receivers[follower].done()]
        for follower in late:
            why = f" ({follower.error})" if follower.error else ""
            message = f"no live origins came within {follower.options.wait:g} s{why}"
            if follower.options.required:
                await self.stop(app)
                raise RuntimeError(f"{follower.label()}: {message}")
            follower.log(logging.WARNING, "%s: it starts with the declared ones", message)

    def begin_late(self, app: Sanic[Any, Any]) -> None:
        """Begin at the first request, where no listener of this app has run: `create_server()`."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # the router was called, but nothing is served
        late = [follower for follower in self.followers if follower.run_in(loop) is None]
        if not late:
            return
        # Not in the context of this request, which the run would keep alive.
        Context().run(self._begin, app)
        for follower in late:
            message = "started without its listeners: live origins are followed from the first request on"
            if follower.options.required:
                follower.log(logging.ERROR, f"{message}, although required: await server.before_start()")
            else:
                follower.log(logging.WARNING, message)

    def _begin(self, app: Sanic[Any, Any]) -> dict[OriginFollower, SourceRun]:
        """Return the run of each section in this event loop. Those of equal sources share a new one."""
        loop = asyncio.get_running_loop()
        runs: dict[OriginFollower, SourceRun] = {}
        fresh: list[SourceRun] = []
        for follower in self.followers:
            run = follower.run_in(loop)
            if run is None:
                # By ==, as methods of one object are equal and not identical. Not from another app, to whose
                # store the function may lead, nor one that began earlier: its first value has passed.
                run = next((each for each in fresh if each.source == follower.source), None)
                if run is None:
                    run = SourceRun(app, follower.source, follower.options)
                    fresh.append(run)
                follower.join(run)
            run.apps.add(app.name)
            runs[follower] = run
        return runs

    async def stop(self, app: Sanic[Any, Any]) -> None:
        """Close the sources, except those that another app in this event loop needs."""
        loop = asyncio.get_running_loop()
        runs = {run for follower in self.followers if (run := follower.run_in(loop)) is not None}
        for run in runs:
            run.apps.discard(app.name)
        await asyncio.gather(*(run.stop() for run in runs if not run.apps))


def check_same_options(
    label: str, source: Source, options: FollowOptions, others: Iterable[OriginFollower]
) -> None:
    """Check that sections which follow one source do so with the same options.

    Raises:
        ValueError: another section follows it in another way.
    """
    for other in others:
        if other.source != source or other.options == options:
            continue
        shared_options = asdict(other.options)
        pairs = [(name, value, shared_options[name]) for name, value in asdict(options).items()]
        different = [f"{name}: {one!r} and {two!r}" for name, one, two in pairs if one != two]
        raise ValueError(
            f"{label} and {other.label()} follow {source!r} with different options "
            f"({'; '.join(different)}). Groups that follow one source share its run: "
            "give them the same options"
        )
