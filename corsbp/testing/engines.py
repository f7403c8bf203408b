"""Pure: in what browsers differ from the standard: a table, each line of which some engine is seen to do.

`tests/browsers` compares each engine with its model here, in each scenario.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

EngineName: TypeAlias = Literal["standard", "today", "chromium", "firefox", "webkit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What a browser does that the standard does not say: with nothing of it, this is the standard."""

    # Preflights, and the memory of them

    star_covers_authorization: bool = False
    """`*` in `access-control-allow-headers` covers Authorization."""

    listener_allows_nothing: bool = False
    """If only a listener on the upload made the preflight, the method has to be allowed all the same."""

    negative_age_is_zero: bool = False
    """A negative `access-control-max-age` is 0; other nonsense is 5 seconds."""

    nonsense_age_is_zero: bool = False
    """Nonsense in `access-control-max-age`, negative numbers included, is 0, and not 5 seconds."""

    longest_max_age: int = 86400
    """Seconds after which a preflight is sent again, whatever its answer said."""

    remembers_star_for_authorization: bool = False
    """What `*` allowed is remembered for Authorization, too."""

    remembers_no_star: bool = False
    """What `*` allowed is not remembered."""

    remembers_credentials_apart: bool = False
    """What is allowed with credentials is not remembered for requests without."""

    remembers_after_refusals: bool = False
    """A preflight is remembered though the answer to its request was refused, or led nowhere."""

    remembers_after_redirect_errors: bool = False
    """A preflight is remembered though the answer was a redirect, and the page said redirect: "error"."""

    remembers_nothing: bool = False
    """No preflight can be counted on to be remembered."""

    # Request headers

    joins_before_measuring: bool = False
    """Lines of one name are joined before they are measured, not measured each."""

    measures_no_sum: bool = False
    """Safelisted values may have more than 1,024 bytes together."""

    names_lines_twice: bool = False
    """A preflight names a header twice that is there twice."""

    safe_values_are_ascii: bool = False
    """An `accept` or `content-type` with a letter beyond ASCII needs a permission."""

    sends_utf8: bool = False
    """A letter of Latin-1 in a header is sent as UTF-8."""

    reads_utf8: bool = False
    """The headers of answers are read as UTF-8."""

    data_has_length: bool = False
    """The answer of a `data:` URL has a `content-length`."""

    # Redirects

    needs_permission_for_good: bool = False
    """After a redirect, what needed a preflight has one again, even if what is left of it needs none."""

    asks_for_dropped_headers: bool = False
    """A preflight after a redirect asks for all that was sent before it, though not all of it is sent on."""

    preflights_keep_origin: bool = False
    """A preflight after a redirect has the page's origin, where the request after it has null."""

    no_cors_is_null_at_once: bool = False
    """In mode "no-cors", the origin is null as soon as a redirect leads to another one."""

    no_cors_keeps_cookies: bool = False
    """In mode "no-cors", cookies of the page's own origin go where its redirects lead."""

    empty_location_is_none: bool = False
    """A redirect to an empty address is none: the page reads it."""

    empty_location_fails: bool = False
    """A redirect to an empty address fails, where the standard asks the same address 20 times more."""

    only_locations_redirect: bool = False
    """An answer without an address is no redirect, where the page said redirect: "error"."""

    reads_what_leads_nowhere: bool = False
    """The body of a redirect without an address can be read, where the page said redirect: "manual"."""

    user_info_fails: bool = False
    """A redirect to an address with a user name always fails."""

    same_locations_are_one: bool = False
    """A redirect to the same address twice leads there."""

    locations_are_joined: bool = False
    """A redirect to two addresses leads to one, with a comma inside."""

    location_bytes_are_kept: bool = False
    """Bytes beyond ASCII in the address of a redirect are escaped as they are, not read as Latin-1."""

    # Cookies

    silent_cookies_travel: bool = False
    """A cookie that says nothing of SameSite goes to other sites: it is None, and not Lax."""

    secure_cookies_need_https: bool = False
    """No Secure cookie is kept over http, on this machine either."""

    none_needs_no_secure: bool = False
    """SameSite=None needs no Secure beside it."""

    knows_no_prefixes: bool = False
    """`__Host-` and `__Secure-` in a name mean nothing."""

    keeps_long_cookies: bool = False
    """A cookie may have more than 4,096 bytes, and a longer attribute than 1,024 counts."""

    cookies_end_at_non_ascii: bool = False
    """A value ends where it is no ASCII."""

    silent_name_is_name: bool = False
    """A cookie without `=` is a name, not a value; and one without a name is none."""

    redirects_are_foreign: bool = False
    """After a redirect from another site, the request is one to another site for cookies."""

    # What a browser tells of the page

    other_origin_is_cross_site: bool = False
    """After a redirect, another origin of one site is `sec-fetch-site: cross-site`."""

    redirects_tell_nothing: bool = False
    """After a redirect to another origin, there is no `Sec-Fetch-*` in mode "cors"."""

    addresses_are_no_site: bool = False
    """Two ports of an IP address are no `same-site` for `Cross-Origin-Resource-Policy`."""

    sockets_accept_nothing: bool = False
    """The handshake of a WebSocket has no `accept`."""

    sockets_tell_nothing: bool = False
    """The handshake of a WebSocket has no `Sec-Fetch-*`."""

    sockets_name_themselves: bool = False
    """The handshake of a WebSocket has `sec-fetch-dest: websocket`, not `empty`."""

    sockets_need_success: bool = False
    """A handshake that is refused sets no cookies."""


