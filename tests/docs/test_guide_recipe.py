"""The page for contributors of Sanic's guide: a recipe with the same mistakes responds as the page says.

`python -m tests.docs.guide_recipe FILE` does the same with the recipe itself, which is not part of this
project.
"""

from __future__ import annotations

import pytest

from .guide_recipe import (
    CHAPTERS,
    DEPRECATES_LOOP,
    Step,
    chapter,
    differences,
    fails_with_many_routes,
    repair,
    script,
    variants,
)

# An app of our own that makes the mistakes which the page names.
STAND_IN = """
### `server.py`

```python
from sanic import Sanic, empty, text

app = Sanic("stand_in")
HEADERS = {
    "Access-Control-Allow-Origin": "mydomain.com",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Headers": "origin, content-type, accept, authorization, x-xsrf-token, x-request-id",
}


def headers(methods):
    return {"Access-Control-Allow-Methods": ",".join({*methods, "OPTIONS"})} | HEADERS


def respond(methods):
    return lambda request, **_: empty(headers=headers(methods))


@app.route("/", methods=["GET", "POST"])
async def home(request):
    return text("...")


@app.on_response
async def add_headers(request, response):
    if request.method != "OPTIONS":
        response.headers.update(headers(request.route.methods))


@app.before_server_start
def setup_options(app: Sanic, _):
    app.router.reset()
    declared = [(each.uri, frozenset(each.methods)) for each in app.router.routes_all.values()]
    for number, (uri, methods) in enumerate(declared):
        app.add_route(respond(methods), uri, methods=["OPTIONS"], name=f"options{number}")
    app.router.finalize()
```
"""


@pytest.mark.parametrize("heading", CHAPTERS)
def test_the_page_has_what_the_recipe_sends(heading: str) -> None:
    """As it is, with the first lines of the repair, with all of them, and with corsbp."""
    expected = chapter(heading)
    assert expected.steps
    assert differences(variants(STAND_IN)[heading], expected) == []


@pytest.mark.parametrize("heading", CHAPTERS)
def test_each_line_of_a_transcript_counts(heading: str) -> None:
    right = chapter(heading)
    wrong = right._replace(
        steps=[Step(command, [f"{line}x" for line in lines]) for command, lines in right.steps],
        log={f"{line}x" for line in right.log},
    )
    lines = len(right.log) - (bool(right.log) and not DEPRECATES_LOOP)
    assert len(differences(variants(STAND_IN)[heading], wrong)) == len(right.steps) + lines


# In test mode, Sanic ignores the second finalize() that is left without the line with this index.
IGNORED = 2


@pytest.mark.parametrize("left_out", [each for each in range(len(script())) if each != IGNORED])
def test_each_line_of_the_repair_counts(left_out: int) -> None:
    lines = script()
    del lines[left_out]
    try:
        found = differences(repair(STAND_IN, lines), chapter("## The repair"))
    except (SyntaxError, AttributeError) as error:
        found = [str(error)]
    assert found or (left_out == len(lines) and not DEPRECATES_LOOP)


def test_an_app_with_many_routes_starts_after_the_repair() -> None:
    assert not fails_with_many_routes(repair(STAND_IN, script()))
