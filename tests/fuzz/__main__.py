"""`python -m tests.fuzz --minutes N`: a campaign of requests and policies, guided by the coverage of corsbp.

A case that breaks an invariant is kept as a file beside the corpus; the campaign goes on. Such a file, and
any of `tests/fuzz/corpus`, is judged once by `python -m tests.fuzz --replay FILE`; moved into that folder it
is a test case.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cases import Case
    from .world import BrokenError, World

MISSING = "{name} is not installed: pip install '.[test,fuzz]'"
KEPT = Path(__file__).parent / "corpus"
ROOMS = str(Path(__file__).parents[2] / "corsbp" / "**" / "*.py")
# The settings of the project demand coverage of all of corsbp, not only of the code that serves requests.
PLAIN = f"--rcfile={os.devnull}"
KEPT_OF_A_KIND = 5
LONGEST_INPUT = 10_000  # the limit of Sanic for a head is 8192


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30, help="how long (default: 30)")
    parser.add_argument("--seed", type=int, help="where chance begins (default: anywhere, and printed)")
    parser.add_argument("--corpus", type=Path, help="where inputs are kept (default: a temporary folder)")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="judge these files instead")
    options = parser.parse_args()
    if options.replay:
        return replay(options.replay)
    try:
        import atheris
        import coverage  # noqa: F401, because it is run in a process of its own
    except ModuleNotFoundError as error:
        print(MISSING.format(name=error.name), file=sys.stderr)
        return 2
    corpus = options.corpus or Path(tempfile.mkdtemp(prefix="corsbp-fuzz-"))
    corpus.mkdir(parents=True, exist_ok=True)
    seed = options.seed if options.seed is not None else SystemRandom().randrange(1, 2**31)
    with atheris.instrument_imports(include=["corsbp"], enable_loader_override=False):
        import corsbp.app.hooks  # noqa: F401, so that every room is instrumented before anything asks for it
    Campaign(options.minutes * 60, seed, corpus).run()
    return 0  # not reached: the fuzzer ends the process


def replay(files: list[Path]) -> int:
    """Judge kept cases, or all in a folder; bytes of the fuzzer that are not a case are counted."""
    from .world import World

    paths = sorted(path for file in files for path in (file.iterdir() if file.is_dir() else [file]))
    world = World()
    findings = 0
    for path in paths:
        if broken := _judged(world, path.read_bytes()):
            findings += 1
            print(f"{path}\n{broken}\n")
    world.close()
    print(f"{len(paths)} files, {findings} findings")
    return 1 if findings else 0


def _judged(world: World, data: bytes) -> BrokenError | None:
    from .cases import Case
    from .world import BrokenError

    try:
        world.judge(Case.from_bytes(data))
    except BrokenError as broken:
        return broken
    except ValueError:
        pass
    return None


class Campaign:
    """A run until the time is over, which then prints the figures and ends the process."""

    def __init__(self, seconds: float, seed: int, corpus: Path) -> None:
        from .meter import Meter
        from .world import World

        self.seconds, self.seed, self.corpus = seconds, seed, corpus
        self.world, self.meter = World(), Meter()
        self.findings: Counter[str] = Counter()
        self.executions = self.judged = self.requests = 0
        self.started = time.monotonic()

    def run(self) -> None:
        import atheris

        print(f"seed {self.seed}, corpus {self.corpus}", flush=True)
        options = [f"-seed={self.seed}", f"-max_len={LONGEST_INPUT}", "-timeout=20", "-rss_limit_mb=2048"]
        command = [sys.argv[0], *options, str(self.corpus), str(KEPT)]
        atheris.Setup(command, self.one, custom_mutator=self.mutate)
        atheris.Fuzz()

    def one(self, data: bytes) -> None:
        from .cases import Case
        from .world import BrokenError

        self.executions += 1
        if time.monotonic() - self.started > self.seconds:
            self.report()
        try:
            case = Case.from_bytes(data)
        except ValueError:
            return
        self.judged += 1
        try:
            self.judge(case)
        except BrokenError as broken:
            self.note(broken, case)
        except Exception as error:  # an error of the judge does not end a campaign
            self.note(BrokenError("judge", repr(error), case), case)

    def judge(self, case: Case) -> None:
        from .meter import allowance
        from .world import BrokenError

        # Only some cases are counted, since it is slow.
        counted = self.judged % 10 == 0
        self.requests += len(self.world.judge(case, self.meter if counted else None))
        if counted and self.meter.count > allowance(case):
            raise BrokenError("linear", f"{self.meter.count} instructions", case)

    def note(self, broken: BrokenError, case: Case) -> None:
        # The same fault is found many times.
        self.findings[broken.invariant] += 1
        if self.findings[broken.invariant] <= KEPT_OF_A_KIND:
            folder = self.corpus.with_name(f"{self.corpus.name}-findings")
            folder.mkdir(exist_ok=True)
            data = case.to_bytes()
            path = folder / f"{broken.invariant.replace(' ', '-')}-{sha256(data).hexdigest()[:8]}"
            path.write_bytes(data)
            print(f"FINDING {path}\n{broken}", flush=True)

    @staticmethod
    def mutate(data: bytes, longest: int, chance: int) -> bytes:
        import atheris

        from .cases import Case, Maker

        random = Random(chance)
        maker = Maker(random)
        kind = random.randrange(8)
        try:
            case = Case.from_bytes(data) if kind else maker.case()
        except ValueError:
            case = maker.case()
        if kind == 1 and case.raw:
            case = replace(case, raw=atheris.Mutate(case.raw, len(case.raw) + 64))
        elif kind > 1:
            for _ in range(random.randint(1, 3)):
                case = maker.changed(case)
        return case.to_bytes()[:longest]

    def report(self) -> None:
        took = time.monotonic() - self.started
        print(f"\nseed {self.seed}, {took / 60:.1f} minutes, Python {sys.version.split()[0]}")
        print(f"{self.executions:,} executions, {self.executions / took:.0f} a second")
        print(f"{self.judged:,} of them were cases, with {self.requests:,} answers")
        print(f"{sum(1 for _ in self.corpus.iterdir())} inputs in {self.corpus}, each with something new")
        print(f"{self.findings.total()} findings {dict(self.findings) or ''}".rstrip())
        print(measure([self.corpus, KEPT]), flush=True)
        os._exit(1 if self.findings else 0)


def measure(folders: list[Path]) -> str:
    """Measure the coverage of corsbp by all kept cases, replayed without instruments, by coverage.py."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COVERAGE_FILE": str(Path(folder) / "coverage")}

        def run(*arguments: Any) -> str:
            command = [sys.executable, "-m", "coverage", *map(str, arguments)]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            return done.stdout

        replayed = run("run", PLAIN, "--branch", "--include", ROOMS, "-m", "tests.fuzz", "--replay", *folders)
        return replayed + run("report", PLAIN, "--show-missing")


if __name__ == "__main__":
    sys.exit(main())
