"""Pure: quirks: the ways in which browser engines deviate from the Fetch standard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A browser engine as a list of its quirks; with no quirk, it is the standard."""

    # Preflights and their cache

    wildcard_covers_authorization: bool = False
    """`*` in `access-control-allow-headers` covers Authorization."""

    upload_method_must_be_allowed: bool = False
    """If only an upload listener causes the preflight, the response must allow the method all the same."""

    negative_max_age_is_zero: bool = False
    """A negative `access-control-max-age` is 0; other invalid values are 5 seconds."""

    invalid_max_age_is_zero: bool = False
    """An invalid `access-control-max-age`, negative numbers included, is 0, not 5 seconds."""

    longest_max_age: int = 86400
    """Seconds after which a preflight is sent again, even if its response allows more."""

    caches_wildcard_for_authorization: bool = False
    """A cached `*` covers Authorization too."""

    caches_no_wildcard: bool = False
    """Permissions that come from `*` are not cached."""

    caches_credentials_separately: bool = False
    """A permission for a request with credentials is not used for requests without."""

    caches_after_refused_responses: bool = False
    """A preflight stays in the cache if the request after it fails the CORS check or redirects to nowhere."""

    caches_after_redirect_errors: bool = False
    """A preflight stays in the cache if the response is a redirect and the page set redirect: "error"."""

    caches_nothing: bool = False
    """No preflight is certain to be cached."""

    # Request headers

    measures_joined_lines: bool = False
    """The length limit applies to all lines of a header joined, not to each line."""

    has_no_total_limit: bool = False
    """Safelisted values can have more than 1,024 bytes together."""

    lists_duplicate_names: bool = False
    """A preflight lists a header twice if the request has it twice."""

    safelists_only_ascii: bool = False
    """An `accept` or `content-type` with a non-ASCII character needs permission."""

    sends_headers_as_utf8: bool = False
    """Latin-1 characters in a header value are sent as UTF-8."""

    reads_headers_as_utf8: bool = False
    """Response headers are read as UTF-8."""

    data_urls_have_length: bool = False
    """The response of a `data:` URL has a `content-length`."""

    # Redirects

    repeats_preflight_after_redirect: bool = False
    """After a redirect, a request that needed a preflight gets one again, even if it needs none any more."""

    preflights_dropped_headers: bool = False
    """A preflight after a redirect lists all headers before it, even those that are not sent any more."""

    preflights_keep_origin: bool = False
    """A preflight after a redirect has the page's origin, while the request after it has null."""

    no_cors_origin_is_null_at_once: bool = False
    """In mode "no-cors", the origin is null after the first redirect to another origin."""

    no_cors_keeps_cookies: bool = False
    """In mode "no-cors", a request to the page's own origin sends cookies also after a redirect elsewhere."""

    ignores_empty_location: bool = False
    """A redirect with an empty URL is an ordinary response, which the page reads."""

    refuses_empty_location: bool = False
    """A redirect with an empty URL fails; the standard requests the same URL 20 times more."""

    redirect_error_needs_location: bool = False
    """A redirect without a URL is an ordinary response if the page set redirect: "error"."""

    reads_redirect_without_location: bool = False
    """The page can read the body of a redirect without a URL if it set redirect: "manual"."""

    refuses_user_info_in_redirects: bool = False
    """A redirect to a URL with a user name always fails."""

    merges_equal_locations: bool = False
    """A redirect with the same URL twice is followed."""

    joins_locations: bool = False
    """A redirect with two URLs goes to one URL with a comma in it."""

    keeps_location_bytes: bool = False
    """Non-ASCII bytes in the URL of a redirect are escaped as they are, not read as Latin-1."""

    navigation_origin_is_null_at_once: bool = False
    """The origin of a form is null after the first redirect to another origin."""

    # Cookies

    default_lax_post_seconds: int = 0
    """Seconds for which a cookie without a SameSite attribute is sent with forms of other sites."""

    default_same_site_is_none: bool = False
    """A cookie without a SameSite attribute is None, not Lax, and is sent to other sites."""

    secure_cookies_need_https: bool = False
    """Secure cookies are not kept over http, not even on this machine."""

    same_site_none_needs_no_secure: bool = False
    """SameSite=None does not need Secure."""

    ignores_cookie_prefixes: bool = False
    """`__Host-` and `__Secure-` in a name have no meaning."""

    keeps_long_cookies: bool = False
    """A cookie can have more than 4,096 bytes, and its attributes more than 1,024."""

    cuts_cookies_at_non_ascii: bool = False
    """A cookie value ends at its first non-ASCII character."""

    text_without_equals_is_name: bool = False
    """A cookie line without `=` has a name and no value; cookies without a name are not kept."""

    redirects_stay_cross_site: bool = False
    """After a redirect from another site, the request is cross-site for cookies."""

    # Other calls, and the local network

    has_no_beacon_limit: bool = False
    """A beacon can have more than 65,536 bytes."""

    asks_for_local_network: bool = False
    """A public page needs the user's permission to call a host of the local network, or of this machine."""

    # Request headers that the browser sets

    cors_elements_have_origin: bool = False
    """Images and scripts that use CORS have an `origin` also on the page's own origin."""

    redirects_to_other_origins_are_cross_site: bool = False
    """After a redirect, another origin of the same site is `sec-fetch-site: cross-site`."""

    redirects_drop_metadata: bool = False
    """After a redirect to another origin, mode "cors" sends no `Sec-Fetch-*`."""

    ip_addresses_are_never_same_site: bool = False
    """Two ports of one IP address are not `same-site` for `Cross-Origin-Resource-Policy`."""

    handshakes_have_no_accept: bool = False
    """WebSocket handshakes have no `accept`."""

    handshakes_have_no_metadata: bool = False
    """WebSocket handshakes have no `Sec-Fetch-*`."""

    handshakes_have_destination_websocket: bool = False
    """WebSocket handshakes have `sec-fetch-dest: websocket`, not `empty`."""

    refused_handshakes_set_no_cookies: bool = False
    """A handshake that is refused sets no cookies."""
