"""The cost of a request: every layer in its own process, blocks of all of them interleaved.

A block is some hundred equal requests on one kept-alive connection, and its figure the CPU time of the
process, so that waiting for the processor does not count. The 10th percentile of many blocks drops those that
something disturbed. Processes of one program differ by a percent or two (layout of the
memory, hash seed): each layer is started several times, with the others' hash seeds, and the median counts.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.benchmarks import tables
from tests.benchmarks.environment import NotInstalledError, Worker, interpreter
from tests.benchmarks.layers import CHECKED, CHECKED_REQUESTS, HANDLER, LAYERS, REQUESTS, Layer
from tests.benchmarks.tables import Goal

BARE = LAYERS[0].name
# Headers with a list in any order; and those of them in which case does not matter either.
LISTS = {"access-control-allow-methods", "access-control-allow-headers", "vary"}
CASELESS = {"access-control-allow-headers", "vary"}


@dataclass(frozen=True)
class Effort:
    processes: int = 5
    rounds: int = 10
    block: int = 200


QUICK = Effort(processes=1, rounds=1, block=5)


class WrongHeadersError(Exception):
    """An error: a layer sends other headers than it should, so its figures would mean nothing."""


@dataclass
class Result:
    layers: Sequence[Layer]
    requests: tuple[str, ...]
    loop: str = ""
    missing: dict[str, str] = field(default_factory=dict)
    """Layers that could not run, and why."""
    costs: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """Layer → request → µs per request in each of its processes."""

    @contextmanager
    def may_be_missing(self, layer: Layer) -> Iterator[None]:
        try:
            yield
        except NotInstalledError as reason:
            self.missing[layer.name] = str(reason)

    def above_bare(self, layer: str, request: str) -> float | None:
        if layer not in self.costs:
            return None
        pairs = zip(self.costs[layer][request], self.costs[BARE][request], strict=True)
        return median(cost - bare for cost, bare in pairs)

    def ratio(self, layer: str, request: str, to: str) -> float | None:
        above, other = self.above_bare(layer, request), self.above_bare(to, request)
        return above / other if above is not None and other else None


# -- responses -----------------------------------------------------------------------------------------------


def _comparable(headers: Mapping[str, str]) -> dict[str, object]:
    comparable: dict[str, object] = {}
    for name, value in headers.items():
        elements = sorted(element.strip() for element in value.split(","))
        if name in CASELESS:
            elements = [element.lower() for element in elements]
        comparable[name] = elements if name in LISTS else value
    return comparable


def fault(layer: Layer, request: str, response: str) -> str | None:
    """Return the fault of a response: in its status, or its ``access-control-*`` and ``Vary`` headers."""
    head = response.partition("\r\n\r\n")[0].split("\r\n")
    status = int(head[0].split(" ")[1])
    # A browser accepts any 2xx for a preflight.
    right = 200 <= status <= 299
    if request.startswith("404") or request in layer.refused:
        right = status == (403 if request in layer.refused else 404)
    sent: dict[str, str] = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        name = name.lower()
        if name.startswith("access-control-") or name == "vary":
            if name in sent:
                return f"{layer.name}, {request}: {name} is sent twice"
            sent[name] = value.strip()
    if right and _comparable(sent) == _comparable(layer.expected[request]):
        return None
    return f"{layer.name}, {request}: status {status}, sent {sent}, should be {dict(layer.expected[request])}"


# -- measuring -----------------------------------------------------------------------------------------------


def measure(
    layers: Sequence[Layer],
    requests: Iterable[str],
    effort: Effort,
    *,
    sanic_cors: Path | None = None,
    install: bool = True,
) -> Result:
    result = Result(layers, tuple(requests))
    for seed in range(effort.processes):
        _one_generation(result, effort, seed, sanic_cors, install)
    return result


def _one_generation(
    result: Result, effort: Effort, seed: int, sanic_cors: Path | None, install: bool
) -> None:
    """Start every layer once, check it, run its blocks in turn with the others, and stop them all."""
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for layer in result.layers:
            with result.may_be_missing(layer):
                python = interpreter(layer.environment, given=sanic_cors, install=install)
                workers[layer.name] = stack.enter_context(Worker(python, layer.name, hash_seed=seed))
        for layer in result.layers:
            if layer.name in workers:
                with result.may_be_missing(layer):
                    result.loop = workers[layer.name].reply()["loop"]
        _check(result, workers)
        for name in result.missing:
            workers.pop(name, None)

        samples: dict[tuple[str, str], list[float]] = {}
        order = list(workers)
        turns = random.Random(seed)
        for _ in range(effort.rounds):
            for request in result.requests:
                turns.shuffle(order)
                for name in order:
                    seconds = workers[name].ask(block=request, count=effort.block)["seconds"]
                    samples.setdefault((name, request), []).append(seconds / effort.block * 1e6)
        for (name, request), blocks in samples.items():
            tenth = sorted(blocks)[len(blocks) // 10]
            result.costs.setdefault(name, {}).setdefault(request, []).append(tenth)


def _check(result: Result, workers: Mapping[str, Worker]) -> None:
    faults = []
    for layer in result.layers:
        if layer.name not in workers or layer.name in result.missing:
            continue
        responses = {request: workers[layer.name].ask(send=request)["answer"] for request in result.requests}
        wrong = [text for request, response in responses.items() if (text := fault(layer, request, response))]
        if wrong and layer.other_headers:
            result.missing[layer.name] = f"it sends other headers here: {wrong[0]}"
        else:
            faults += wrong
    if faults:
        raise WrongHeadersError("\n".join(faults))


# -- reporting -----------------------------------------------------------------------------------------------


def goals(result: Result) -> Sequence[Goal]:
    one, two, every = "corsbp, one origin", "corsbp, two origins", "corsbp, every origin"
    exact, patterns = "corsbp, 1,000 origins", "corsbp, 1,000 patterns"
    function = "corsbp, async function"

    def ratio(layer: str, request: str, to: str, at_most: float) -> Goal:
        return Goal(f"{request}: {layer} / {to}", result.ratio(layer, request, to), at_most)

    def above(layer: str, request: str, at_most: float) -> Goal:
        return Goal(f"{request}: {layer}, above bare", result.above_bare(layer, request), at_most, " µs")

    def more(layer: str, request: str, than: str, at_most: float) -> Goal:
        cost, other = result.above_bare(layer, request), result.above_bare(than, request)
        measured = None if cost is None or other is None else cost - other
        return Goal(f"{request}: {layer}, above {than}", measured, at_most, " µs")

    def outside(layer: str) -> Goal:
        above = result.above_bare(layer, "outside")
        share = None if above is None else above / median(result.costs[BARE]["outside"]) * 100
        # "Nothing measurable": less than a middleware that does nothing, more than the noise of this table.
        return Goal(f"outside: {layer}, of a bare request", share, 2.0, " %")

    return [
        # Same headers on both sides: the layers with two and more origins send Vary.
        ratio(one, "granted", HANDLER, 1.05),
        ratio(two, "granted", f"{HANDLER}, Vary", 1.05),
        ratio(every, "granted", f"{HANDLER}, one header", 1.05),
        ratio(one, "granted", "middleware", 0.50),
        ratio(two, "granted", "middleware, Vary", 0.50),
        ratio(one, "granted", "guide's recipe", 0.58),
        ratio(two, "granted", "guide's recipe", 0.58),
        ratio(one, "granted", "sanic-ext", 0.32),
        ratio(two, "granted", "sanic-ext", 0.32),
        ratio(one, "granted", "sanic-cors", 0.24),
        ratio(two, "granted", "sanic-cors", 0.24),
        ratio(one, "preflight", HANDLER, 0.60),
        ratio(two, "preflight", f"{HANDLER}, Vary", 0.60),
        ratio(every, "preflight", f"{HANDLER}, one header", 0.60),
        ratio(one, "preflight", "sanic-ext", 0.33),
        ratio(two, "preflight", "sanic-ext", 0.33),
        ratio(exact, "granted", two, 1.10),
        ratio(exact, "refused", two, 1.10),
        ratio(patterns, "granted", two, 1.30),
        ratio(patterns, "refused", two, 1.30),
        above(function, "granted", 12),
        # A granted response must not cost more because refused ones are logged; the limit is above the noise.
        *(more(f"{two}, {each}", "granted", two, 1) for each in ("logged", "listener", "report-only")),
        *(outside(layer) for layer in (one, two, patterns)),
        *(
            above(layer, request, at_most)
            for request, at_most in (("outside, miss", 0.3), ("404 inside", 20), ("404 outside", 5))
            for layer in (one, two)
        ),
    ]


def checked_goals(result: Result) -> Sequence[Goal]:
    """Return the goals of `check_requests`: what each value of it adds to the cost of the section."""
    off = CHECKED[1].name

    def added(layer: Layer, request: str, at_most: float) -> Goal:
        cost, without = result.above_bare(layer.name, request), result.above_bare(off, request)
        measured = None if cost is None or without is None else cost - without
        return Goal(f"{request}: {layer.name}, above {off}", measured, at_most, " µs")

    limits = {"GET, allowed page": 2, "GET, own page": 2, "POST, allowed page": 3, "POST, own page": 3}
    return [added(layer, request, limits[request]) for layer in CHECKED[2:] for request in limits]


def report(result: Result, effort: Effort, title: str) -> None:
    rows = []
    for layer in result.layers:
        if layer.name in result.missing:
            rows.append([layer.name, "left out"])
            continue
        cells = []
        for request in result.requests:
            above = result.above_bare(layer.name, request)
            assert above is not None
            bare = median(result.costs[BARE][request])
            cells.append(f"{bare:.2f}" if layer.name == BARE else f"{above:+.2f}")
        rows.append([layer.name, *cells])
    tables.show(
        f"{title}: µs of CPU above bare Sanic (first row: bare Sanic itself)",
        ["layer", *result.requests],
        rows,
        notes=f"{tables.machine()}, {result.loop} loop; {effort.processes} processes of each layer, "
        f"{effort.rounds} blocks of {effort.block} requests in each.\n"
        "Every layer's headers were checked. Where bare Sanic has a second row, that is noise."
        + "".join(f"\nLeft out: {name}: {reason}." for name, reason in result.missing.items()),
    )


def run(effort: Effort, *, sanic_cors: Path | None = None, install: bool = True) -> None:
    result = measure(LAYERS, REQUESTS, effort, sanic_cors=sanic_cors, install=install)
    checked = measure(CHECKED, CHECKED_REQUESTS, effort)
    report(result, effort, "A request")
    report(checked, effort, "A request that is checked")
    tables.show_goals("A request: goals, of what the layers cost above bare Sanic", goals(result))
    tables.show_goals("A request that is checked: goals", checked_goals(checked))
