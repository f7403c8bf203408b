"""Pure: the cookies of a browser: those that it keeps, those that it sends, and why it does not send one.

https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html. Python's cookie jars ignore SameSite.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from corsbp.text import safe_repr

from .engines import STANDARD
from .quirks import Engine
from .result import Step
from .set_cookie import USE_HTTPS, USE_PARTITIONED, USE_SAME_SITE_NONE, Cookie, NotKeptError, parse_cookie
from .short_text import format_list, shorten
from .sites import is_same_site, site_of_origin, site_of_url
from .urls import Url

USE_ONE_SITE = (
    "Serve the page and the API from one site, as https://app.acme.com and https://api.acme.com are. Or set "
    "it with Partitioned: then it is for pages of this site only. With Sanic: response.add_cookie(…, "
    "partitioned=True, host_prefix=True, samesite='None')."
)


class CookieJar:
    """The cookies of a browser.

    `clock` returns the time in seconds. `third_party` is whether the browser sends cookies to other sites
    than the page's, and keeps cookies of such sites.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        third_party: bool = True,
        engine: Engine = STANDARD,
    ) -> None:
        self._clock, self._third_party, self._engine = clock, third_party, engine
        self._cookies: list[Cookie] = []

    def build_header(
        self, urls: Sequence[Url], page: str, navigation: str | None = None
    ) -> tuple[str | None, list[Step]]:
        """Return the header Cookie, and a step for each cookie that is not sent.

        `page` is the page's origin. `urls` are the URLs so far; the request is for the last one. `navigation`
        is the method if the browser leaves the page for the URL, None for a request that the page makes.
        """
        sent, steps = [], []
        partitions = (None, _partition(urls[-1], page, navigation))
        cookies = [cookie for cookie in self._find(urls[-1]) if cookie.partition in partitions]
        # longer paths first: https://www.rfc-editor.org/rfc/rfc6265#section-5.4
        for cookie in sorted(cookies, key=lambda cookie: -len(cookie.path)):
            problem = self._sending_problem(cookie, urls, page, navigation)
            if problem is None:
                sent.append(cookie.pair)
                continue
            reason, change = problem
            steps.append(Step(f"The cookie {safe_repr(cookie.name)} is not sent: {reason}", change=change))
        return "; ".join(sent) or None, steps

    def explain_unused(self, url: Url) -> list[Step]:
        """Return a step that lists the cookies for `url`, for a call that does not include credentials."""
        names = [cookie.name for cookie in self._find(url)]
        text = f"The cookies {format_list(names)} are not sent: the page did not set credentials: 'include'"
        change = "Set credentials: 'include' in the page, if the response depends on them."
        return [Step(text, change=change)] if names else []

    def _find(self, url: Url) -> Iterator[Cookie]:
        now = self._clock()
        self._cookies = [cookie for cookie in self._cookies if cookie.expires > now]
        return (cookie for cookie in self._cookies if cookie.is_for(url))

    def _sending_problem(
        self, cookie: Cookie, urls: Sequence[Url], page: str, navigation: str | None
    ) -> tuple[str, str] | None:
        """Return the reason why a cookie is not sent, and what to change."""
        # browsers count http on this machine as secure
        if cookie.secure and not urls[-1].is_trustworthy:
            return "it is Secure, but the URL is http", USE_HTTPS
        relevant = urls if self._engine.redirects_stay_cross_site else urls[-1:]
        cross_site = next((url for url in relevant if not is_same_site(page, url)), None)
        if cross_site is None:
            return None
        if navigation is not None:
            return self._navigation_problem(cookie, navigation, page)
        return self._cross_site_problem(cookie, cross_site, page)

    def _cross_site_problem(self, cookie: Cookie, url: Url, page: str) -> tuple[str, str] | None:
        """Return the reason why a page of another site neither sends nor gets a cookie."""
        sites = f"{shorten(site_of_url(url))} is another site than the page, {shorten(page)}"
        if cookie.same_site != "none":
            return f"it is SameSite={cookie.same_site.title()}, and {sites}", USE_PARTITIONED
        # a partitioned cookie cannot follow the user from site to site
        if not self._third_party and cookie.partition is None:
            return f"{sites}, and the browser blocks third-party cookies", USE_ONE_SITE
        return None

    def _navigation_problem(self, cookie: Cookie, method: str, page: str) -> tuple[str, str] | None:
        """Return the reason why a navigation from another site does not send a cookie.

        https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#name-the-samesite-attribute-2
        """
        source = f"another site, {shorten(page)}"
        if cookie.same_site == "strict":
            change = "Set it with SameSite=Lax, if links from other sites need it."
            return f"it is SameSite=Strict, and the navigation starts at {source}", change
        is_safe = method in ("GET", "HEAD") or self._clock() < cookie.lax_post_until
        if cookie.same_site == "lax" and not is_safe:
            return f"it is SameSite=Lax, which is not sent with a {method} from {source}", USE_SAME_SITE_NONE
        return None

    def store(self, url: Url, lines: Iterable[str], page: str, navigation: str | None = None) -> list[Step]:
        """Keep the cookies of a response to a page of the origin `page`.

        Returns a step for each cookie that is not kept.
        """
        # the response of a navigation is of the new page, which is not cross-site
        new_page = page if navigation is None else url.origin
        errors = (self._try_to_keep(url, line, new_page) for line in lines)
        return [Step(str(error), change=error.change) for error in errors if error]

    def _try_to_keep(self, url: Url, line: str, page: str) -> NotKeptError | None:
        try:
            self.keep(url, line, page)
        except NotKeptError as error:
            return error
        return None

    def keep(self, url: Url, line: str, page: str) -> None:
        """Keep the cookie of one Set-Cookie line. Raises NotKeptError."""
        cookie = parse_cookie(line, url, self._clock(), page, self._engine)
        if not is_same_site(page, url) and (problem := self._cross_site_problem(cookie, url, page)):
            raise NotKeptError(cookie.name, *problem)
        # a network attacker must not replace a Secure cookie over http
        if not (cookie.secure or url.is_trustworthy) and self._has_secure(cookie.name, url):
            raise NotKeptError(cookie.name, "there is a Secure one of this name, and this is http")
        # a new value takes the place of the old one, since the order of cookies is that of their creation
        for place, other in enumerate(self._cookies):
            if cookie.replaces(other):
                self._cookies[place] = cookie
                return
        self._cookies.append(cookie)

    def _has_secure(self, name: str, url: Url) -> bool:
        return any(cookie.secure and cookie.name == name and cookie.is_for(url) for cookie in self._cookies)


def _partition(url: Url, page: str, navigation: str | None) -> str:
    """Return the site of the page that cookies are for: of the new page, if the browser navigates."""
    return site_of_origin(page) if navigation is None else site_of_url(url)
