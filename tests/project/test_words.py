"""The rules for names, docstrings, comments and dense lines (CONTRIBUTING.md), measured over the code."""

from __future__ import annotations

import ast
import asyncio
import io
import pathlib
import re
import subprocess
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pytest
import sanic

from ..support import ROOT

Function = (ast.FunctionDef, ast.AsyncFunctionDef)
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

PACKAGE = ROOT / "corsbp"
OUTER = ("testing", "command")
AREAS = {
    "core": [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.relative_to(PACKAGE).parts[0] not in OUTER and not path.name.startswith("hook-")
    ],
    **{name: sorted((PACKAGE / name).rglob("*.py")) for name in OUTER},
}
CORE = AREAS["core"]
MOST_LINES = 250
MOST_MODULES = 16
LARGER = {"corsbp/policy/origin_diagnosis.py": 275}
"""Modules and packages that are larger, and have to be split before they grow."""


@lru_cache(None)
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text())


def place(path: Path, node: ast.AST | None = None) -> str:
    """Return file and line, as messages name them."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


# --- docstrings ---

RELATIVE_CLAUSE = re.compile(
    r"(What|Whose|Who|Whom|Which|Whether|Where|When|Why|How|That|As|If|For what|By which)\b"
)
NOT_A_VERB = re.compile(
    r"""(The|A|An|Its|Their|This|These|Those|It|They|One|Each|Every|All|No|None|Some|Two|Both
    |Of|On|In|At|By|For|From|With|Without|To|Same|Ours|Not|Once|Before|After|Also|Only|Here|Below|Behind|Beside
    |Seconds|Origins|True|False|\w+[^s\W]s  # plural nouns, and verbs that are not imperative, such as Returns
    |What|Whose|Who|Which|Whether|Where|When|Why|How|As|If)\b|[a-z`"(\d]""",
    re.VERBOSE,
)


def docstrings(path: Path) -> Iterator[tuple[Documented, str]]:
    """Return the documented parts of a file with their docstrings."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, Documented) and (text := ast.get_docstring(node)):
            yield node, text


def is_function(node: ast.AST) -> bool:
    """Return whether a node is a function that is not a property."""
    names = {each.id for each in getattr(node, "decorator_list", ()) if isinstance(each, ast.Name)}
    return isinstance(node, Function) and not names & {"property", "cached_property"}


@pytest.mark.parametrize("area", AREAS)
def test_few_docstrings_begin_with_a_relative_clause(area: str) -> None:
    found = [(place(path, node), text) for path in AREAS[area] for node, text in docstrings(path)]
    relative = [f"{where} {text.splitlines()[0]}" for where, text in found if RELATIVE_CLAUSE.match(text)]
    assert len(relative) <= 0.05 * len(found), "\n".join(relative)


@pytest.mark.parametrize("area", AREAS)
def test_most_docstrings_of_functions_begin_with_a_verb(area: str) -> None:
    functions = [
        (place(path, node), text)
        for path in AREAS[area]
        for node, text in docstrings(path)
        if is_function(node)
    ]
    others = [f"{where} {text.splitlines()[0]}" for where, text in functions if NOT_A_VERB.match(text)]
    assert len(others) <= 0.2 * len(functions), "\n".join(others)


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("Return the origin.", True),
        ("Pass the request on.", True),
        ("Call the function.", True),
        ("Returns the origin.", False),
        ("Headers of the response.", False),
        ("The origin.", False),
        ("`True` for an origin.", False),
        ("Whether the origin is allowed.", False),
    ],
)
def test_verbs_are_told_from_other_words(text: str, verb: bool) -> None:
    assert (NOT_A_VERB.match(text) is None) is verb


# --- dense lines ---


@dataclass
class Density:
    """Counts over some files: lines of code without docstrings, tokens, conditional expressions, comments."""

    lines: int = 0
    tokens: int = 0
    conditionals: int = 0
    comments: int = 0
    by_file: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Count a file."""
        text = path.read_text()
        documentation = {
            line
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
            for line in range(node.lineno, (node.end_lineno or 0) + 1)
        }
        found = [*tokenize.generate_tokens(io.StringIO(text).readline)]
        code = [each for each in found if each.type not in LAYOUT and each.start[0] not in documentation]
        lines = len({each.start[0] for each in code})
        conditionals = sum(isinstance(node, ast.IfExp) for node in ast.walk(parsed(path)))
        comments = sum(each.type == tokenize.COMMENT for each in found)
        self.lines, self.tokens = self.lines + lines, self.tokens + len(code)
        self.conditionals, self.comments = self.conditionals + conditionals, self.comments + comments
        share = 100 / max(lines, 1)
        self.by_file[place(path)] = (len(code) / max(lines, 1), conditionals * share, comments * share)

    def worst(self, column: int, most: bool = True) -> str:
        """Return the files that are farthest from a goal, for the message."""
        files = sorted(self.by_file, key=lambda each: self.by_file[each][column], reverse=most)
        return ", ".join(f"{each} {self.by_file[each][column]:.1f}" for each in files[:8])


LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def count_density(area: str) -> Density:
    """Count the files of an area."""
    counted = Density()
    for path in AREAS[area]:
        counted.add(path)
    return counted


@pytest.fixture(scope="module")
def density() -> Density:
    return count_density("core")


def test_lines_of_code_are_not_dense(density: Density) -> None:
    tokens = density.tokens / density.lines
    assert tokens <= 8.5, density.worst(0)


def test_conditional_expressions_are_few(density: Density) -> None:
    conditionals = 100 * density.conditionals / density.lines
    assert conditionals <= 3.5, density.worst(1)


def test_comments_say_why(density: Density) -> None:
    comments = 100 * density.comments / density.lines
    assert comments >= 4.5, density.worst(2, most=False)


def test_comments_of_the_command_say_why() -> None:
    counted = count_density("command")
    assert 100 * counted.comments / counted.lines >= 4, counted.worst(2, most=False)


# --- sizes ---


def test_modules_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in CORE}
    assert not {name: length for name, length in lengths.items() if length > LARGER.get(name, MOST_LINES)}


def test_packages_have_few_modules() -> None:
    counts: dict[str, int] = defaultdict(int)
    for path in CORE:
        if path.name != "__init__.py":
            counts[str(path.parent.relative_to(ROOT))] += 1
    assert not {name: count for name, count in counts.items() if count > LARGER.get(name, MOST_MODULES)}


# --- names ---

POSSESSIVES_AND_PARTICIPLES = {
    *("whose", "its", "theirs", "mine", "ours", "yours", "nobody"),
    *("asked", "said", "told", "heard", "wished", "tell", "tells", "hear", "hears"),
}
STARLETTE = {
    *("Starlette", "Route", "Router", "Mount", "Host", "WebSocketRoute", "WebSocket", "HTTPConnection"),
    *("Request", "Response", "JSONResponse", "StreamingResponse", "FileResponse", "BackgroundTask"),
    *("Middleware", "Config", "Headers", "QueryParams", "URL", "Cookies"),
}


def top_level_names(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Return the public names that a module defines, without imports and type variables."""
    for node in parsed(path).body:
        names: list[str] = []
        value = getattr(node, "value", None)
        if isinstance(value, ast.Call) and ast.unparse(value.func) in ("TypeVar", "ParamSpec"):
            continue
        if isinstance(node, (*Function, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [each.id for each in node.targets if isinstance(each, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        yield from ((name, node) for name in names if not name.startswith("_"))


def defined_names(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Return the names that a file gives to functions, classes, parameters, variables and attributes."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, (*Function, ast.ClassDef)):
            yield node.name, node
        elif isinstance(node, ast.arg):
            yield node.arg, node
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node


def test_no_top_level_name_is_there_twice() -> None:
    places = defaultdict(list)
    for path in CORE:
        if path.stem.endswith("_ids"):  # the same fault may have an id in a policy and in a request
            continue
        for name, node in top_level_names(path):
            places[name].append(place(path, node))
    twice = [f"{name}: {' and '.join(found)}" for name, found in places.items() if len(found) > 1]
    assert not twice, "\n".join(twice)


def test_no_top_level_name_is_one_of_a_well_known_package() -> None:
    known = {*pathlib.__all__, *asyncio.__all__, *sanic.__all__, *STARLETTE}
    found = [
        f"{place(path, node)} {name}"
        for path in CORE
        for name, node in top_level_names(path)
        if name in known
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("area", AREAS)
def test_names_are_neither_participles_nor_possessives(area: str) -> None:
    found = [
        f"{place(path, node)} {name}"
        for path in AREAS[area]
        for name, node in defined_names(path)
        if name.lower().strip("_") in POSSESSIVES_AND_PARTICIPLES
    ]
    found += [place(path) for path in AREAS[area] if path.stem in POSSESSIVES_AND_PARTICIPLES]
    assert not found, "\n".join(found)


# --- words ---

REPLACED = {
    r"on trial|trial polic(y|ies)": "report-only policy",
    r"\blets? in\b|\bletting in\b|\bshuts? out\b": "allows, denies",
    r"\bstrangers?\b": "an origin that is not allowed",
    r"\bstays? at home\b": "is not sent",
    r"\b(is|are) no origins?\b(?!:)": "is not an origin",
    r"\bnobody's\b": "in no section",
    r"\bwhose the\b": "the route's section",
    r"\bwhat holds\b": "what is in force",
}


def texts() -> list[Path]:
    """Return the pages, but for the history of changes, and the code of package and examples."""
    command = ["git", "ls-files", "*.md", "corsbp", "examples"]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    suffixes = (".md", ".py")
    return [ROOT / name for name in files if name.endswith(suffixes) and name != "CHANGELOG.md"]


@pytest.mark.parametrize("words", REPLACED)
def test_words_that_were_replaced_do_not_come_back(words: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in texts()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(words, line, re.IGNORECASE)
    ]
    assert not found, f"write: {REPLACED[words]}\n" + "\n".join(found)


# --- tests mirror the packages ---

TESTED_ELSEWHERE = {
    "arguments": "app/test_section",
    "app/startup/canary_requests": "app/startup/test_hook_checks",
    "app/hooks": "app/startup/test_hook_checks",
    "app/routes": "app/test_resolver",
    "decision/active_policy": "test_reconfigure",
    "decision/checked_request": "decision/test_request_check",
    "decision/request_refusals": "decision/test_request_check",
    "decision/vary": "app/test_middleware",
    "decision/refusal_ids": "report/test_refused",
    "decision/request_facts": "report/test_signals",
    "policy/entries": "policy/test_validation",
    "policy/field_ids": "policy/test_problems",
    "policy/host_diagnosis": "policy/test_origin_diagnosis",
    "policy/host_ids": "policy/test_problems",
    "policy/origin_ids": "policy/test_problems",
    "policy/warning_ids": "policy/test_problems",
    "spec/wildcards": "spec/test_origins",
    "report/attempts": "report/test_refused",
}
"""Modules whose tests are in a file of another name."""


def test_few_test_files_stay_at_the_top() -> None:
    assert len([*(ROOT / "tests").glob("test_*.py")]) <= 6


def test_each_module_of_the_core_has_its_tests() -> None:
    missing = []
    for path in CORE:
        module = path.relative_to(PACKAGE).with_suffix("")
        if path.stem.startswith("__") or path.stem == "pytest_plugin":
            continue
        name = TESTED_ELSEWHERE.get(str(module), str(module.with_name(f"test_{module.name}")))
        if not (ROOT / "tests" / f"{name}.py").exists():
            missing.append(str(module))
    assert not missing, ", ".join(missing)
