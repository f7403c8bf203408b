"""The refused origins that get a name in metrics (L6): few, also in a fleet, over restarts and in a flood."""

from __future__ import annotations

from collections import Counter
from itertools import count
from random import Random

from corsbp.report.named_origins import CANDIDATES, MAX_ORIGINS, NamedOrigins, RefusedOrigin

REAL = "https://app.example"


class Fleet:
    """Workers that count refused origins, and the counters in their files."""

    def __init__(self, workers: int) -> None:
        self.totals: Counter[RefusedOrigin] = Counter()
        self.reads = 0
        self.numbers = count()
        self.workers = [self.new_worker() for _ in range(workers)]

    def new_worker(self) -> NamedOrigins:
        worker = NamedOrigins(self.read_names)
        worker.candidates.chance = Random(7).random
        return worker

    def read_names(self) -> set[RefusedOrigin]:
        self.reads += 1
        return {*self.totals}

    def refuse(self, origin: str, times: int = 1, worker: int = 0) -> int:
        """Count requests; return the number of the last one that the counter has got."""
        item = origin, "false"
        for _ in range(times):
            if more := self.workers[worker].count(item):
                self.totals[item] += more
        return self.totals[item]

    def flood(self, requests: int, each: int = 1) -> None:
        """Count requests of invented origins, so many of each, all over the workers."""
        for _ in range(requests // each):
            number = next(self.numbers)
            self.refuse(f"https://{number}.example", each, number % len(self.workers))

    def shown(self) -> list[str]:
        return [origin for (origin, _), _ in self.totals.most_common(MAX_ORIGINS)]


def test_the_first_origins_get_a_name_at_once() -> None:
    fleet = Fleet(1)
    assert [fleet.refuse(f"https://{number}.example") for number in range(MAX_ORIGINS)] == [1] * MAX_ORIGINS
    assert fleet.refuse(REAL) == 0
    assert fleet.refuse(REAL) == 2  # the first request counts, too
    assert fleet.refuse(REAL) == 3
    assert fleet.refuse("https://0.example") == 2


def test_a_report_only_policy_has_names_of_its_own() -> None:
    worker = NamedOrigins(set)
    assert worker.count((REAL, "false")) == worker.count((REAL, "true")) == 1
    assert len(worker.known) == 2


def test_names_of_other_workers_are_known() -> None:
    """They are read only where an origin is about to get a name: a flood causes no reads."""
    fleet = Fleet(2)
    fleet.flood(2 * MAX_ORIGINS)
    assert len(fleet.totals) == MAX_ORIGINS
    fleet.reads = 0
    fleet.flood(CANDIDATES)
    assert (len(fleet.totals), fleet.reads) == (MAX_ORIGINS, 0)
    assert fleet.refuse(REAL, 2, worker=0) == 2
    assert fleet.refuse(REAL, 2, worker=1) == 4


def test_an_origin_that_another_worker_has_named_needs_no_count() -> None:
    fleet = Fleet(2)
    fleet.flood(2 * MAX_ORIGINS, each=2)
    fleet.refuse(REAL, 2, worker=0)
    fleet.refuse("https://www.app.example", 2, worker=1)  # which reads the names
    assert fleet.refuse(REAL, 1, worker=1) == 3


def test_an_origin_that_another_worker_has_named_since_the_last_read() -> None:
    """Then the count that it needs has grown, and its own name is there."""
    fleet = Fleet(2)
    fleet.refuse(REAL, 1, worker=0)
    fleet.flood(MAX_ORIGINS)
    fleet.workers[1].known.clear()
    assert fleet.refuse(REAL, 1, worker=1) == 2


def test_a_flood_gets_few_names_in_a_fleet() -> None:
    """The costliest flood: each invented origin comes just as often as a name needs."""
    fleet = Fleet(4)
    sent = 0
    for doubling in range(8):
        fleet.flood(MAX_ORIGINS << doubling, each=1 << doubling)
        sent += MAX_ORIGINS << doubling
    assert sent == 12_750
    assert len(fleet.totals) <= 8 * MAX_ORIGINS
    assert fleet.refuse(REAL, 1 << 8) == 1 << 8
    assert REAL in fleet.shown()


def test_a_flood_gets_few_names_over_restarts() -> None:
    fleet = Fleet(1)
    for _ in range(100):
        fleet.flood(200, each=2)
        fleet.workers = [fleet.new_worker()]
    assert len(fleet.totals) <= 2 * MAX_ORIGINS
    assert fleet.refuse(REAL, 4) == 4
    assert fleet.shown()[0] == REAL


def test_a_flood_hides_no_origin_that_comes_often() -> None:
    """Before, in and after a flood of origins that come once: more of them than there are candidates."""
    fleet = Fleet(2)
    fleet.refuse("https://before.example", 20)
    for _ in range(20):
        fleet.flood(CANDIDATES // 2)
        fleet.refuse("https://in.example", 20, worker=1)
    fleet.refuse(REAL, 200)
    assert fleet.totals["https://in.example", "false"] > 300  # it lost its place now and then
    assert {"https://before.example", "https://in.example", REAL} <= {*fleet.shown()}
    assert len(fleet.totals) <= 2 * MAX_ORIGINS
