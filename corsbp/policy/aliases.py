"""The names that other packages have for the fields: an error can name the field that was meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

Args = ParamSpec("Args")
Result = TypeVar("Result")

# Without underscores and `CORS_`, in lower case: the spellings of Java and JavaScript are found as well.
_ALIASES = {
    "allow_origins": "origin origins alloworigin allowedorigin allowedorigins originwhitelist whitelist "
    "alloworiginregex alloworiginregexp originregex allowedoriginregexes alloworiginfunc "
    "allowedoriginpatterns trustedorigins csrftrustedorigins addtrustedorigin",
    "allow_credentials": "credentials credential supportscredentials supportcredentials allowcredential "
    "allowedcredentials",
    "allow_methods": "method methods allowmethod allowedmethods",
    "allow_headers": "header headers allowheader allowedheaders allowedrequestheaders",
    "expose_headers": "expose exposed exposeheader exposedheaders exposesheaders",
    "max_age": "maxage maxages preflightmaxage",
    "origin_timeout": "timeout",
    "check_websockets": "websockets checkwebsocket",
    # the words of Django and Flask, Go, Rails and Laravel, .NET, Litestar and SvelteKit
    "check_requests": "checkrequest csrf csrfprotect csrfprotection csrfcheckorigin checkorigin checkorigins "
    "crossoriginprotection protectfromforgery preventrequestforgery antiforgery fetchmetadata secfetchsite "
    "verifyorigin",
    # the words of Content-Security-Policy and of gateways
    "report_only": "trial shadow shadowrules reportto reporturi dryrun",
}
_FIELD_BY_ALIAS = {alias: field for field, aliases in _ALIASES.items() for alias in aliases.split()}

# Settings of other packages that corsbp does not have, and the reason why it needs none.
_UNNEEDED = {
    "allowprivatenetwork": "browsers replaced it with a prompt that reads no header",
    "alwayssend": "corsbp sends what a page needs",
    "automaticoptions": "corsbp responds to OPTIONS",
    "interceptexceptions": "error responses have the headers",
    "optionssuccessstatus": "preflights get 204",
    "preflightcontinue": "your own OPTIONS handler gets every OPTIONS request that is not a preflight",
    "resources": "wrap each blueprint with a policy of its own",
    "sendwildcard": '"*" is sent where every origin is allowed',
    "varyheader": "Vary is sent where responses differ",
}


def argument_hint(name: str, known: Iterable[str]) -> str:
    """Return what an unknown argument means, as the rest of a sentence; "" if that is not clear."""
    plain = name.lower().removeprefix("cors_").replace("_", "")
    if plain in _UNNEEDED:
        return f": leave it out, {_UNNEEDED[plain]}"
    # `maxAge` and `CORS_MAX_AGE` are other spellings of the same name
    spellings = {field.replace("_", ""): field for field in known}
    field = spellings.get(plain) or _FIELD_BY_ALIAS.get(plain)
    if field is None:
        close = get_close_matches(name.lower(), spellings.values(), n=1, cutoff=0.7)
        field = close[0] if close else ""
    if field not in spellings.values():
        other = field or {name.replace("_", ""): name for name in _ALIASES}.get(plain)
        is_of_policy = other is not None and other in _ALIASES and other != "report_only"
        return f"; meant: group.policy.replace({other}=...)" if is_of_policy else ""
    is_regex = field == "allow_origins" and "reg" in plain
    return f"; meant: {field}={', a pattern or a function' if is_regex else ''}"


def explain_unknown_arguments(function: Callable[Args, Result]) -> Callable[Args, Result]:
    """Decorate a function: its TypeError for an unknown argument names the one that was meant."""
    parameters = signature(function).parameters.items()
    known = [
        name for name, each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    takes_names_only = all(each.kind is each.KEYWORD_ONLY for name, each in parameters if name != "self")

    @wraps(function)
    def wrapper(*args: Args.args, **options: Args.kwargs) -> Result:
        qualified = function.__qualname__.removesuffix(".__init__")
        if takes_names_only and len(args) > 1:  # the first is self
            hint = "" if args[1] in (True, False, None) else policy_hint(args[1])
            raise TypeError(f"{qualified}() takes its fields by name, not {args[1]!r}{hint}")
        for name in options:
            if name not in known:
                raise TypeError(f"{qualified}() has no argument {name!r}{argument_hint(name, known)}")
        return function(*args, **options)

    return wrapper


def policy_hint(value: object) -> str:
    """Return what to write instead of a value that is not a policy, as the rest of a sentence."""
    if value is True or value is None:
        other = "CorsPolicy() to allow every origin" if value else "False for no CORS"
        return f"; leave it out to follow the section's policy, or write {other}"
    if value in ("*", ["*"], ("*",)) or isinstance(value, type):
        fields = ""
    elif isinstance(value, str):
        fields = f"allow_origins={[value]!r}"
    elif isinstance(value, list | tuple | set | frozenset):
        fields = f"allow_origins={list(value)!r}"
    elif isinstance(value, Mapping):
        fields = ", ".join(f"{name}={each!r}" for name, each in value.items())
    else:
        fields = "allow_origins=..."
    return f"; meant: CorsPolicy({fields})"
