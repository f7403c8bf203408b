"""From "any origin" to a list of origins, without breaking a page: python -m examples.tighten

Make the list a report-only policy, read what it would refuse, add the missing origins, put it in force.
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
PAGES = ["https://www.app.example", "https://old.app.example", "https://unknown.example"]


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
    print("The list does not contain old.app.example. Add it, and put the policy in force:")
    section.reconfigure(NEXT.replace(allow_origins=PAGES[:2]), report_only=None)
    asyncio.run(visits())
