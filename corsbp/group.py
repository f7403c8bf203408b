"""The front door: `cors_group()` turns blueprints and a policy into a blueprint group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import wraps
from types import EllipsisType
from typing import Any, ParamSpec, TypeVar, cast

from sanic import Blueprint, Request, Sanic
from sanic.blueprints import BlueprintGroup

from .app.hooks import AppHooks
from .app.middleware import active_policy_of_request
from .app.routes import AnySanic
from .app.section import Section
from .decision.active_policy import ReportOnly
from .decision.differences import Differences
from .decision.origin_functions import decide_origin
from .live.follower import Live
from .live.options import Source, check_options, check_source
from .policy.aliases import explain_unknown_arguments, policy_hint
from .policy.fields import Entries, Fields, Names, OriginFunction, Star
from .policy.policy import CorsPolicy
from .spec.fetch import ORIGIN

Args = ParamSpec("Args")
Result = TypeVar("Result")


class CorsGroup(BlueprintGroup):
    """A blueprint group whose routes, and nothing else of the app, have CORS: a section.

        section: CorsGroup = cors_group(v1)
        section.append(v2)
        app.blueprint(section)
        section.reconfigure(section.policy.replace(max_age=60))

    It nests in other groups, and takes `append`, `on_request`, `on_response`, `middleware` and `exception`
    as every `BlueprintGroup` does. Made by `cors_group`.

    Iterating it yields one more than its blueprints, first and without routes: that is how the section meets
    the app. `blueprints`, `len()` and indexing show just what was wrapped.
    """

    __slots__ = ("section",)

    def __init__(
        self, policy: CorsPolicy, report_only: ReportOnly | None, whole: AnySanic | None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.section = Section(self, policy, report_only, whole, AppHooks.of)

    @property
    def policy(self) -> CorsPolicy:
        """The policy that holds now: `group.policy.allow_origins`."""
        return self.section.active_policy.policy

    @property
    def report_only(self) -> CorsPolicy | None:
        """The report-only policy now; `reconfigure(group.report_only, report_only=None)` enforces it."""
        return self.section.active_policy.report_only

    def differences(self) -> Differences:
        """Return what the report-only policy would have decided differently in this worker, by count.

            @app.get("/admin/differences")
            async def differences(request):
                return json([each._asdict() for each in section.differences()])

        Each request with a difference is counted, whether or not the log has a line about it. The list has
        the most frequent 1,000 differences; its `rest` is the number of requests with others.
        """
        return self.section.active_policy.differences

    @explain_unknown_arguments
    def reconfigure(self, policy: CorsPolicy, *, report_only: ReportOnly | EllipsisType | None = ...) -> None:
        """Follow another policy from the next answer on, in this process.

        Whole or not at all, in one step, however many routes there are. Sections inside this one and routes
        with a `ctx_cors` keep theirs. Other workers do not hear of it: where the allowed origins change
        while a fleet is running, keep them in a store and `follow` it.

        The report-only policy stays (`...`), unless `report_only` is another one, or None, which ends it. A
        function is called with the policy in force at each change of it, and returns the report-only policy.

        Raises:
            TypeError: `policy` or `report_only` is no CorsPolicy, or the function returned none.
            ValueError: the function failed.
        """
        if report_only is not ...:
            report_only = _report_only(report_only)
        checked = _policy("reconfigure()", policy)
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
            wait: seconds, or a timedelta, that a start waits for the first value. After that, the app starts
                with the declared origins.
            required: whether the app does not start without a first value.
            retry: seconds, or a timedelta, at most until a source that failed is run again. The delay grows
                from one second with each failure; a valid value resets it.
            stale_after: seconds, or a timedelta, without a value, after which `live.error` is set.

        Raises:
            TypeError: `source` is not an async generator function, a time is not one, or `keep` is `"*"`.
            CorsPolicyError: an entry of `keep` is not valid.
            ValueError: the group follows a source already, or another group follows this one with other
                options.
        """
        check_source(source)
        self.section.follow(source, check_options(wait, required, retry, stale_after), keep)

    @property
    def live(self) -> Live | None:
        """The state of the live origins, for a health check; None if the group does not follow a source."""
        return self.section.follower.live if self.section.follower else None

    async def allows(self, request: Request[Any, Any]) -> bool:
        """Whether the page that sent a request may read the answer, functions asked.

            async def guard(request):
                if request.method not in ("GET", "HEAD") and not await group.allows(request):
                    raise Forbidden("This page may not change anything")

        By the policy that its route follows; a function is asked once per request. False without `Origin`
        or with several, outside of the group, and for the server's own pages unless the policy names them.
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
        super().insert(index, cast(Blueprint, _checked(item)))
        self.section.watch(item)


def _policy_or_fields(function: Callable[Args, Result]) -> Callable[Args, Result]:
    """Make the policy of its fields: only here can be told which of them were given."""

    @wraps(function)
    def either(*args: Args.args, **options: Args.kwargs) -> Result:
        fields: Any = {name: options.pop(name) for name in Fields.__annotations__ if name in options}
        given = options.get("policy")
        if given is None:
            options["policy"] = CorsPolicy(**fields)
        elif fields:
            raise TypeError(
                f"cors_group() takes policy= or its fields, not both: {', '.join(fields)} came with policy=. "
                f"Meant: policy=policy.replace({', '.join(f'{n}={v!r}' for n, v in fields.items())})"
            )
        group = function(*args, **options)
        if isinstance(group, CorsGroup) and given is None and "allow_origins" not in fields:
            group.section.declares_origins = False
        return group

    return either


@explain_unknown_arguments
@_policy_or_fields
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
            itself stands for every route that no other section has. A blueprint that the app has already
            keeps its path.
        policy: a policy made before, instead of the fields that follow.
        report_only: a second policy, which is never in force: what it would decide differently is reported.
            Or a function that makes it of the policy in force, at each change of it:
            `lambda policy: policy.replace(allow_methods=["GET"])`.
        allow_origins: who may read the answers: `"*"`, pages of any origin; or origins, patterns
            (`"https://*.example.com"`, `"http://localhost:*"`) and functions `(origin, request) -> bool`.
        allow_credentials: whether pages may send cookies. Needs origins other than `"*"`.
        allow_methods: `"*"`, each method that the routes serve; or a collection, of which those.
        allow_headers: request headers that pages may set: `"*"`, `authorization` included; or which.
        expose_headers: response headers that pages may read besides the usual ones: `"*"` or a collection.
        max_age: seconds, or a timedelta, that browsers may remember a preflight; None leaves it to them.
        origin_timeout: seconds, or a timedelta, that each async origin function may take.
        check_websockets: whether to refuse WebSocket handshakes of origins that are not allowed.
        dangerously_allow_insecure_origins: whether `http` origins pass together with credentials.
        dangerously_allow_public_suffixes: whether wildcards for names that anyone can register do.
        url_prefix: as in `Blueprint.group`, like the four arguments after it.
        version: the number that stands before the paths: `/v1`.
        strict_slashes: whether a slash at the end of a path matters.
        version_prefix: what stands before the version.
        name_prefix: what stands before the names of the blueprints.

    Returns:
        A `CorsGroup`, which is registered and nested like every `BlueprintGroup`.

    Raises:
        TypeError: no blueprint, something that is none, two apps, or `policy` together with fields; or
            `report_only` is no CorsPolicy, and no function that returns one.
        ValueError: the function of `report_only` failed.
        CorsPolicyError: the policy cannot work, or would be a hole; it lists everything that is wrong.
    """
    members = list(_flat(blueprints))
    if not members:
        raise TypeError("cors_group() needs at least one blueprint: cors_group(api_bp)")
    apps = list(dict.fromkeys(member for member in members if isinstance(member, Sanic)))
    if len(apps) > 1:
        raise TypeError(f"cors_group() wraps the routes of one app, not of {' and '.join(map(repr, apps))}")
    group = CorsGroup(
        _policy("policy=", policy),  # which the fields have become, where they came
        _report_only(report_only),
        apps[0] if apps else None,
        url_prefix=url_prefix,
        version=version,
        strict_slashes=strict_slashes,
        version_prefix=version_prefix,
        name_prefix=name_prefix,
    )
    for member in members:
        if not isinstance(member, Sanic):
            group.append(member)
    return group


def _policy(where: str, given: object) -> CorsPolicy:
    if not isinstance(given, CorsPolicy):
        raise TypeError(f"{where} takes a CorsPolicy, not {given!r}{policy_hint(given)}")
    return given


def _report_only(given: object) -> ReportOnly | None:
    return given if given is None or callable(given) else _policy("report_only=", given)


def _flat(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list | tuple):
            yield from _flat(item)
        else:
            yield item


def _checked(item: object) -> Blueprint | BlueprintGroup:
    if not isinstance(item, Blueprint | BlueprintGroup):
        meant = "; meant: policy=..." if isinstance(item, CorsPolicy) else ""
        raise TypeError(f"cors_group() wraps blueprints and groups of them, not {item!r}{meant}")
    return item
