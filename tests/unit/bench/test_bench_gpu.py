"""Lines of nvidia-smi become the mean utilisation and the highest memory of each GPU."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retrieval_bench.gpu import GpuUse, parse

LINES = """0, NVIDIA H200, 20, 1000
1, NVIDIA L4, 100, 22000
0, NVIDIA H200, 60, 3000
1, NVIDIA L4, [N/A], 1
0, NVIDIA H2"""


def test_each_gpu_is_summed_up_and_broken_lines_are_left_out():
    assert parse(LINES) == (
        GpuUse(0, "NVIDIA H200", 0.4, 3000 * 2**20),
        GpuUse(1, "NVIDIA L4", 1.0, 22000 * 2**20),
    )


@given(text=st.text())
def test_no_text_is_an_error(text):
    assert isinstance(parse(text), tuple)
