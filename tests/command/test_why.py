"""`corsbp why ID`: the meaning of an id and what to do, from its declaration."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from corsbp.command import main
from corsbp.command.audit.findings import FINDINGS
from corsbp.command.console_messages import MESSAGES, PREFLIGHT, find_stops
from corsbp.command.why import tables
from corsbp.policy.problems import PROBLEMS, WARNINGS
from corsbp.testing import STOPS

from ..support import ORIGIN, ROOT


@pytest.fixture
def why(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["why", *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_id(why: Any) -> None:
    expected = (
        "origin-trailing-slash\n  An origin has no slash at its end.\n  What to do: Remove the slash.\n"
        "  (corsbp/README.md: Errors in a policy)\n"
    )
    assert why("origin-trailing-slash") == (0, expected, "")
    assert why("[origin-trailing-slash]") == (0, expected, "")  # as it is printed


def test_id_of_two_kinds(why: Any) -> None:
    status, out, _ = why("origin-null")
    assert (status, out.count("origin-null\n")) == (0, 2)


def test_id_of_a_check(why: Any) -> None:
    status, out, _ = why("preflight-status")
    assert status == 0 and out.startswith(
        "preflight-status\n  The preflight response does not have an OK status (200 to 299).\n"
    )
    assert "\n  What to do: Let OPTIONS requests pass proxies and logins." in out


def test_each_check_has_a_remedy_of_its_own() -> None:
    (stops,) = (table for table in tables() if table.name == "stops")
    remedies = [row.remedy for row in stops.rows]
    assert sorted(set(remedies)) == sorted(remedies)
    assert not [each for each in remedies if "explain" in each]


@pytest.mark.parametrize("id_", sorted({*PROBLEMS, *WARNINGS, *FINDINGS, *STOPS}))
def test_every_id(id_: str, why: Any) -> None:
    status, out, err = why(id_)
    assert (status, err) == (0, "")
    assert out.startswith(f"{id_}\n  ") and "  What to do: " in out
    assert not re.search(r"[`|]|\]\(", out)


def test_unknown_id(why: Any) -> None:
    assert why("origin-trailing-slas") == (
        2,
        "",
        "corsbp: no id is called 'origin-trailing-slas'; meant: origin-trailing-slash\n",
    )
    assert why("nonsense") == (2, "", "corsbp: no id is called 'nonsense'; corsbp why lists them\n")


def test_list(why: Any) -> None:
    status, out, _ = why()
    assert (status, out.splitlines()[:2]) == (0, ["Errors in a policy:", "  bare-string"])
    assert [line.strip() for line in out.splitlines() if line.startswith("  ")] == [
        row.id for table in tables() for row in table.rows
    ]


def test_terminal_width(why: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    _, out, _ = why("origin-function-failed")
    assert all(len(line) <= 40 for line in out.splitlines()[:-1])


@pytest.mark.parametrize("arguments", [["why", "origin-null"], ["why"], ["--help"], ["--version"]])
def test_without_extra(arguments: list[str], tmp_path: Path) -> None:
    """`why` and the help import neither the extra nor Sanic."""
    code = (
        "import sys\n"
        "for name in ('rich', 'httpx', 'anyio', 'sanic'): sys.modules[name] = None\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from corsbp.command import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-I", "-c", code, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout


CHROMIUM = (
    "Access to fetch at 'https://api.example/items?a=1&b=2' from origin 'https://app.example' has been "
    "blocked by CORS policy: "
)
FIREFOX = (
    "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at "
    "https://api.example/items?a=1&b=2. "
)


CALLS = {
    "origin-any": ("", " --credentials"),
    "credentials": ("", " --credentials"),
    "preflight-method": (" PUT", ""),
    "preflight-header": ("", " --header 'x-foo: 1'"),
}
"""By id, the method and the options that messages show."""


@pytest.mark.parametrize("stop", MESSAGES)
def test_message_of_a_console(stop: str, why: Any) -> None:
    """Each browser's message leads to its id, and to the command that shows each step."""
    values = {
        "origin": ORIGIN,
        "status": "405",
        "allowed": f"{ORIGIN}, *" if stop == "origin-several" else "https://www.app.example",
        "credentials": "",
        "method": "PUT",
        "header": "x-foo",
    }
    chromium, firefox, safari = (text.format_map(values) for text in MESSAGES[stop])
    command = "\nEach step:          corsbp explain"
    url = "'https://api.example/items?a=1&b=2'"
    status, out, err = why(f"{CHROMIUM}{chromium} Have the server send the header with a valid value.")
    assert (status, err) == (0, "") and out.startswith(f"{stop}\n  ")
    method, options = CALLS.get(stop, ("", ""))
    assert f"\n{command} {url}{method} --origin {ORIGIN}{options}\n" in out
    in_app = f"MODULE:APP '/items?a=1&b=2'{method} --origin {ORIGIN}{options}"
    assert f"\nThe line to change: corsbp explain {in_app}\n" in out
    _, out, _ = why(FIREFOX + firefox)
    assert f"{stop}\n  " in out
    # Firefox does not print the method.
    assert f"{command} {url} --origin ORIGIN{options}\n" in out
    _, out, _ = why(safari)
    assert f"{stop}\n  " in out
    origin = ORIGIN if ORIGIN in safari else "ORIGIN"
    assert f"{command} URL{method} --origin {origin}{options}\n" in out
    assert f" MODULE:APP /PATH{method} --origin" in out


