"""Requests that nobody would write by hand, judged by rules that share no code with corsbp.

oracle      the rules: which headers an answer may have
world       an app with sections beside the same app without them, and the judge
cases       what is sent, under which policy: how it is kept, made up and changed
meter       how many instructions of corsbp something takes
__main__    python -m tests.fuzz: for as long as one likes, guided by coverage
"""
