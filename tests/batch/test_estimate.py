"""What a run will take: lengths from headers, times from what was done, room and money."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mastering.cli.catalogue.estimate import Estimate, refuse_without_room, sentences, span
from mastering.cli.catalogue.outbox import Outbox
from mastering.cli.catalogue.probe import lengths_of
from mastering.cli.catalogue.rates import MEASURED, effort_of
from mastering.errors import EnvironmentProblem
from mastering.io.remote import find
from tests.batch.conftest import Catalogue

JUDGED = Estimate(
    songs=1_204,
    done_before=3,
    unread=2,
    audio_s=292_680.0,
    worker_s=45_600.0,
    wall_s=5_880.0,
    workers=8,
    sources=("style: as 42 finished jobs here",),
    output_bytes=61_200_000_000,
    least_bytes=60_000_000_000,
    free_bytes=412_000_000_000,
    memory_bytes=3_300_000_000,
    free_memory_bytes=31_000_000_000,
    price=1.2667,
    currency="EUR",
)


def test_for_people() -> None:
    assert sentences(JUDGED) == [
        "1204 songs to master, 81.30 hours of audio; 2 whose header cannot be read; 3 done before.",
        "Processor time about 12 h 40 min (6.4 x real time on a core, style: as 42 finished jobs here).",
        "About 1 h 38 min with 8 at a time.",
        "Room about 61.2 GB; 412.0 GB free.",
        "Memory up to about 3.3 GB; 31.0 GB free.",
        "Price about 1.27 EUR.",
    ]
    scarce = sentences(replace(JUDGED, free_memory_bytes=2_000_000_000))
    assert "Memory up to about 3.3 GB; 2.0 GB free: use a smaller --jobs." in scarce
    assert [span(seconds) for seconds in (0.4, 59.6, 3_599.0, 3_600.0)] == [
        "0 s",
        "1 min 0 s",
        "59 min 59 s",
        "1 h 0 min",
    ]


def test_what_certainly_does_not_fit(tmp_path: Path) -> None:
    outbox = Outbox(str(tmp_path))
    refuse_without_room(JUDGED, outbox)
    refuse_without_room(replace(JUDGED, free_bytes=None), outbox)
    with pytest.raises(EnvironmentProblem) as refused:
        refuse_without_room(replace(JUDGED, free_bytes=59_000_000_000), outbox)
    assert refused.value.message == f"{tmp_path}: the masters need 60.0 GB, and 59.0 GB are free"
    assert refused.value.code == "disk_full"


def test_efforts() -> None:
    assert effort_of(stems=True, references=1, refine_steps=30) == "stems"
    assert effort_of(stems=False, references=1, refine_steps=30) == "refined"
    assert effort_of(stems=False, references=2, refine_steps=0) == "reference"
    assert effort_of(stems=False, references=0, refine_steps=0) == "style"
    assert MEASURED["style"].seconds(240.0) < MEASURED["stems"].seconds(240.0)


def test_lengths(catalogue: Catalogue) -> None:
    """Many at a time; one that is no audio has none."""
    paths = [str(catalogue.song(f"{n}.wav", n, seconds=0.5 + n)) for n in range(3)]
    bad = catalogue.inputs / "bad.wav"
    bad.write_text("no audio")
    found = lengths_of([*paths, str(bad), str(catalogue.inputs / "nothing.wav")], {})
    assert [one and one.duration_s for one in found] == [0.5, 1.5, 2.5, None, None]
    assert {(one.sample_rate, one.channels) for one in found if one} == {(44_100, 2)}
    assert lengths_of([], {}) == []


def test_lengths_elsewhere(catalogue: Catalogue, bucket: str) -> None:
    """From headers where those are small, else from sizes."""
    import fsspec

    storage = fsspec.filesystem("s3", use_listings_cache=False)
    for n in range(2):
        storage.put_file(str(catalogue.song(f"{n}.wav", n, seconds=1.5 + n)), f"{bucket}/{n}.wav")
    storage.pipe_file(f"{bucket}/2.mp3", bytes(400_000))
    storage.pipe_file(f"{bucket}/3.wav", bytes(176_400 * 4))
    found = {one.url: one for one in find(bucket, wanted=lambda name: True)}
    lengths = lengths_of(sorted(found), found)
    assert [one and round(one.duration_s, 1) for one in lengths] == [1.5, 2.5, 10.0, 4.0]


def test_only_an_estimate(catalogue: Catalogue) -> None:
    """Nothing is written; what is done before counts no more; jobs that were done give the rate."""
    catalogue.song("a.wav", 1, seconds=70.0)
    arguments = (catalogue.inputs, "--estimate", "--price-per-core-hour", "100", "--currency", "CHF")
    said = catalogue.run(*arguments)
    assert said.startswith("1 song to master, 0.02 hours of audio.\n")
    assert "style: as measured in tools/bench/results/batch.md" in said
    assert "CHF" in said
    assert not catalogue.outbox.exists()

    catalogue.run(catalogue.inputs, "-q")
    catalogue.song("b.wav", 2, seconds=7.0)
    document = json.loads(catalogue.run(*arguments, "--json"))["estimate"]
    assert (document["songs"], document["done_before"]) == (1, 1)
    assert document["sources"] == ["style: as 1 finished jobs here"]
    assert document["audio_s"] == 7.0
    assert document["output_bytes"] >= document["least_bytes"] == 7 * 44_100 * 2 * 3
    assert document["price"] == pytest.approx(document["worker_s"] / 36.0)
