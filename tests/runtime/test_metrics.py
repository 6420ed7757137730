"""The metrics, and the dashboard and the alerts that use them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from bot.runtime.metrics import Metrics

DOCS = Path(__file__).parents[2] / "docs"
DASHBOARD = (DOCS / "dashboard.json").read_text()
ALERTS = (DOCS / "alerts.yml").read_text()
NAME = re.compile(r"\b((?:framehound|process)_[a-z_]+)")


def served() -> set[str]:
    """Return every name on the metrics page after each metric was used once."""
    metrics = Metrics()
    metrics.jobs.labels("waiting").set(1)
    metrics.finished("answered")
    metrics.clarifai_calls.labels("ok").inc()
    metrics.vision_calls.labels("ok").inc()
    metrics.gateway_latency.labels("0").set(1)
    with metrics.stage("tag"):
        pass
    page = metrics.page().decode()
    return {
        line.partition("{")[0].partition(" ")[0] for line in page.splitlines() if line[0] != "#"
    }


def test_the_dashboard_shows_only_metrics_that_exist() -> None:
    json.loads(DASHBOARD)
    shown = set(NAME.findall(DASHBOARD))
    assert shown <= served()
    assert {name for name in shown if name.startswith("framehound_")}


def test_each_metric_of_ours_is_on_the_dashboard() -> None:
    ours = {name for name in served() if name.startswith("framehound_")}
    ours = {name for name in ours if not name.endswith(("_created", "_sum", "_count"))}
    assert ours <= set(NAME.findall(DASHBOARD))


def test_alerts_use_only_metrics_that_exist_and_say_what_to_do() -> None:
    rules = yaml.safe_load(ALERTS)["groups"][0]["rules"]
    assert set(NAME.findall(" ".join(rule["expr"] for rule in rules))) <= served()
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith(".")


def test_each_process_counts_for_itself() -> None:
    one, two = Metrics(), Metrics()
    one.finished("answered")
    assert 'framehound_jobs_finished_total{outcome="answered"} 1.0' in one.page().decode()
    assert 'outcome="answered"' not in two.page().decode()
