"""Pure: one Set-Cookie line: the cookie that it sets, or the reason why browsers do not keep it.

https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#name-storage-model
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz

from corsbp.text import safe_repr

from .engines import STANDARD
from .quirks import Engine
from .short_text import shorten
from .sites import is_ip, is_public_suffix, site_of_origin
from .urls import Url

MAX_COOKIE_BYTES = 4096
"""Bytes of a cookie's name and value together."""

MAX_ATTRIBUTE_BYTES = 1024
"""Bytes of an attribute's value; a longer one is ignored."""

MAX_LIFETIME = 400 * 86400
"""Seconds after which every cookie expires."""

USE_SAME_SITE_NONE = (
    "Set it with SameSite=None; Secure. With Sanic: response.add_cookie(…, samesite='None', secure=True), "
    "since Sanic sets Lax by default."
)
# Sanic makes a partitioned cookie only with the prefix `__Host-`, and reads it back without the prefix.
USE_PARTITIONED = (
    "Set it with SameSite=None; Secure; Partitioned. With Sanic: response.add_cookie(…, samesite='None', "
    "secure=True, partitioned=True, host_prefix=True), since Sanic sets Lax by default. Without Partitioned, "
    "browsers that block third-party cookies do not send it."
)
USE_HTTPS = "Serve it over https."

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_AGE = re.compile(r"-?[0-9]+")


class NotKeptError(ValueError):
    """A browser does not keep this cookie. `change` is what to change, if that is known."""

    def __init__(self, name: str, reason: str, change: str | None = None) -> None:
        super().__init__(f"The browser does not keep the cookie {safe_repr(name)}: {reason}")
        self.change = change


@dataclass(slots=True)
class Cookie:
    """A cookie that a browser keeps."""

    name: str
    value: str
    host: str
    """The host that set it, or the domain for which it is set."""

    host_only: bool
    """Whether it is for `host` only, and not for the hosts below it."""

    path: str
    secure: bool
    same_site: str
    lax_post_until: float
    """Time until which forms of other sites send it, because its SameSite is Lax by default."""

    expires: float
    partition: str | None
    """The site of the pages that the cookie is for, if it is Partitioned; None if it is for all pages."""

    @property
    def pair(self) -> str:
        """`name=value`, as in the header Cookie."""
        return f"{self.name}={self.value}" if self.name else self.value

    def is_for(self, url: Url) -> bool:
        """Check whether the domain and the path of the cookie match a URL."""
        path = url.target.partition("?")[0]
        has_host = url.host == self.host if self.host_only else is_within(url.host, self.host)
        return has_host and is_below(path, self.path)

    def replaces(self, other: Cookie) -> bool:
        """Check whether this cookie takes the place of another one."""
        key = (self.name, self.host, self.host_only, self.path, self.partition)
        return key == (other.name, other.host, other.host_only, other.path, other.partition)


def parse_cookie(line: str, url: Url, now: float, page: str, engine: Engine = STANDARD) -> Cookie:
    """Parse a Set-Cookie line in a response of `url` to a page of the origin `page`. Raises NotKeptError."""
    pair, *rest = line.split(";")
    name, value = _split_pair(pair, engine)
    _check_size(line, name, value, engine)
    attributes = dict(_parse_attributes(rest, engine))
    host, host_only = _parse_domain(attributes.get("domain", ""), url.host, name)
    path = attributes.get("path", "")
    partition = site_of_origin(page) if "partitioned" in attributes else None
    cookie = Cookie(
        name,
        value,
        host,
        host_only,
        path if path.startswith("/") else _default_path(url),
        "secure" in attributes,
        _parse_same_site(attributes) or ("none" if engine.default_same_site_is_none else "lax"),
        now if _parse_same_site(attributes) else now + engine.default_lax_post_seconds,
        now + min(_parse_lifetime(attributes), MAX_LIFETIME),
        partition,
    )
    _check_secure(cookie, attributes, url, engine)
    if not engine.ignores_cookie_prefixes:
        _check_prefix(cookie, attributes)
    return cookie


def _split_pair(pair: str, engine: Engine) -> tuple[str, str]:
    # the standard reads `a` as a value without a name
    if "=" not in pair:
        pair = f"{pair}=" if engine.text_without_equals_is_name else f"={pair}"
    name, value = (part.strip(" \t") for part in pair.split("=", 1))
    if engine.cuts_cookies_at_non_ascii:
        value = re.sub(r"[^\x00-\x7f].*", "", value)
    return name, value