def test_message_about_a_preflight(why: Any) -> None:
    message = MESSAGES["origin-missing"][0]
    _, out, _ = why(f"{CHROMIUM}{PREFLIGHT}{message}")
    assert out.startswith("preflight-origin-missing\n") and "\norigin-missing" not in out


@pytest.mark.parametrize(
    ("message", "stop", "command"),
    [
        (
            "WebSocket connection to 'ws://127.0.0.1:8000/chat' failed: Error during WebSocket handshake: "
            "Unexpected response code: 403",
            "handshake-refused",
            "corsbp explain MODULE:APP /chat --origin ORIGIN",
        ),
        (
            "Firefox can’t establish a connection to the server at ws://127.0.0.1:8000/chat?a.",
            "handshake-refused",
            "corsbp explain 'ws://127.0.0.1:8000/chat?a' --origin ORIGIN",
        ),
        (
            "Access to fetch at 'http://127.0.0.1:8000/' from origin 'https://app.example' has been blocked "
            "by CORS policy: Permission was denied for this request to access the `loopback` address space.",
            "local-network",
            f"corsbp explain http://127.0.0.1:8000/ --origin {ORIGIN}",
        ),
        ("Failed to load resource: net::ERR_CONNECTION_REFUSED", "no-answer", "corsbp explain URL --origin"),
        (
            "GET https://api.example/a.png net::ERR_BLOCKED_BY_RESPONSE.NotSameOriginAfterDefaultedTo…",
            "resource-policy",
            "corsbp explain ",
        ),
        ("CORS header ‘Access-Control-Allow-Origin’ missing.", "origin-missing", "corsbp explain "),
        ("Redirect is not allowed for a preflight request.", "preflight-redirect", "corsbp explain "),
        ("Mixed Content: The page at 'https://app.example/' …", "mixed-content", "corsbp explain "),
    ],
)
def test_other_messages(message: str, stop: str, command: str, why: Any) -> None:
    status, out, _ = why(message)
    assert status == 0 and out.startswith(f"{stop}\n") and f" {command}" in out


SECTIONS = {
    "No 'Access-Control-Allow-Origin' header": "origin-missing",
    "The header has a value that is not equal": "origin-other",
    "Access from origin 'null'": "origin-null",
    "The value must not be the wildcard": "origin-any",
    "The value of the 'Access-Control-Allow-Credentials' header": "credentials",
    "Response to preflight request doesn't pass": "preflight-status",
    "Method PUT is not allowed": "preflight-method",
    "Request header field x-foo is not allowed": "preflight-header",
    "Redirect is not allowed": "preflight-redirect",
    "The header contains multiple values": "origin-several",
    "Permission was denied": "local-network",
    "WebSocket connection to … failed": "handshake-refused",
    "Mixed Content": "mixed-content",
    "The image, font or script does not load": "resource-policy",
}
"""By the first words of each heading in the page's list of messages: the id of its messages."""


