"""What an operator can watch, in Prometheus' terms; each process counts for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

# From a repost's milliseconds to a ten-minute clip at a service that takes its time.
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Counters and gauges of one process, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.jobs = Gauge(
            "framehound_jobs", "Jobs in the queue, by state", ["state"], registry=registry
        )
        self.queue_age = Gauge(
            "framehound_queue_age_seconds",
            "How long the job has waited that waits longest",
            registry=registry,
        )
        self.jobs_finished = Counter(
            "framehound_jobs_finished",
            "Jobs, by what became of them",
            ["outcome"],
            registry=registry,
        )
        self._stages = Histogram(
            "framehound_stage_seconds",
            "Seconds by stage of a clip or a job",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.clarifai_calls = Counter(
            "framehound_clarifai_calls",
            "Calls to Clarifai, by outcome",
            ["outcome"],
            registry=registry,
        )
        self.frames_billed = Counter(
            "framehound_frames_billed", "Frames Clarifai answered for", registry=registry
        )
        self.cache_hits = Counter(
            "framehound_cache_hits", "Clips answered from what is stored", registry=registry
        )
        self.gateway_latency = Gauge(
            "framehound_gateway_latency_seconds",
            "From a heartbeat to its answer",
            ["shard"],
            registry=registry,
        )
        self.circuit_open = Gauge(
            "framehound_circuit_open",
            "1 while Clarifai is left alone after failing time after time",
            registry=registry,
        )

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Time a stage: ``download``, ``probe``, ``tag`` or ``answer``."""
        return self._stages.labels(name).time()

    def finished(self, outcome: str) -> None:
        """Count a job: what became of it."""
        self.jobs_finished.labels(outcome).inc()

    def page(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
