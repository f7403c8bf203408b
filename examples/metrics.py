"""Metrics for Prometheus on /metrics, of all workers: `sanic examples.metrics:app`.

pip install '../corsbp[prometheus]'
PROMETHEUS_MULTIPROC_DIR=$(mktemp -d) sanic examples.metrics:app --workers 2

metrics_alerts.yml has alerts for Prometheus.
"""

from sanic import Blueprint, Sanic, text

import corsbp.metrics
from corsbp import CorsPolicy, cors_group

app = Sanic("metrics")
api = Blueprint("api", url_prefix="/api")
api.add_route(lambda request: text("item"), "/item", name="item")
stricter = CorsPolicy(allow_origins=["https://app.example"])
app.blueprint(
    cors_group(api, allow_origins=["https://app.example", "https://old.example"], report_only=stricter)
)
corsbp.metrics.setup(app)
