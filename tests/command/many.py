"""An app with more routes than a pipe holds."""

from sanic import HTTPResponse, Request, Sanic, text

app = Sanic("many")


async def empty(_: Request) -> HTTPResponse:
    return text("")


for number in range(2000):
    app.add_route(empty, f"/{'long' * 10}/{number}", name=f"r{number}")