STANDARD = Engine()
"""https://fetch.spec.whatwg.org"""

CHROMIUM = Engine(
    star_covers_authorization=True,
    listener_allows_nothing=True,
    negative_age_is_zero=True,
    longest_max_age=7200,
    remembers_after_refusals=True,
    remembers_after_redirect_errors=True,
    joins_before_measuring=True,
    no_cors_is_null_at_once=True,
    empty_location_is_none=True,
    only_locations_redirect=True,
    user_info_fails=True,
    same_locations_are_one=True,
    location_bytes_are_kept=True,
    addresses_are_no_site=True,
    sockets_accept_nothing=True,
    sockets_tell_nothing=True,
    sockets_need_success=True,
)

FIREFOX = Engine(
    star_covers_authorization=True,
    listener_allows_nothing=True,
    nonsense_age_is_zero=True,
    remembers_no_star=True,
    remembers_credentials_apart=True,
    remembers_after_redirect_errors=True,
    measures_no_sum=True,
    names_lines_twice=True,
    safe_values_are_ascii=True,
    data_has_length=True,
    needs_permission_for_good=True,
    preflights_keep_origin=True,
    same_locations_are_one=True,
    location_bytes_are_kept=True,
    silent_cookies_travel=True,
    silent_name_is_name=True,
    redirects_are_foreign=True,
    other_origin_is_cross_site=True,
)

WEBKIT = Engine(
    star_covers_authorization=True,
    listener_allows_nothing=True,
    negative_age_is_zero=True,
    longest_max_age=600,
    remembers_star_for_authorization=True,
    remembers_after_refusals=True,
    remembers_after_redirect_errors=True,
    joins_before_measuring=True,
    sends_utf8=True,
    reads_utf8=True,
    needs_permission_for_good=True,
    asks_for_dropped_headers=True,
    no_cors_keeps_cookies=True,
    empty_location_fails=True,
    only_locations_redirect=True,
    reads_what_leads_nowhere=True,
    locations_are_joined=True,
    silent_cookies_travel=True,
    secure_cookies_need_https=True,
    none_needs_no_secure=True,
    knows_no_prefixes=True,
    keeps_long_cookies=True,
    cookies_end_at_non_ascii=True,
    redirects_are_foreign=True,
    redirects_tell_nothing=True,
    sockets_accept_nothing=True,
    sockets_name_themselves=True,
)


def _least(*engines: Engine) -> Engine:
    """What all of these do alike; and of what they remember of preflights, the least."""
    values: dict[str, Any] = {}
    for field in fields(Engine):
        first, *others = (getattr(engine, field.name) for engine in engines)
        values[field.name] = first if all(each == first for each in others) else field.default
    values["longest_max_age"] = min(engine.longest_max_age for engine in engines)
    values["remembers_nothing"] = True  # Firefox forgets the first preflight that it should remember
    return Engine(**values)


TODAY = _least(CHROMIUM, FIREFOX, WEBKIT)
"""What these three all do, and the least of what a page can count on."""

ENGINES: dict[str, Engine] = dict(
    zip(get_args(EngineName), (STANDARD, TODAY, CHROMIUM, FIREFOX, WEBKIT), strict=True)
)
