"""``python -m tests.load.many_origins``: a change among 100,000 origins, read alone or with all of them."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .fleet import STORES, Fleet, fleet, quantile, quantiles, retry_until_ready

MAX_P50 = 50.0
"""Milliseconds."""

MAX_SHARE = 0.8
"""Of the time that reading all takes."""

CHANGING = "https://changing.example"


async def measure(made: Fleet, owner: Any, changes: int) -> list[float]:
    """Return the seconds from just before each COMMIT until all workers apply the change."""
    times = []
    for number in range(changes):
        began = time.monotonic()
        await owner.change(CHANGING, not number % 2)
        times.append(await made.applied(CHANGING, not number % 2) - began)
        await asyncio.sleep(0.1)
    return times


async def measure_cpu(made: Fleet, owner: Any, changes: int) -> float:
    """Return the seconds of CPU time that a change takes in a worker, which has few requests meanwhile."""
    before = made.cpu()
    for number in range(changes):
        await owner.change(CHANGING, not number % 2)
        await asyncio.sleep(0.1)
        await made.applied(CHANGING, not number % 2, pause=0.1)
    return (made.cpu() - before) / changes / len(made.workers)


async def compare(store: str, options: argparse.Namespace) -> list[str]:
    """Print both times; return what is too much."""
    kind = STORES[store]
    found: dict[str, list[float]] = {}
    with kind.make() as server, tempfile.TemporaryDirectory() as folder:
        owner = await retry_until_ready(lambda: kind().connect(server.url))
        await owner.add(f"https://{number}.example" for number in range(options.origins))
        for way in ("changes", "all"):
            async with fleet(store, server.url, options.apps, 5, Path(folder), READ=way) as made:
                await made.applied("https://7.example", True)
                found[way] = await measure(made, owner, options.changes)
                print(f"  {store}, {2 * options.apps} workers that read {way}: {quantiles(found[way])}")
                cpu = await measure_cpu(made, owner, options.changes) * 1000
                print(f"    {cpu:.1f} ms of CPU time in each worker, with few requests")
        await owner.close()
    p50 = quantile(found["changes"], 0.5)
    share = p50 / quantile(found["all"], 0.5)
    print(f"  {store}: {share:.2f} of reading all")
    wrong = [f"{store}: p50 {p50:.1f} ms"] * (p50 > MAX_P50)
    return wrong + [f"{store}: {share:.2f} of reading all"] * (share > MAX_SHARE)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.many_origins", description=__doc__)
    parser.add_argument("--store", choices=STORES, action="append", help="both without this")
    parser.add_argument("--origins", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=40)
    parser.add_argument("--apps", type=int, default=1, help="of two workers each")
    options = parser.parse_args(arguments)
    print(f"a change among {options.origins} origins, from before COMMIT until all workers apply it")
    wrong = []
    for store in options.store or STORES:
        wrong += asyncio.run(compare(store, options))
    print(*wrong, f"{len(wrong)} of the limits were passed", sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
