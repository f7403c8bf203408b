"""Pure: a browser's cookies: which it keeps, which it sends, and why one stays at home.

https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html. Python's own jars know no SameSite.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz

from corsbp.text import safe_repr

from .engines import STANDARD, Engine
from .result import Step, cut, quoted
from .sites import is_ip, is_public_suffix, is_same_site, site, site_of
from .urls import Url

MOST_BYTES = 4096
"""Of a cookie's name and value together."""

MOST_OF_ATTRIBUTE = 1024
"""Bytes of an attribute's value; a longer one is ignored."""

LONGEST_AGE = 400 * 86400
"""Seconds after which every cookie is gone."""

CROSS_SITE = (
    "Set it with SameSite=None; Secure. With Sanic: response.add_cookie(…, samesite='None', secure=True), "
    "since Sanic says Lax by itself."
)
BLOCKED = (
    "Serve the page and the API from one site, as https://app.acme.com and https://api.acme.com are. Or set "
    "it with Partitioned: then it is for pages of this site alone. With Sanic: response.add_cookie(…, "
    "partitioned=True, host_prefix=True, samesite='None')."
)
_HTTPS = "Serve it over https."

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_AGE = re.compile(r"-?[0-9]+")


class NotKeptError(ValueError):
    """A browser does not keep this cookie; `change` says what would help."""

    def __init__(self, name: str, reason: str, change: str | None = None) -> None:
        super().__init__(f"The browser does not keep the cookie {safe_repr(name)}: {reason}")
        self.change = change


@dataclass(slots=True)
class Cookie:
    """A cookie that is kept; `host` is the one that set it, or the domain with all that is below."""

    name: str
    value: str
    host: str
    host_only: bool
    path: str
    secure: bool
    same_site: str
    expires: float
    partition: str | None
    """The site of the pages that it is for, of a cookie that is Partitioned; else None: for all pages."""

    @property
    def pair(self) -> str:
        return f"{self.name}={self.value}" if self.name else self.value

    def is_for(self, url: Url) -> bool:
        """Whether its domain and path are those of `url`."""
        hosts = self.host == url.host if self.host_only else is_within(url.host, self.host)
        return hosts and is_below(url.target.partition("?")[0], self.path)

    def is_named_as(self, other: Cookie) -> bool:
        """Whether it is replaced by the other one."""
        mine = (self.name, self.host, self.host_only, self.path, self.partition)
        return mine == (other.name, other.host, other.host_only, other.path, other.partition)


