"""Pure: the page of a browser, from the arguments of `Browser`."""

from __future__ import annotations

from collections.abc import Callable

from .arguments import check_choice, check_number
from .cookies import CookieJar
from .engines import ENGINES, EngineName
from .fetch_arguments import EmbedderPolicy, Page
from .preflight_cache import PreflightCache
from .urls import check_origin, parse_url


class Clock:
    """A clock that can be set forward; calling it returns the time in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._skipped = clock, 0.0

    def __call__(self) -> float:
        return self._clock() + self._skipped

    def skip(self, seconds: float) -> None:
        """Set the clock forward."""
        check_number("seconds", seconds)
        self._skipped += seconds


def make_page(
    origin: str,
    base_url: str,
    clock: Clock,
    *,
    engine: EngineName,
    third_party_cookies: bool,
    embedder_policy: EmbedderPolicy,
    local_network: bool,
) -> Page:
    """Return a page with an empty cookie jar and preflight cache. Raises ValueError for invalid arguments."""
    # the origin of a sandboxed frame, which no policy can name
    if origin != "null":
        check_origin(origin)
    check_choice("engine", engine, EngineName)
    check_choice("embedder_policy", embedder_policy, EmbedderPolicy)
    base = parse_url(base_url) if isinstance(base_url, str) else None
    if base is None or not base.is_http:
        raise ValueError(f"{base_url!r} is not a URL; meant: 'https://api.example'")
    model = ENGINES[engine]
    return Page(
        origin,
        base,
        model,
        PreflightCache(clock, model),
        CookieJar(clock, third_party_cookies, model),
        embedder_policy,
        local_network,
    )
