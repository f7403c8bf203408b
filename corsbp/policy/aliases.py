"""What other packages call a policy's fields, so that an error can name the one that is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import ParamSpec, TypeVar

Args = ParamSpec("Args")
Result = TypeVar("Result")

_ALIASES = {
    "allow_origins": "origin origins alloworigin allowedorigin allowedorigins originwhitelist whitelist "
    "alloworiginregex alloworiginregexp originregex allowedoriginregexes alloworiginfunc "
    "allowedoriginpatterns",
    "allow_credentials": "credentials credential supportscredentials supportcredentials allowcredential "
    "allowedcredentials",
    "allow_methods": "method methods allowmethod allowedmethods",
    "allow_headers": "header headers allowheader allowedheaders allowedrequestheaders",
    "expose_headers": "expose exposed exposeheader exposedheaders exposesheaders",
    "max_age": "maxage maxages preflightmaxage",
    "origin_timeout": "timeout",
    "check_websockets": "websockets checkwebsocket",
}
"""Without underscores and `CORS_`, in lower case: so Java's and JavaScript's spellings are found, too."""

_FIELD_BY_ALIAS = {word: field for field, words in _ALIASES.items() for word in words.split()}

_UNNEEDED = {
    "allowprivatenetwork": "browsers replaced it with a prompt that reads no header",
    "alwayssend": "what a page needs is sent",
    "automaticoptions": "OPTIONS is answered",
    "interceptexceptions": "errors have the headers",
    "optionssuccessstatus": "preflights are answered with 204",
    "preflightcontinue": "your own OPTIONS handler gets what is no preflight",
    "resources": "wrap each blueprint with a policy of its own",
    "sendwildcard": '"*" is sent where every origin is allowed',
    "varyheader": "Vary is sent where something varies",
}
"""What corsbp has no word for, and why it needs none."""


def argument_hint(word: str, known: Iterable[str]) -> str:
    """What is meant by a word that is not known, as the rest of a sentence; nothing if nobody can tell."""
    plain = word.lower().removeprefix("cors_").replace("_", "")
    if plain in _UNNEEDED:
        return f": leave it out, {_UNNEEDED[plain]}"
    # What is spelt otherwise is the same word: `maxAge`, `CORS_MAX_AGE`
    same = {field.replace("_", ""): field for field in known}
    field = same.get(plain) or _FIELD_BY_ALIAS.get(plain)
    field = field or next(iter(get_close_matches(word.lower(), [*same.values()], 1, 0.7)), None)
    if field is None or field not in same.values():
        return ""
    more = ", a pattern or a function" if "reg" in plain and field == "allow_origins" else ""
    return f"; meant: {field}={more}"


def explain_unknown_arguments(function: Callable[Args, Result]) -> Callable[Args, Result]:
    """Have a function say which of its arguments is meant by one that it does not know."""
    known = [name for name, each in signature(function).parameters.items() if each.kind is each.KEYWORD_ONLY]

    @wraps(function)
    def spoken(*args: Args.args, **options: Args.kwargs) -> Result:
        for word in options:
            if word not in known:
                name = function.__qualname__.removesuffix(".__init__")
                raise TypeError(f"{name}() has no argument {word!r}{argument_hint(word, known)}")
        return function(*args, **options)

    return spoken


def policy_hint(value: object) -> str:
    """What to write instead of what stands where a policy belongs, as the rest of a sentence."""
    if value is True or value is None:
        other = "CorsPolicy() to let in every origin" if value else "False for no CORS"
        return f"; leave it out to follow the section's policy, or write {other}"
    if value in ("*", ["*"], ("*",)) or isinstance(value, type):
        fields = ""
    elif isinstance(value, str | list | tuple | set | frozenset):
        fields = f"allow_origins={[value] if isinstance(value, str) else list(value)!r}"
    elif isinstance(value, Mapping):
        fields = ", ".join(f"{name}={each!r}" for name, each in value.items())
    else:
        fields = "allow_origins=..."
    return f"; meant: CorsPolicy({fields})"
