"""From "any origin" to a list, without breaking a page: python -m examples.tighten

Run the stricter report-only policy, read what it would refuse, add what was forgotten, switch.
"""

import asyncio
import logging
import sys

from sanic import Blueprint, Sanic, text

from corsbp import CorsPolicy, cors_group
from corsbp.testing import Browser

NEXT = CorsPolicy(allow_origins=["https://www.app.example"])

app = Sanic("tighten", configure_logging=False)
api = Blueprint("api", url_prefix="/api")
api.add_route(lambda _: text("item"), "/item", name="item")
section = cors_group(api, report_only=NEXT)
app.blueprint(section)
PAGES = ["https://www.app.example", "https://old.app.example", "https://stranger.example"]


async def visits() -> None:
    for page in PAGES:
        async with Browser(app, page) as browser:
            read = (await browser.fetch("/api/item")).ok_for_page
            print(f"{page} {'reads the item' if read else 'is refused'}")


if __name__ == "__main__":
    logger = logging.getLogger("corsbp")
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.StreamHandler(sys.stdout))
    asyncio.run(visits())
    print("The list lacks old.app.example. With it, what was report-only becomes the policy:")
    section.reconfigure(NEXT.replace(allow_origins=PAGES[:2]), report_only=None)
    asyncio.run(visits())
