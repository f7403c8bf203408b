"""The entry: `cors_group()` turns blueprints and a policy into a blueprint group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from types import EllipsisType
from typing import Any

from sanic import Blueprint, Request, Sanic
from sanic.blueprints import BlueprintGroup

from .app.hooks import AppHooks
from .app.middleware import active_policy_of_request
from .app.routes import AnySanic
from .app.section import Section
from .arguments import check_member, check_policy, check_report_only, flatten, policy_or_fields
from .decision.active_policy import ReportOnly
from .decision.differences import Differences
from .decision.origin_functions import decide_origin
from .live.follower import Live
from .live.options import Source, check_options, check_source
from .policy.aliases import explain_unknown_arguments
from .policy.fields import CheckRequests, Entries, Names, OriginFunction, Star
from .policy.policy import CorsPolicy
from .spec.fetch import ORIGIN


class CorsGroup(BlueprintGroup):
    """A blueprint group whose routes, and nothing else of the app, have CORS: a section.

        section: CorsGroup = cors_group(v1)
        section.append(v2)
        app.blueprint(section)
        section.reconfigure(section.policy.replace(max_age=60))

    It nests in other groups, and takes `append`, `on_request`, `on_response`, `middleware` and `exception`
    as every `BlueprintGroup` does. Made by `cors_group`.

    To iterate over it yields one more blueprint, first and without routes, which registers the section.
    `blueprints`, `len()` and indexing have just what was wrapped.
    """

    __slots__ = ("section",)

    def __init__(
        self, policy: CorsPolicy, report_only: ReportOnly | None, whole: AnySanic | None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.section: Section = Section(self, policy, report_only, whole, AppHooks.of)

    @property
    def policy(self) -> CorsPolicy:
        """The policy in force: `group.policy.allow_origins`."""
        return self.section.active_policy.policy

    @property
    def report_only(self) -> CorsPolicy | None:
        """The report-only policy now; `reconfigure(group.report_only, report_only=None)` enforces it."""
        return self.section.active_policy.report_only

    def differences(self) -> Differences:
        """Return what the report-only policy would have decided differently in this worker, by count.

        Each request with a difference is counted, whether or not the log has a line about it. The list has
        the most frequent 1,000 differences; its `rest` is the number of requests with others.
        """
        return self.section.active_policy.differences

    @explain_unknown_arguments
    def reconfigure(self, policy: CorsPolicy, *, report_only: ReportOnly | EllipsisType | None = ...) -> None:
        """Put another policy in force for all later requests of this worker, in one step.

        Inner sections, routes with a `ctx_cors` and other workers keep their policies. If the allowed origins
        change while the app runs, keep them in a store and `follow` it. The report-only policy stays, unless
        `report_only` is another one, or a function that makes it of the policy in force; None ends it.

        Raises:
            TypeError: `policy` or `report_only` is not a CorsPolicy, or the function returned something else.
            ValueError: the function failed.
        """
        if report_only is not ...:
            report_only = check_report_only(report_only)
        checked = check_policy("reconfigure()", policy)
        self.section.warn_reconfigured()
        self.section.active_policy.change(checked, report_only)

    def follow(
        self,
        source: Source,
        *,
        keep: Entries | OriginFunction | EllipsisType = ...,
        wait: float | timedelta = 10,
        required: bool = False,
        retry: float | timedelta = 10,
        stale_after: float | timedelta | None = None,
    ) -> None:
        """Let the allowed origins come from a store, in each worker, while the app runs.

            async def origins(app):  # group.follow(origins)
                while True:
                    yield await app.ctx.store.origins()
                    await asyncio.sleep(5)

        Call it before the app starts. The source begins after the app's `before_server_start` listeners, and
        is closed before its `before_server_stop` listeners. Requests never wait for it. If it fails, the last
        valid origins stay in force, and it is run again. Groups of an app that follow the same function share
        one run of it, and have the same `wait`, `required`, `retry` and `stale_after`.

        A collection, or a function, is allowed beside the declared origins. An entry that is not valid, such
        as `"*"`, is left out and named in the log. The string `"*"` alone allows every origin, if the policy
        may. A `CorsPolicy` replaces all fields. All responses vary with `Origin`.

        Args:
            source: an async generator function that takes the app, and yields at once and after each change.
            keep: origins, patterns and functions that stay allowed beside those of the source. Without it,
                all that `allow_origins` declares, except `"*"`; `()` keeps nothing.
            wait: seconds, or a timedelta, that a start waits for the first value before it goes on without.
            required: whether the app does not start without a first value.
            retry: seconds, or a timedelta, at most between two tries: it grows from 1 s, until a valid value.
            stale_after: seconds, or a timedelta, without a value, after which `live.error` is set.

        Raises:
            TypeError: `source` is not an async generator function, a time is not one, or `keep` is `"*"`.
            CorsPolicyError: an entry of `keep` is not valid.
            ValueError: the group follows a source already, or another group does with other options.
        """
        check_source(source)
        self.section.follow(source, check_options(wait, required, retry, stale_after), keep)

    @property
    def live(self) -> Live | None:
        """The state of the live origins, for a health check; None if the group does not follow a source."""
        return self.section.follower.live if self.section.follower else None

    async def allows(self, request: Request[Any, Any]) -> bool:
        """Return whether the page that sent a request may read the response; origin functions are called.

            async def add_timing(request, response):  # to refuse forged requests: check_requests
                if await group.allows(request):
                    response.headers["timing-allow-origin"] = request.headers["origin"]

        By the policy in force of its route; a function is called once for each request and policy. False
        without `Origin` or with several, outside of the group, and for the server's own pages unless the
        policy names them.
        """
        active = active_policy_of_request(request)
        # sections inside of this one, too
        sections = {self.section, *self.section.innermost_sections().values()}
        if active is None or all(active.section is not section.active_policy for section in sections):
            return False
        origins = request.headers.getall(ORIGIN, ())
        if len(origins) != 1:
            return False
        # The policy in force now, also in a stream that began under another one.
        compiled = active.compiled
        decision = await decide_origin(request, compiled)
        return compiled.allows(origins, decision.grant)

    def __iter__(self) -> Iterator[Blueprint]:
        yield self.section
        # Where Sanic iterates, to register the blueprints, it has registered the section by now.
        registered, self.section.skipped = self.section.skipped, frozenset()
        yield from (each for each in self.blueprints if each not in registered)

    def append(self, value: Blueprint | BlueprintGroup) -> None:
        """Add a blueprint, or a group, to the section."""
        self.insert(len(self.blueprints), value)

    def insert(self, index: int, item: Blueprint | BlueprintGroup) -> None:
        """Add a blueprint, or a group, at a place."""
        super().insert(index, check_member(item, (Blueprint, BlueprintGroup)))
        self.section.watch(item)


@explain_unknown_arguments
@policy_or_fields
def cors_group(
    *blueprints: Blueprint | BlueprintGroup | AnySanic | Iterable[Blueprint | BlueprintGroup],
    policy: CorsPolicy | None = None,
    report_only: ReportOnly | None = None,
    allow_origins: Star | Entries | OriginFunction = "*",
    allow_credentials: bool = False,
    allow_methods: Star | Names = "*",
    allow_headers: Star | Names = "*",
    expose_headers: Star | Names = (),
    max_age: int | timedelta | None = 600,
    origin_timeout: float | timedelta = 5,
    check_websockets: bool = True,
    check_requests: CheckRequests = False,
    dangerously_allow_insecure_origins: bool = False,
    dangerously_allow_public_suffixes: bool = False,
    url_prefix: str | None = None,
    version: int | str | float | None = None,
    strict_slashes: bool | None = None,
    version_prefix: str = "/v",
    name_prefix: str | None = "",
) -> CorsGroup:
    """Wrap blueprints into a group that gives CORS to just their routes.

        app.blueprint(cors_group(api_bp))                                   # any origin, no credentials
        app.blueprint(cors_group(v1, v2, allow_origins=["https://app.example"], allow_credentials=True))

    Args:
        *blueprints: blueprints and groups, other sections among them: the innermost section decides. The app
            itself stands for every route that no other section has. A registered blueprint keeps its path.
        policy: a policy, instead of the fields that follow.
        report_only: a second policy, which is never in force: what it would decide differently is reported.
            Or a function that makes it of the policy in force, at each change of it:
            `lambda policy: policy.replace(allow_methods=["GET"])`.
        allow_origins: whose pages may read responses: `"*"` for every origin; or origins, patterns
            (`"https://*.example.com"`, `"http://localhost:*"`) and functions `(origin, request) -> bool`.
        allow_credentials: whether pages may send cookies. Needs origins other than `"*"`.
        allow_methods: `"*"` for every method that the routes serve, or a collection to restrict them to.
        allow_headers: `"*"`, `authorization` included, or the request headers that pages may set.
        expose_headers: `"*"`, or the response headers that pages may read besides the safelisted ones.
        max_age: seconds, or a timedelta, for which browsers may cache a preflight; None leaves it to them.
        origin_timeout: seconds, or a timedelta, that each async origin function may take.
        check_websockets: whether to refuse WebSocket handshakes of origins that are not allowed.
        check_requests: which forged requests to refuse: `"writes"` for POST, PUT, PATCH, DELETE; or `"all"`.
        dangerously_allow_insecure_origins: whether to accept `http` origins together with credentials.
        dangerously_allow_public_suffixes: whether to accept wildcards for names that anyone can register.
        url_prefix, version, strict_slashes, version_prefix, name_prefix: as in `Blueprint.group`.

    Returns:
        A `CorsGroup`, which is registered and nested like every `BlueprintGroup`.

    Raises:
        TypeError: no blueprint, an argument of a wrong type, two apps, or `policy` together with fields.
        ValueError: the function of `report_only` failed.
        CorsPolicyError: the policy cannot work, or would be a hole; it lists everything that is wrong.
    """
    members = list(flatten(blueprints))
    if not members:
        raise TypeError("cors_group() needs at least one blueprint: cors_group(api_bp)")
    apps = list(dict.fromkeys(member for member in members if isinstance(member, Sanic)))
    if len(apps) > 1:
        raise TypeError(f"cors_group() wraps the routes of one app, not of {' and '.join(map(repr, apps))}")
    group = CorsGroup(
        check_policy("policy=", policy),  # which the fields have become, where they came
        check_report_only(report_only),
        apps[0] if apps else None,
        url_prefix=url_prefix,
        version=version,
        strict_slashes=strict_slashes,
        version_prefix=version_prefix,
        name_prefix=name_prefix,
    )
    group.extend(member for member in members if not isinstance(member, Sanic))
    return group