def texts_of_the_page() -> list[tuple[str, str]]:
    """Return each text in the page's list of messages, with the id of its heading."""
    page = (ROOT / "corsbp/README.md").read_text()
    page = page[page.index("## Messages in the browser's console") : page.index("\n## Errors in a policy")]
    found = []
    for section in page.split("\n### ")[1:]:
        heading, _, rest = section.partition("\n")
        if heading.startswith("Failed to fetch"):  # of every failure: test_the_words_of_every_failure
            continue
        (stop,) = [stop for words, stop in SECTIONS.items() if heading.startswith(words)]
        # The only prose with a message in quotes is that about WebSockets.
        quoted = re.findall(r'prints? that (?:it|the server) "([^"]+)"|the server "([^"]+)"', rest)
        listed = re.findall(r"^- (?:Chromium|Firefox|Safari)(?:, if [^:]+)?: (.+)$", rest, re.M)
        texts = [heading, *listed, *("".join(each) for each in quoted)]
        found += [(text, stop) for text in texts if text != "no message."]
    return found


def test_every_text_of_the_page_is_known() -> None:
    """Also the texts that it cuts, and with the quotation marks that keyboards have."""
    texts = texts_of_the_page()
    assert {stop for _, stop in texts} == {*SECTIONS.values()} and len(texts) > 40
    for text, stop in texts:
        for typed in (text, text.replace("‘", "'").replace("’", "'"), f"{text} and more words"):
            assert stop in find_stops(typed), typed


@pytest.mark.parametrize(
    ("message", "stops"),
    [
        (
            f"{CHROMIUM.replace(ORIGIN, 'null')}{MESSAGES['origin-missing'][0]}",
            ["origin-missing", "origin-null"],
        ),
        (
            f"{CHROMIUM.replace(ORIGIN, 'null')}{PREFLIGHT}{MESSAGES['origin-missing'][0]}",
            ["preflight-origin-missing", "origin-null"],
        ),
        (
            f"{CHROMIUM.replace(ORIGIN, 'null')}Permission was denied for this request to access the `local`",
            ["local-network", "origin-null"],
        ),
        ("… does not match ‘https://a.example’", ["origin-other"]),
        ("… does not match ‘https://a.example, *’", ["origin-several"]),
        ("Firefox can’t establish a connection to the server at http://127.0.0.1/", []),
    ],
)
def test_ids_of_a_message(message: str, stops: list[str]) -> None:
    assert find_stops(message) == stops


def test_null_is_explained(why: Any) -> None:
    _, out, _ = why("… from origin 'null' has been blocked …")
    assert out.startswith("origin-null\n") and " --origin null\n" in out


def test_message_without_quotes(why: Any) -> None:
    """The shell makes words of it, and takes the quotation marks inside away."""
    message = MESSAGES["origin-any"][0]
    assert why(*message.replace("'", "").split()) == why(message.replace("'", ""))
    status, out, _ = why("CORS", "header", "‘Access-Control-Allow-Origin’", "missing.")
    assert status == 0 and out.startswith("origin-missing\n")


def test_unknown_message(why: Any) -> None:
    status, out, err = why("Image is broken")
    assert (status, out) == (2, "")
    assert err.startswith("corsbp: no message about CORS has these words; see corsbp/README.md: Messages in ")


@pytest.mark.parametrize(
    "message",
    [
        "Uncaught (in promise) TypeError: Failed to fetch",
        "TypeError: NetworkError when attempting to fetch resource.",
        "TypeError: Load failed",
    ],
)
def test_the_words_of_every_failure(message: str, why: Any) -> None:
    status, out, err = why(message)
    assert (status, out) == (2, "")
    assert err == "corsbp: every failed call has these words; copy the message above them in the console\n"


def test_message_without_the_extra(why: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "corsbp.command.console_messages", None)
    expected = 'corsbp: the message of a browser needs the extra "cli" of corsbp\n'
    assert why("Failed to fetch") == (2, "", expected)


@pytest.mark.parametrize(
    ("page", "api", "options"),
    [
        ("http://localhost:3000", "http://localhost:8000", ""),
        ("http://localhost:3000", "http://localhost:9000", " --base-url http://localhost:9000"),
        ("https://app.example", "wss://api.example", ""),
        ("https://shop.example", "https://api.shop.example", " --base-url https://api.shop.example"),
    ],
)
def test_the_command_of_the_app_has_the_address_of_the_message(
    page: str, api: str, options: str, why: Any
) -> None:
    """With another address, the cookies and the own pages of the server would be others."""
    text = f"Access to fetch at '{api}/items' from origin '{page}' has been blocked by CORS policy: "
    _, out, _ = why(text + MESSAGES["origin-missing"][0])
    assert f"\nThe line to change: corsbp explain MODULE:APP /items --origin {page}{options}\n" in out
