"""``python -m tests.benchmarks``: see ``--help``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import origins, requests, sockets, startup
from tests.benchmarks.tables import console

PARTS = ("requests", "startup", "sockets", "origins")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="What CORS costs: by hand, with corsbp, the Sanic guide's recipe, sanic-ext, sanic-cors.",
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; all without any"
    )
    parser.add_argument(
        "--quick", action="store_true", help="see that everything runs: the figures mean nothing"
    )
    parser.add_argument("--processes", type=int, help="requests: how often each layer is started")
    parser.add_argument(
        "--rounds", type=int, help="requests: blocks in each process; startup, sockets: repetitions"
    )
    parser.add_argument(
        "--sanic-cors", type=Path, metavar="PYTHON", help="a Python with sanic-cors, no sanic-ext"
    )
    parser.add_argument("--no-install", action="store_true", help="do not make an environment for sanic-cors")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    parts = options.parts or PARTS

    if "requests" in parts:
        usual = requests.QUICK if options.quick else requests.Effort()
        effort = requests.Effort(
            options.processes or usual.processes, options.rounds or usual.rounds, usual.block
        )
        try:
            requests.run(effort, sanic_cors=options.sanic_cors, install=not options.no_install)
        except requests.WrongHeadersError as wrong:
            console.print(f"Not measured: a layer does not send what it should.\n{wrong}")
            return 1
    if "startup" in parts:
        startup.run(quick=options.quick, rounds=options.rounds)
    if "sockets" in parts:
        sockets.run(quick=options.quick, rounds=options.rounds)
    if "origins" in parts:
        origins.run(quick=options.quick, rounds=options.rounds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