class Cookies:
    """A cookie jar; `clock` tells the time in seconds.

    `third_party` is whether cookies go to other sites than the page's at all, and are taken from them.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        third_party: bool = True,
        engine: Engine = STANDARD,
    ) -> None:
        self._clock, self._third_party, self._engine = clock, third_party, engine
        self._kept: list[Cookie] = []

    def header(self, url: Url, page: str, before: Sequence[Url] = ()) -> tuple[str | None, list[Step]]:
        """The header Cookie of a request that a page of the origin `page` sends, and why others stay.

        `before`: the addresses whose redirects led there.
        """
        sent, stay, mine = [], [], (None, site_of(page))
        way = [*before, url] if self._engine.redirects_are_foreign else [url]
        kept = (cookie for cookie in self._for(url) if cookie.partition in mine)
        for cookie in sorted(kept, key=lambda each: -len(each.path)):
            if reason := self._stays(cookie, way, page):
                text, change = reason
                stay.append(Step(f"The cookie {safe_repr(cookie.name)} stays at home: {text}", change=change))
            else:
                sent.append(cookie.pair)
        return "; ".join(sent) or None, stay

    def unasked(self, url: Url) -> list[Step]:
        """A word on cookies for `url` that stay at home since the page did not ask for them."""
        names = [cookie.name for cookie in self._for(url)]
        text = f"The cookies {quoted(names)} stay at home: the page did not say credentials: 'include'"
        change = "Say credentials: 'include' in the page, if the answer depends on them."
        return [Step(text, change=change)] if names else []

    def _for(self, url: Url) -> Iterator[Cookie]:
        now = self._clock()
        self._kept = [cookie for cookie in self._kept if cookie.expires > now]
        return (cookie for cookie in self._kept if cookie.is_for(url))

    def _stays(self, cookie: Cookie, way: Sequence[Url], page: str) -> tuple[str, str] | None:
        if cookie.secure and not way[-1].is_trustworthy:
            return "it is Secure, and the address is http", _HTTPS
        foreign = next((url for url in way if not is_same_site(page, url)), None)
        return None if foreign is None else self._foreign(cookie, foreign, page)

    def _foreign(self, cookie: Cookie, url: Url, page: str) -> tuple[str, str] | None:
        """Why a page of another site neither sends nor gets a cookie."""
        sites = f"{cut(site(url))} is another site than that of the page, {cut(page)}"
        if cookie.same_site != "none":
            return f"it is SameSite={cookie.same_site.title()}, and {sites}", CROSS_SITE
        if not self._third_party and cookie.partition is None:
            return f"{sites}, and the browser blocks cookies there", BLOCKED
        return None

    def store(self, url: Url, lines: Iterable[str], page: str) -> list[Step]:
        """Take the Set-Cookie lines of an answer to a page of the origin `page`; why some are not kept."""
        return [
            Step(f"{error}", change=error.change) for line in lines if (error := self._fault(url, line, page))
        ]

    def _fault(self, url: Url, line: str, page: str) -> NotKeptError | None:
        try:
            self.keep(url, line, page)
        except NotKeptError as error:
            return error
        return None

    def keep(self, url: Url, line: str, page: str) -> None:
        """Take one Set-Cookie line. Raises NotKeptError."""
        now = self._clock()
        cookie = read(line, url, now, page, self._engine)
        if not is_same_site(page, url) and (foreign := self._foreign(cookie, url, page)):
            raise NotKeptError(cookie.name, *foreign)
        secure = (other for other in self._kept if other.secure and other.name == cookie.name)
        if not (cookie.secure or url.is_trustworthy) and any(other.is_for(url) for other in secure):
            raise NotKeptError(cookie.name, "there is a Secure one of this name, and this is http")
        # the turn of a new value among the others is that of the old one
        places = [place for place, other in enumerate(self._kept) if other.is_named_as(cookie)]
        place = places[0] if places else len(self._kept)
        self._kept[place : place + 1] = [cookie]


def read(line: str, url: Url, now: float, page: str, engine: Engine = STANDARD) -> Cookie:
    """The cookie that an answer of `url` sets with a line, for a page of an origin. Raises NotKeptError."""
    pair, *rest = line.split(";")
    if "=" not in pair:
        pair = f"{pair}=" if engine.silent_name_is_name else f"={pair}"
    name, value = (part.strip(" \t") for part in pair.split("=", 1))
    if engine.cookies_end_at_non_ascii:
        value = re.sub(r"[^\x00-\x7f].*", "", value)
    if _CONTROLS.search(line):
        raise NotKeptError(name, "there is a control character in its line")
    if not name and (not value or engine.silent_name_is_name):
        raise NotKeptError(name, "it has neither name nor value" if not value else "it has no name")
    if len(name) + len(value) > MOST_BYTES and not engine.keeps_long_cookies:
        raise NotKeptError(name, f"its name and value have more than {MOST_BYTES} bytes")
    said = dict(_attributes(rest, engine))
    host, host_only = _domain(said.get("domain", ""), url.host, name)
    same_site = said.get("samesite", "").lower()
    unsaid = "none" if engine.silent_cookies_travel else "lax"
    cookie = Cookie(
        name,
        value,
        host,
        host_only,
        said["path"] if said.get("path", "").startswith("/") else _default_path(url),
        "secure" in said,
        same_site if same_site in ("none", "lax", "strict") else unsaid,
        now + min(_age(said), LONGEST_AGE),
        site_of(page) if "partitioned" in said else None,
    )
    if cookie.secure and not (
        url.is_trustworthy and (url.is_encrypted or not engine.secure_cookies_need_https)
    ):
        raise NotKeptError(name, "it is Secure, and set over http", _HTTPS)
    if same_site == "none" and not (cookie.secure or engine.none_needs_no_secure):
        raise NotKeptError(name, "SameSite=None needs Secure beside it", CROSS_SITE)
    if cookie.partition and not cookie.secure:
        raise NotKeptError(name, "Partitioned needs Secure beside it")
    if not engine.knows_no_prefixes:
        _check_prefix(cookie, said)
    return cookie


def _attributes(parts: Iterable[str], engine: Engine) -> Iterator[tuple[str, str]]:
    """The attributes that count, by names in lower case; of several of one name, the last counts."""
    for part in parts:
        key, _, text = (each.strip(" \t") for each in part.partition("="))
        nonsense = {
            "max-age": not _AGE.fullmatch(text),
            "expires": _time(text) is None,
            "domain": not text.removeprefix("."),
        }
        if (engine.keeps_long_cookies or len(text) <= MOST_OF_ATTRIBUTE) and not nonsense.get(key.lower()):
            yield key.lower(), text


def _age(said: dict[str, str]) -> float:
    """Seconds that a cookie lives; one that does not say lives as long as the browser does."""
    if age := said.get("max-age"):
        return -1 if age.startswith("-") else float(age[:20])
    until = _time(said.get("expires", ""))
    return LONGEST_AGE if until is None else until - time.time()


def _time(text: str) -> float | None:
    """A date, in seconds since 1970; None for nonsense."""
    try:
        parsed = parsedate_tz(text)
        return mktime_tz(parsed) if parsed else None
    except (ValueError, OverflowError, IndexError):  # the 99th of a month
        return None


def _domain(text: str, host: str, name: str) -> tuple[str, bool]:
    """Whose a cookie is, and whether it is of this host alone."""
    domain = text.removeprefix(".").lower()
    if not domain or (domain == host and is_public_suffix(host)):
        return host, True
    if not is_within(host, domain):
        raise NotKeptError(name, f"its Domain is {safe_repr(text)}, and {cut(host)} set it")
    if is_public_suffix(domain):
        raise NotKeptError(name, f"its Domain is {safe_repr(text)}, below which strangers register names")
    return domain, False


def _check_prefix(cookie: Cookie, said: dict[str, str]) -> None:
    """What a name promises: https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes"""
    name = (cookie.name or cookie.value).lower()
    if not name.startswith(("__secure-", "__host-")):
        return
    if not cookie.name:
        raise NotKeptError(cookie.value, "it has no name")
    if not cookie.secure:
        raise NotKeptError(cookie.name, "a name that begins so needs Secure")
    if name.startswith("__host-") and not (cookie.host_only and said.get("path") == "/"):
        raise NotKeptError(cookie.name, "a name that begins so needs Path=/, and no Domain")


def _default_path(url: Url) -> str:
    return url.target.partition("?")[0].rpartition("/")[0] or "/"


def is_within(host: str, domain: str) -> bool:
    """Whether a host is a domain, or a name below it."""
    return host == domain or (host.endswith(f".{domain}") and not is_ip(host))


def is_below(path: str, above: str) -> bool:
    """Whether a request's path is that of a cookie, or below it."""
    return path == above or path.startswith(above if above.endswith("/") else f"{above}/")
