"""An app that prints at import, at startup and in a handler."""

from sanic import HTTPResponse, Request, Sanic

print("LOUD at import")
app = Sanic("loud")


@app.before_server_start
async def start(_: Sanic) -> None:
    print("LOUD at startup")


@app.get("/")
async def index(_: Request) -> HTTPResponse:
    print("LOUD in a handler")
    raise ValueError("in a handler")
