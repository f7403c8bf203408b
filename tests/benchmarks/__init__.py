"""The cost of CORS, layer by layer: ``python -m tests.benchmarks --help``.

``layers``       the same small app with each way to get CORS, and the headers that each must send
``driver``       the child process: one layer, driven through Sanic's HTTP protocol in memory
``requests``     the cost of a request, blocks of all layers interleaved; the goals
``startup``      the cost of declaring and starting large apps
``origins``      the cost of many origins
``sockets``      one run over real sockets with wrk
``environment``  the Pythons in which the layers run: sanic-cors needs one of its own
``tables``       results as Markdown tables
"""
