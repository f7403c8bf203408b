"""corsbp under load, with faults, and for long: `python -m tests.load --help`.

table      what is asked, and the right answers, written by hand
app        the app that is served
client     asks, and checks every byte that matters
run        two workers, the clients, the faults, and what came of it
long       many requests in memory, each of another origin: what grows
"""
