"""Random requests, and random apps, judged by rules that share no code with corsbp.

oracle      the rules for the headers of responses
world       an app with sections beside the same app without them, and the judge of both
cases       requests and their policy: kept in files, made at random, and changed
meter       the number of instructions that run in corsbp
descriptions, apps, judge, differential
            python -m tests.fuzz.differential: random apps, each with sections and without
forgery     python -m tests.fuzz.forgery: random forged requests, with an oracle of their own
__main__    python -m tests.fuzz: a campaign of any length, guided by coverage
"""
