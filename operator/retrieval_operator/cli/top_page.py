"""A `/metrics` page as numbers: samples by name and labels, and histograms between two pages. Pure.

The predictor's counters and histograms only grow; one that fell belongs to a new process and is
counted from zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


@dataclass(frozen=True, slots=True)
class Page:
    """What a predictor said at one moment of a monotonic clock."""

    at_s: float
    samples: Mapping[str, Sequence[Sample]]

    def has(self, name: str, **labels: str) -> bool:
        """Whether there is such a sample."""
        return any(True for _ in self._chosen(name, labels))

    def total(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels; 0 where there is none."""
        return sum(sample.value for sample in self._chosen(name, labels))

    def label(self, name: str, label: str) -> str | None:
        """A label's value of the metric's first sample."""
        first = next(iter(self.samples.get(name, ())), None)
        return None if first is None else first.labels.get(label)

    def buckets(self, name: str) -> dict[float, float]:
        """Cumulative counts of a histogram by upper bound, summed over all its labels."""
        counts: dict[float, float] = {}
        for sample in self.samples.get(f"{name}_bucket", ()):
            bound = float(sample.labels["le"])
            counts[bound] = counts.get(bound, 0.0) + sample.value
        return dict(sorted(counts.items()))

    def _chosen(self, name: str, labels: Mapping[str, str]) -> Iterator[Sample]:
        for sample in self.samples.get(name, ()):
            if all(sample.labels.get(key) == value for key, value in labels.items()):
                yield sample


def read_page(text: str, at_s: float) -> Page:
    """A page in Prometheus' text format.

    Raises:
        ValueError: The text is in another format.
    """
    samples: dict[str, list[Sample]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample)
    return Page(at_s, samples)


def grown(before: Page, after: Page, name: str, **labels: str) -> float:
    """How much a counter grew between two pages."""
    return _since(before.total(name, **labels), after.total(name, **labels))


def mean(before: Page, after: Page, name: str) -> float | None:
    """The mean of a histogram's observations between two pages; None without one."""
    count = grown(before, after, f"{name}_count")
    return grown(before, after, f"{name}_sum") / count if count else None


def quantile(before: Page, after: Page, name: str, q: float) -> float | None:
    """A quantile of a histogram's observations between two pages; None without one.

    Interpolated inside its bucket as PromQL's `histogram_quantile` does; above the last finite
    bound it is that bound.
    """
    old = before.buckets(name)
    new = {bound: _since(old.get(bound, 0.0), now) for bound, now in after.buckets(name).items()}
    total = max(new.values(), default=0.0)
    return _interpolated(new, q * total) if total else None


def _interpolated(cumulative: Mapping[float, float], rank: float) -> float:
    lower, below = 0.0, 0.0
    for bound, count in cumulative.items():
        if count >= rank and count > below:
            inside = (rank - below) / (count - below)
            return lower if bound == float("inf") else lower + (bound - lower) * inside
        lower, below = bound, count
    return lower


def _since(before: float, after: float) -> float:
    return after - before if after >= before else after
