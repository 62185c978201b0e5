"""Frames survive the socket: any split of the bytes gives the same frames back."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.errors import Overloaded, leaves
from retrieval_predictor.wire import frames
from retrieval_predictor.wire.admission import Load
from retrieval_predictor.wire.frames import FrameReader, Kind
from retrieval_predictor.wire.ragged import from_bytes, joined, split
from retrieval_predictor.wire.work import Outputs, Passes, Rows, Run
from tests.support import make


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    deadline_s=st.floats(0, 1e9),
    cuts=st.lists(st.integers(0, 2000), max_size=6),
)
def test_a_run_arrives_whole_however_the_stream_is_cut(lengths, deadline_s, cuts):
    run = Run(make.encoded(lengths), deadline_s, client=2**64 - 1)
    stream = frames.pack_run(7, run) + frames.pack_cancel(8)
    reader, got = FrameReader(), []
    edges = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    for start, stop in pairwise(edges):
        got += reader.feed(stream[start:stop])

    assert [(frame.kind, frame.request_id) for frame in got] == [(Kind.RUN, 7), (Kind.CANCEL, 8)]
    back = frames.unpack_run(got[0].payload)
    assert (back.deadline_s, back.client) == (deadline_s, 2**64 - 1)
    assert back.encoded.ids.tolist() == run.encoded.ids.tolist()
    assert back.encoded.lengths.tolist() == lengths


def test_rows_come_back_as_they_were_sent():
    rows = Rows(np.arange(12, dtype=np.float32).reshape(3, 4), 0.25, 0.5, Passes(2, 7, 90))
    (frame,) = FrameReader().feed(frames.pack_rows(9, rows))
    back = frames.unpack_rows(frame.payload)
    np.testing.assert_array_equal(back.rows, rows.rows)
    assert (back.queue_s, back.forward_s, back.passes) == (0.25, 0.5, Passes(2, 7, 90))


@given(outputs=st.sampled_from([Outputs(flags) for flags in range(1, 8)]))
def test_what_is_wanted_of_the_texts_arrives_with_them(outputs):
    run = Run(replace(make.encoded((4, 5)), outputs=outputs))
    (frame,) = FrameReader().feed(frames.pack_run(7, run))
    back = frames.unpack_run(frame.payload).encoded
    assert back.outputs is outputs
    assert back.ids.tolist() == run.encoded.ids.tolist()


@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=8), kind=st.booleans())
def test_rows_of_any_length_come_back_behind_one_another(sizes, kind):
    rows = [np.full(size, place, dtype=np.float32) for place, size in enumerate(sizes)]
    sent = Rows(joined(rows if kind else from_bytes([row.tobytes() for row in rows])), 0.25, 0.5)
    (frame,) = FrameReader().feed(frames.pack_rows(9, sent))
    back = split(frames.unpack_rows(frame.payload).rows.reshape(-1), sizes)
    assert [row.tolist() for row in back] == [row.tolist() for row in rows]


def test_an_error_keeps_its_class_and_its_numbers():
    error = Overloaded(tokens=10, queued_tokens=95, limit_tokens=100, retry_after_s=2.5)
    (frame,) = FrameReader().feed(frames.pack_fault(1, error))
    back = frames.unpack_fault(frame.payload)
    assert isinstance(back, Overloaded)
    assert back.facts() == error.facts()


def test_every_error_has_a_code_of_its_own():
    codes = [leaf.code for leaf in leaves()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    "stream", [b"\xff\xff\xff\xff" + bytes(20), bytes(20), b"\x00\x00\x00\x00" + bytes(9)]
)
def test_a_stream_that_is_not_ours_is_refused(stream):
    with pytest.raises(ValueError, match="not ours"):
        FrameReader().feed(stream)


def test_lengths_that_disagree_with_the_ids_are_refused():
    (frame,) = FrameReader().feed(frames.pack_run(1, Run(make.encoded((4, 5)))))
    with pytest.raises(ValueError, match="announces"):
        frames.unpack_run(frame.payload[:-4])


def test_the_load_comes_back_as_it_was_sent():
    load = Load(5, 2**40, 100, 2**41, 1234.5)
    (frame,) = FrameReader().feed(frames.pack_load(load))
    assert frames.unpack_load(frame.payload) == load
