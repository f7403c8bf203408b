"""The integration with Sanic: the only package, with `group`, that imports it.

The modules, from the entry inwards; imports run downwards only:

    inventory        the routes of an app with their policies, as data for tools
    hooks            every hook into Sanic, and why it is there
    startup          the end of startup: whether hooks hold, and warnings
    resolver         routes for OPTIONS, 404 and 405 beside what the router finds
    ownership        the innermost section of each blueprint, and of each path without a route
    section          a section: its blueprint, its policy, its registration
    route_policies   the policy of each route
    middleware       request and response middleware of a route, in route.extra among the user's
    other_cors       what sanic-ext and sanic-cors bring, and what of it is dropped
    websockets       WebSocket handshakes are checked
    forged_requests  forged requests are refused before their body is read
    preflights       OPTIONS requests
    missing_routes   404 and 405 below a section
    send             CORS headers are added as the head of a response is sent
    routes           what the router knows; the only private names of Sanic
"""
