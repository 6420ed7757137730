"""Prometheus metrics; each process counts for itself."""

from __future__ import annotations

from functools import partial
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

# From the milliseconds of a repost to the minutes of a long clip at a slow service.
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The metrics of one process, in their own registry."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        count, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self.jobs = gauge("framehound_jobs", "Jobs in the queue, by state", ["state"])
        self.queue_age = gauge(
            "framehound_queue_age_seconds", "Seconds since the oldest waiting job was queued"
        )
        self.jobs_finished = count(
            "framehound_jobs_finished", "Finished jobs, by outcome", ["outcome"]
        )
        self._stages = Histogram(
            "framehound_stage_seconds",
            "Seconds spent in each stage of a clip or job",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.clarifai_calls = count(
            "framehound_clarifai_calls", "Calls to Clarifai, by outcome", ["outcome"]
        )
        self.vision_calls = count(
            "framehound_vision_calls", "Calls to the vision endpoint, by outcome", ["outcome"]
        )
        self.frames_billed = count(
            "framehound_frames_billed", "Frames billed by Clarifai, or shown to a vision model"
        )
        self.cache_hits = count(
            "framehound_cache_hits",
            "Clips answered from a stored tagging, without calling a tagger",
        )
        self.gateway_latency = gauge(
            "framehound_gateway_latency_seconds",
            "Seconds from a gateway heartbeat to its acknowledgement",
            ["shard"],
        )
        self.circuit_open = gauge(
            "framehound_circuit_open",
            "1 while the circuit breaker holds back calls to the tagger, else 0",
        )

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Time the block as a stage: ``download``, ``probe``, ``tag`` or ``answer``."""
        return self._stages.labels(name).time()

    def finished(self, outcome: str) -> None:
        """Count a finished job under its outcome."""
        self.jobs_finished.labels(outcome).inc()

    def page(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
