"""The integration with Sanic: the only package, with `group`, that imports it.

The modules, from the entry inwards; imports run downwards only:

    inventory       the routes of an app with their policies, as data for tools
    section         a section: its blueprint, its policy, its registration
    hooks           every hook into Sanic, and why it is there
    startup_checks  warnings at startup
    resolver        routes for OPTIONS, 404 and 405 beside what the router finds
    ownership       the innermost section of each blueprint, and of each prefix
    routes          what the router knows; the only private names of Sanic
    route_extra     route.extra: the section's middleware among the user's
    bindings        the policy of each route
    other_cors      what sanic-ext and sanic-cors bring, and what of it is dropped
    middleware      request and response middleware of a route
    websockets      WebSocket handshakes are checked
    own_origin      whether a page is the server's own
    preflights      OPTIONS requests
    missing_routes  404 and 405 below a section
    send            headers are added as the head of a response is sent
"""
