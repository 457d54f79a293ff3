"""An instrument plug-in: in tune, on the sample, and the same in one piece or in many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from mastering.audio import BLOCK_FRAMES, Samples
from mastering.chain import External
from mastering.errors import ParameterError, PluginCrashed, PluginForbidden
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.inserts import insert_of
from mastering.host.plugins.instrument import Instrument, MidiNote, events_of
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.process import PluginProcess
from mastering.io.midi import read_midi
from tests.host.plugins.support import RATE, Remains, collected, step_of

Hosts = Callable[..., PluginHost]
Events = tuple[tuple[float, bytes], ...]


def played(
    host: PluginHost,
    notes: Sequence[MidiNote] | Events,
    duration_s: float = 1.0,
    rate: int = RATE,
    **settings: object,
) -> Samples:
    events: Events = events_of(notes) if notes and isinstance(notes[0], MidiNote) else tuple(notes)  # type: ignore[arg-type]
    step: External = step_of(host, "Test Instrument", **settings)
    return collected(Instrument(events, step, host, sample_rate=rate, duration_s=duration_s))


def note(start_s: float, stop_s: float, key: int = 69, velocity: int = 100) -> MidiNote:
    return MidiNote(start_s=start_s, stop_s=stop_s, key=key, velocity=velocity)


def expected(notes: Sequence[MidiNote], frames: int, rate: int = RATE, release_s: float = 0.1) -> Samples:
    """What the fixture says it does, in double precision: sines from phase 0, then a straight fade."""
    total = np.zeros(frames)
    for each in notes:
        start, stop = round(each.start_s * rate), round(each.stop_s * rate)
        time = np.arange(frames - start)
        sine = np.sin(2.0 * np.pi * 440.0 * 2.0 ** ((each.key - 69) / 12.0) * time / rate)
        fade = np.clip(1.0 - (time - (stop - start)) / (release_s * rate), 0.0, 1.0)
        total[start:] += each.velocity / 127.0 * 0.25 * sine * fade
    return np.stack([total, total])


@pytest.mark.parametrize("key", [21, 60, 69, 108])
@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_it_is_in_tune(host: PluginHost, key: int, rate: int) -> None:
    out = played(host, [note(0.0, 2.0, key)], 1.0, rate)[0]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out)), 8 * len(out)))
    frequency_hz = spectrum.argmax() * rate / (8 * len(out))
    assert frequency_hz == pytest.approx(440.0 * 2.0 ** ((key - 69) / 12.0), abs=0.1)


@pytest.mark.parametrize("frame", [0, 1, 255, 256, 257, 1_000, 44_099, 65_535, 65_536, 65_537, 70_001])
def test_notes_start_and_stop_on_their_sample(host: PluginHost, frame: int) -> None:
    given = [note(frame / RATE, (frame + 2_000) / RATE)]
    out = played(host, given, 2.0)
    assert out.shape == (2, 2 * RATE)
    assert not out[:, : frame + 1].any(), "a sine begins with nothing"
    assert out[0, frame + 1] != 0.0
    assert np.abs(out - expected(given, 2 * RATE)).max() < 1e-6


def test_chords_and_repeated_notes(host: PluginHost) -> None:
    rng = np.random.default_rng(3)
    given = [
        note(start, start + 0.15, int(rng.integers(40, 90)), int(rng.integers(1, 128)))
        for start in np.sort(rng.uniform(0.0, 3.0, 30))
    ]
    out = played(host, given, 4.0)
    assert np.abs(out - expected(given, 4 * RATE)).max() < 2e-6


def test_many_notes_in_one_buffer(host: PluginHost) -> None:
    """600 messages at once: wrappers drop what is beyond some hundred in one buffer."""
    storm = [note(0.1, 0.1 + 0.001 * n, 60) for n in range(1, 300)]
    out = played(host, [*storm, note(0.5, 0.9, 69)], 1.0)
    late = played(host, [note(0.5, 0.9, 69)], 1.0)
    assert np.array_equal(out[:, RATE * 6 // 10 :], late[:, RATE * 6 // 10 :]), "none of them hangs"


def test_blocks_make_no_difference(host: PluginHost) -> None:
    given = [note(0.2 * n, 0.2 * n + 0.19, 50 + n) for n in range(20)]
    whole = played(host, given, 4.0)
    for duration_s in (0.001, 0.5, 1.486, BLOCK_FRAMES / RATE, 3.3):
        part = played(host, given, duration_s)
        assert np.array_equal(part, whole[:, : part.shape[1]])


@pytest.mark.parametrize("rate", [11_025, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("frames", [1, 2, 15, 92, 255, 1_023])
def test_every_length_is_kept(host: PluginHost, rate: int, frames: int) -> None:
    out = played(host, [note(0.0, 1.0)], frames / rate, rate)
    assert out.shape == (2, frames)
    assert out.any() == (frames > 1)


def test_it_can_be_read_again(host: PluginHost) -> None:
    events = events_of([note(0.0, 0.4), note(0.1, 5.0, 72)])  # the second never ends
    source = Instrument(events, step_of(host, "Test Instrument"), host, sample_rate=RATE, duration_s=0.7)
    first = collected(source)
    assert np.array_equal(collected(source), first)
    other = played(host, [note(0.0, 0.4)], 0.7)
    assert np.abs(other - expected([note(0.0, 0.4)], 30_870)).max() < 1e-6, "nothing of it rings on"


def test_settings_of_an_instrument(host: PluginHost) -> None:
    given = [note(0.0, 0.2)]
    quiet = played(host, given, 1.0, parameters={"volume": -20.0, "release": 500.0})
    assert np.abs(quiet - 0.1 * expected(given, RATE, release_s=0.5)).max() < 1e-6


def test_a_song_without_notes_is_silent(host: PluginHost) -> None:
    assert not played(host, (), 0.5).any()
    assert played(host, (), 0.0).shape == (2, 0)


def test_a_midi_file(host: PluginHost, tmp_path: Path) -> None:
    file, part = mido.MidiFile(ticks_per_beat=480), mido.MidiTrack()
    file.tracks.append(part)
    part.append(mido.MetaMessage("set_tempo", tempo=600_000))
    part.append(mido.Message("note_on", note=60, velocity=90, time=480))
    part.append(mido.MetaMessage("set_tempo", tempo=300_000, time=240))
    part.append(mido.Message("note_off", note=60, time=240))
    part.append(mido.Message("note_on", note=67, velocity=50))
    part.append(mido.Message("note_on", note=67, velocity=0, time=480))
    file.save(tmp_path / "song.mid")
    song = read_midi(tmp_path / "song.mid")
    assert song.duration_s == pytest.approx(1.35)
    out = played(host, song.events, song.duration_s + 0.15)
    score = [note(0.6, 1.05, 60, 90), note(1.05, 1.35, 67, 50)]
    assert np.abs(out - expected(score, out.shape[1])).max() < 1e-6


def test_a_note_ends_before_the_next_of_its_key_begins() -> None:
    events = events_of([note(0.5, 1.0), note(1.0, 1.5), note(0.0, 0.5, 40, 1)])
    assert [time_s for time_s, _ in events] == [0.0, 0.5, 0.5, 1.0, 1.0, 1.5]
    assert [data[0] & 0xF0 for _, data in events] == [0x90, 0x80, 0x90, 0x80, 0x90, 0x80]
    assert events[0][1] == bytes((0x90, 40, 1))


@pytest.mark.parametrize(
    "wrong",
    [{"key": 128}, {"key": -1}, {"velocity": 0}, {"channel": 16}, {"start_s": -0.1}, {"stop_s": 1e6}],
)
def test_notes_there_are_not(wrong: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        MidiNote(**{"start_s": 0.0, "stop_s": 1.0, "key": 60, **wrong})  # type: ignore[arg-type]


def test_an_effect_is_no_instrument(host: PluginHost) -> None:
    with pytest.raises(ParameterError, match="Test Echo is an effect: it takes audio, not notes") as caught:
        Instrument((), step_of(host, "Test Echo"), host, sample_rate=RATE, duration_s=1.0)
    assert caught.value.code == "plugin_effect"


def test_an_instrument_is_no_effect(host: PluginHost) -> None:
    with pytest.raises(ParameterError, match="Test Instrument is an instrument") as caught:
        insert_of(host, "Test Instrument")
    assert caught.value.code == "plugin_instrument"


def test_an_instrument_must_be_allowed(new_host: Hosts) -> None:
    with pytest.raises(PluginForbidden):
        played(new_host(policy=Policy()), [note(0.0, 0.1)], 0.2)


def test_an_abandoned_instrument_leaves_nothing(new_host: Hosts, remains: Remains) -> None:
    host = new_host()
    source = Instrument((), step_of(host, "Test Instrument"), host, sample_rate=RATE, duration_s=5.0)
    blocks = source.blocks()
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    host.close()
    remains.check()


def test_an_instrument_that_dies_leaves_nothing(
    new_host: Hosts, remains: Remains, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = PluginProcess.push_notes

    def killed(self: PluginProcess, *given: Any) -> None:
        push(self, *given)
        self._child._process.kill()

    monkeypatch.setattr(PluginProcess, "push_notes", killed)
    monkeypatch.setattr("mastering.host.plugins.spool.MEMORY_BYTES", 1_000)
    with pytest.raises(PluginCrashed, match="Test Instrument"):
        played(new_host(), [note(0.0, 0.1)], 3.0)
    remains.check()
