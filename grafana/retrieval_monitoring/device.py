"""Rows of the Predictor dashboard about the device, the processes' memory and their starts."""

from __future__ import annotations

from typing import Final

from grafana.retrieval_monitoring.panels import Kind, Panel, Query, Row
from grafana.retrieval_monitoring.promql import highest, series, summed

_DEVICE: Final = Row(
    "Device and memory",
    (
        Panel(
            "Engine busy",
            "Share of the last ten seconds in which the device computed.",
            "percentunit",
            (Query(highest("retrieval_engine_busy_ratio", "pod"), "{{pod}}"),),
            highest=1,
        ),
        Panel(
            "Memory: planned and measured",
            "On a GPU: planned for the process, allocated and reserved by it, used on and total "
            "of the device. On a CPU only the plan is a device figure; see resident memory.",
            "bytes",
            (Query(summed(series("retrieval_gpu_memory_bytes"), "kind"), "{{kind}}"),),
        ),
        Panel(
            "Resident memory by process",
            "Main memory of the processes of a pod. API workers hold no weights.",
            "bytes",
            (
                Query(
                    summed(series("retrieval_process_memory_bytes"), "pod, process"),
                    "{{pod}} {{process}}",
                ),
            ),
            Kind.STACK,
        ),
    ),
)

_LIFE: Final = Row(
    "Models and starts",
    (
        Panel(
            "Models in force",
            "The loaded model of each pod.",
            "none",
            (
                Query(
                    "max by (service, component, pod, model, revision, precision, dimensions) "
                    f"({series('retrieval_model_info')})"
                ),
            ),
            Kind.TABLE,
            width=12,
            hidden_columns=("Value",),
        ),
        Panel(
            "Time to load",
            "From the start of the engine to loaded weights.",
            "s",
            (Query(highest("retrieval_model_load_seconds", "pod"), "{{pod}}"),),
            width=6,
        ),
        Panel(
            "Time since start",
            "Age of the processes of each pod; a fall is a restart.",
            "s",
            (
                Query(
                    f"time() - {highest('retrieval_process_start_seconds', 'pod, process')}",
                    "{{pod}} {{process}}",
                ),
            ),
            width=6,
        ),
    ),
)


def _dcgm(metric: str) -> str:
    """A series of the DCGM exporter, which names our pods in labels of its own."""
    pods = '{exported_namespace=~"$namespace",exported_pod=~"$service-.*"}'
    return f"max by (exported_pod, gpu, UUID) ({metric}{pods})"


_DCGM: Final = Row(
    "GPU, by the DCGM exporter where it runs",
    tuple(
        Panel(title, description, unit, (Query(expr, "{{exported_pod}} {{gpu}}"),), width=6)
        for title, description, unit, expr in (
            (
                "Tensor cores active",
                "Share of cycles in which the tensor pipe worked: how well batches use the GPU.",
                "percentunit",
                _dcgm("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"),
            ),
            (
                "Utilisation",
                "Share of time in which any kernel ran.",
                "percent",
                _dcgm("DCGM_FI_DEV_GPU_UTIL"),
            ),
            (
                "Memory used",
                "Memory of the whole GPU, other processes included.",
                "decmbytes",
                _dcgm("DCGM_FI_DEV_FB_USED"),
            ),
            (
                "Last XID error",
                "The driver's last error code, to look up in NVIDIA's XID table; 0 is none.",
                "none",
                _dcgm("DCGM_FI_DEV_XID_ERRORS"),
            ),
        )
    ),
    collapsed=True,
)

ROWS: Final = (_DEVICE, _LIFE, _DCGM)