def _check_size(line: str, name: str, value: str, engine: Engine) -> None:
    # the whole line counts, not only name and value
    if _CONTROLS.search(line):
        raise NotKeptError(name, "its line has a control character")
    if not name and not value:
        raise NotKeptError(name, "it has neither name nor value")
    if not name and engine.text_without_equals_is_name:
        raise NotKeptError(name, "it has no name")
    if len(name) + len(value) > MAX_COOKIE_BYTES and not engine.keeps_long_cookies:
        raise NotKeptError(name, f"its name and value have more than {MAX_COOKIE_BYTES} bytes")


def _check_secure(cookie: Cookie, attributes: Mapping[str, str], url: Url, engine: Engine) -> None:
    accepted = url.is_encrypted if engine.secure_cookies_need_https else url.is_trustworthy
    if cookie.secure and not accepted:
        raise NotKeptError(cookie.name, "it is Secure, but was set over http", USE_HTTPS)
    # the attribute, not the default of the engine
    is_none = attributes.get("samesite", "").lower() == "none"
    if is_none and not cookie.secure and not engine.same_site_none_needs_no_secure:
        raise NotKeptError(cookie.name, "SameSite=None needs Secure", USE_PARTITIONED)
    if cookie.partition and not cookie.secure:
        raise NotKeptError(cookie.name, "Partitioned needs Secure")


def _check_prefix(cookie: Cookie, attributes: Mapping[str, str]) -> None:
    """Check the rules of the prefix of a name: https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes"""
    # a value without a name could be taken for a name by the server
    name = (cookie.name or cookie.value).lower()
    if not name.startswith(("__secure-", "__host-")):
        return
    if not cookie.name:
        raise NotKeptError(cookie.value, "it has no name")
    if not cookie.secure:
        raise NotKeptError(cookie.name, "a name with this prefix needs Secure")
    if name.startswith("__host-") and not (cookie.host_only and attributes.get("path") == "/"):
        raise NotKeptError(cookie.name, "a name with this prefix needs Path=/ and no Domain")


def _parse_attributes(parts: Iterable[str], engine: Engine) -> Iterator[tuple[str, str]]:
    """Yield the valid attributes, with names in lower case. Of several with one name, the last counts."""
    for part in parts:
        key, _, text = (each.strip(" \t") for each in part.partition("="))
        name = key.lower()
        # a longer attribute is ignored, and the cookie is kept
        fits = len(text) <= MAX_ATTRIBUTE_BYTES or engine.keeps_long_cookies
        if fits and _is_valid(name, text):
            yield name, text


def _is_valid(name: str, text: str) -> bool:
    match name:
        case "max-age":
            return _AGE.fullmatch(text) is not None
        case "expires":
            return _parse_date(text) is not None
        case "domain":
            return text.removeprefix(".") != ""
    return True


def _parse_same_site(attributes: Mapping[str, str]) -> str | None:
    """Return the value of SameSite, or None if it is missing or unknown."""
    same_site = attributes.get("samesite", "").lower()
    return same_site if same_site in ("none", "lax", "strict") else None


def _parse_lifetime(attributes: Mapping[str, str]) -> float:
    """Return the seconds for which a cookie is kept: without an attribute, until the browser is closed."""
    # Max-Age takes precedence over Expires
    if age := attributes.get("max-age"):
        # Twenty digits exceed every limit; converting a million of them would take Python long.
        return -1 if age.startswith("-") else float(age[:20])
    # an invalid date was left out with the invalid attributes
    expires = _parse_date(attributes.get("expires", ""))
    return MAX_LIFETIME if expires is None else expires - time.time()


def _parse_date(text: str) -> float | None:
    """Return a date in seconds since 1970, or None if it is invalid."""
    try:
        parsed = parsedate_tz(text)
        return mktime_tz(parsed) if parsed else None
    except (ValueError, OverflowError, IndexError):  # for example the 99th of a month
        return None


def _parse_domain(text: str, host: str, name: str) -> tuple[str, bool]:
    """Return the host or domain of a cookie, and whether the cookie is for this host only."""
    domain = text.removeprefix(".").lower()
    # a public suffix may set cookies for itself: https://github.io, localhost
    if not domain or (domain == host and is_public_suffix(host)):
        return host, True
    if not is_within(host, domain):
        raise NotKeptError(name, f"its Domain is {safe_repr(text)}, but {shorten(host)} set it")
    if is_public_suffix(domain):
        reason = f"its Domain is {safe_repr(text)}, below which anybody can register names"
        raise NotKeptError(name, reason)
    return domain, False


def _default_path(url: Url) -> str:
    return url.target.partition("?")[0].rpartition("/")[0] or "/"


def is_within(host: str, domain: str) -> bool:
    """Check whether a host is a domain, or a name below it."""
    return host == domain or (host.endswith(f".{domain}") and not is_ip(host))


def is_below(path: str, parent: str) -> bool:
    """Check whether a path is another one, or below it."""
    folder = parent if parent.endswith("/") else f"{parent}/"
    return path == parent or path.startswith(folder)
