"""An app with more routes than a pipe holds."""

from sanic import Sanic, text

app = Sanic("many")
for number in range(2000):
    app.add_route(lambda _: text(""), f"/{'long' * 10}/{number}", name=f"r{number}")
