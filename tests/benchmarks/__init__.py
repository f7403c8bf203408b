"""How much CORS costs, layer by layer: ``python -m tests.benchmarks --help``.

``layers``       the same small app with each way to get CORS, and what each must send
``driver``       the child process: one layer, driven through Sanic's HTTP protocol in memory
``requests``     the cost of a request, blocks of all layers interleaved; the goals
``startup``      the cost of declaring and starting large apps
``origins``      the cost of many origins
``sockets``      one run over real sockets with wrk
``environment``  the Pythons that the layers run in: sanic-cors needs one of its own
``tables``       how results are printed
"""
