"""``python -m tests.load``: see ``--help``."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from random import SystemRandom

from . import run


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.load",
        description="Clients that check each answer of two workers that are killed, reloaded, reconfigured.",
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, help="60 without this, and without --minutes")
    length.add_argument("--minutes", type=float)
    length.add_argument(
        "--long-run", type=int, metavar="REQUESTS", help="in memory instead, each of another origin"
    )
    parser.add_argument("--seed", type=int, help="of what is asked and who is killed; printed")
    parser.add_argument("--connections", type=int, default=24)
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else SystemRandom().randrange(10**6)
    if options.long_run:
        from . import long

        return 1 if long.run(options.long_run, seed) else 0
    seconds = options.minutes * 60 if options.minutes else options.seconds or 60
    report = asyncio.run(run.load(seconds, seed, options.connections))
    print(report)
    return 1 if report.problems() else 0


if __name__ == "__main__":
    raise SystemExit(main())
