"""The error for a policy that cannot work: all eight mistakes at once, with corrections."""

from corsbp import CorsPolicy, CorsPolicyError

try:
    CorsPolicy(
        allow_origins=[
            "mydomain.com",
            "https://app.example/",
            "https://*example.com",
            "http://intranet.example",
        ],
        allow_credentials=True,
        allow_methods="GET, POST",
        allow_headers=["Cookie", "ETag"],
        max_age=1_000_000,
    )
except CorsPolicyError as error:
    print(error)
