"""Who is refused, as metrics that Prometheus reads from /metrics, summed up over the workers.

pip install prometheus-client
PROMETHEUS_MULTIPROC_DIR=$(mktemp -d) sanic examples.metrics:app --workers 2
"""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sanic import Blueprint, Sanic, raw, text

from corsbp import cors_group

NAMED = 20  # origins in each worker: clients choose them
refused = Counter("cors_refused", "Pages that were refused.", ["section", "id", "report_only"])
origins = Counter("cors_refused_origins", "Some origins that were not allowed.", ["origin"])
named: set[str] = set()

app = Sanic("metrics")
api = Blueprint("api", url_prefix="/api")
api.add_route(lambda _: text("item"), "/item", name="item")
app.blueprint(cors_group(api, allow_origins=["https://app.example", "https://www.app.example"]))


@app.signal("corsbp.page.refused")
async def count(refusal, section, report_only, **_):
    refused.labels(section, refusal.id, report_only).inc(refusal.times)
    if refusal.id == "origin-not-allowed" and (refusal.value in named or len(named) < NAMED):
        named.add(refusal.value)
        origins.labels(refusal.value).inc()


@app.get("/metrics")
async def metrics(_):
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return raw(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
