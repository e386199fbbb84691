"""Metrics for Prometheus: from the records and the machine when they are asked for, so that every process tells the same.

Requests alone are counted by the process that answers them; Prometheus adds them up over restarts.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.utils import timezone
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from roaddamage import __version__, measures
from roaddamage.records.models import Work

CONTENT_TYPE = CONTENT_TYPE_LATEST
disable_created_metrics()  # type: ignore[no-untyped-call]
_registry = CollectorRegistry()
requests = Counter(
    "roaddamage_requests", "Requests that this process answered", ["method", "status"], registry=_registry
)


class Records(Collector):
    """What `roaddamage.measures` tells now."""

    def collect(self) -> Iterator[Metric]:
        """All of it. Raises what the database does."""
        yield _one("roaddamage_info", "The application's version", 1, version=__version__)
        yield from _work()
        workers = GaugeMetricFamily(
            "roaddamage_workers", "Workers that live, by what they do", labels=["kind"]
        )
        rows = measures.workers()
        for kind, trainings in (("drives", False), ("trainings", True)):
            workers.add_metric([kind], sum(row.trainings is trainings for row in rows))
        yield workers
        yield from _machine()
        yield from _rest()


def written() -> bytes:
    """As Prometheus reads it."""
    return generate_latest(_registry)


def known(address: str) -> bool:
    """Whether metrics are read from there without a token, by the settings."""
    try:
        here = ip_address(address)
    except ValueError:
        return False
    return any(here in ip_network(one) for one in settings.CONFIGURATION.metrics.hosts)


def _one(name: str, about: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(name, about, labels=list(labels))
    family.add_metric(list(labels.values()), value)
    return family


def _work() -> Iterator[Metric]:
    queue = measures.queue()
    states = GaugeMetricFamily(
        "roaddamage_queue", "Work that waits or runs, by kind", labels=["kind", "state"]
    )
    failed = CounterMetricFamily(
        "roaddamage_failed", "Runs that failed, of all time, by kind", labels=["kind"]
    )
    done = CounterMetricFamily(
        "roaddamage_done", "Runs that succeeded, of all time, by kind", labels=["kind"]
    )
    oldest = GaugeMetricFamily(
        "roaddamage_queue_oldest_seconds", "How long the oldest waits that nobody runs yet", labels=["kind"]
    )
    for kind, one in queue.items():
        for state in Work.OPEN:
            states.add_metric([kind, state], one.states[state])
        failed.add_metric([kind], one.states[Work.State.failed])
        done.add_metric([kind], one.states[Work.State.done])
        oldest.add_metric([kind], one.wait_s)
    yield from (states, failed, done, oldest)


def _machine() -> Iterator[Metric]:
    free = GaugeMetricFamily("roaddamage_disk_free_bytes", "Room left where a folder lies", labels=["folder"])
    size = GaugeMetricFamily("roaddamage_disk_size_bytes", "All room where a folder lies", labels=["folder"])
    for disk in measures.disks():
        for folder in disk.folders:
            free.add_metric([folder or "workspace"], disk.free_bytes)
            size.add_metric([folder or "workspace"], disk.total_bytes)
    yield from (free, size)
    used = GaugeMetricFamily("roaddamage_gpu_memory_used_bytes", "Memory in use on a GPU", labels=["gpu"])
    total = GaugeMetricFamily("roaddamage_gpu_memory_bytes", "Memory of a GPU", labels=["gpu"])
    taken = GaugeMetricFamily("roaddamage_gpu_taken", "1: lent to a job or training", labels=["gpu"])
    for index, gpu in enumerate(measures.gpus()):
        used.add_metric([str(index)], gpu.used_bytes)
        total.add_metric([str(index)], gpu.total_bytes)
        taken.add_metric([str(index)], gpu.taken)
    yield from (used, total, taken)


def _rest() -> Iterator[Metric]:
    if last := measures.last_backup():
        age_s = (timezone.now() - last.at).total_seconds()
        yield _one(
            "roaddamage_backup_age_seconds", "Since the last backup; absent where there is none", age_s
        )
    _, error = measures.model_in_use()
    yield _one("roaddamage_model_there", "0: the file of the model in use is gone", error is None)
    deliveries = GaugeMetricFamily(
        "roaddamage_webhook_deliveries", "Deliveries of the last 30 days, by state", labels=["state"]
    )
    for state, count in measures.deliveries(30).items():
        deliveries.add_metric([state], count)
    yield deliveries
    yield _one(
        "roaddamage_files_left", "Files that are deleted, and on the disk still", measures.left_files()
    )


_registry.register(Records())
