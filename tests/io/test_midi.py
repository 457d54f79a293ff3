"""Standard MIDI files: times from ticks and tempi, and an AudioFileError for whatever is damaged."""

from __future__ import annotations

import struct
from pathlib import Path

import mido
import numpy as np
import pytest

from mastering.errors import AudioFileError
from mastering.io.midi import MidiSong, read_midi

TICKS = 480


def chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack(">I", len(data)) + data


def header(kind: int, tracks: int, division: int = TICKS) -> bytes:
    return chunk(b"MThd", struct.pack(">HHH", kind, tracks, division))


def length(number: int) -> bytes:
    """A variable-length quantity."""
    parts = [number & 0x7F]
    while number := number >> 7:
        parts.append(0x80 | (number & 0x7F))
    return bytes(reversed(parts))


def track(*events: tuple[int, bytes]) -> bytes:
    """Events as (ticks since the one before, bytes), and the end."""
    return chunk(b"MTrk", b"".join(length(delta) + data for delta, data in (*events, (0, b"\xff\x2f\x00"))))


def tempo(us_per_beat: int) -> bytes:
    return b"\xff\x51\x03" + us_per_beat.to_bytes(3, "big")


def note_on(key: int, velocity: int = 100, channel: int = 0) -> bytes:
    return bytes((0x90 | channel, key, velocity))


def note_off(key: int, channel: int = 0) -> bytes:
    return bytes((0x80 | channel, key, 0))


def read(tmp_path: Path, content: bytes) -> MidiSong:
    path = tmp_path / "söng.mid"
    path.write_bytes(content)
    return read_midi(path)


def test_a_beat_is_half_a_second_where_nothing_is_said(tmp_path: Path) -> None:
    song = read(tmp_path, header(0, 1) + track((0, note_on(60)), (TICKS, note_off(60))))
    assert song.events == ((0.0, note_on(60)), (0.5, note_off(60)))
    assert song.duration_s == 0.5


def test_tempo_changes_are_worked_in(tmp_path: Path) -> None:
    """60, then 240 beats a minute from beat 2 on; a note over the change, in another track."""
    first = track((0, tempo(1_000_000)), (2 * TICKS, tempo(250_000)))
    second = track(
        (TICKS, note_on(60)), (2 * TICKS, note_off(60)), (4 * TICKS, note_on(62)), (0, note_off(62))
    )
    song = read(tmp_path, header(1, 2) + first + second)
    times = [time_s for time_s, _ in song.events]
    assert times == pytest.approx([1.0, 2.25, 3.25, 3.25], abs=1e-9)
    assert song.duration_s == pytest.approx(3.25)


def test_tracks_are_merged_in_the_order_of_time(tmp_path: Path) -> None:
    tracks = [track(*((TICKS, note_on(40 + n, channel=n)) for _ in range(5))) for n in range(3)]
    song = read(tmp_path, header(1, 3) + b"".join(tracks))
    assert len(song.events) == 15
    assert [time_s for time_s, _ in song.events] == sorted(time_s for time_s, _ in song.events)
    assert {data[0] & 0x0F for _, data in song.events} == {0, 1, 2}


def test_only_messages_of_channels_are_kept(tmp_path: Path) -> None:
    events = (
        (0, b"\xff\x03\x04name"),
        (0, b"\xf0\x05\x7e\x7f\x09\x01\xf7"),
        (0, b"\xb0\x07\x64"),
        (0, b"\xc0\x05"),
        (0, b"\xe0\x00\x40"),
        (0, note_on(60)),
        (TICKS, b"\x3c\x00"),  # running status: note-on of velocity 0
    )
    song = read(tmp_path, header(0, 1) + track(*events))
    assert [data for _, data in song.events] == [
        b"\xb0\x07\x64",
        b"\xc0\x05",
        b"\xe0\x00\x40",
        note_on(60),
        note_on(60, 0),
    ]


def test_the_end_of_the_track_counts(tmp_path: Path) -> None:
    body = length(0) + note_on(60) + length(TICKS) + note_off(60) + length(3 * TICKS) + b"\xff\x2f\x00"
    song = read(tmp_path, header(0, 1) + chunk(b"MTrk", body))
    assert song.duration_s == pytest.approx(2.0)


def test_what_mido_writes(tmp_path: Path) -> None:
    file = mido.MidiFile(ticks_per_beat=96)
    part = mido.MidiTrack()
    file.tracks.append(part)
    part.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(90)))
    part.extend(mido.Message("note_on", note=60 + n, velocity=80, time=48) for n in range(8))
    file.save(tmp_path / "m.mid")
    song = read_midi(tmp_path / "m.mid")
    assert [time_s for time_s, _ in song.events] == pytest.approx([(n + 1) / 3.0 for n in range(8)])


def test_a_song_without_notes(tmp_path: Path) -> None:
    assert read(tmp_path, header(0, 1) + track()) == MidiSong(events=(), duration_s=0.0)


GOOD = (
    header(1, 2)
    + track((0, tempo(400_000)))
    + track((0, note_on(60)), (TICKS, note_off(60)), (0, b"\xff\x59\x02\x00\x00"), (10, b"\xb0\x07\x40"))
)
DAMAGED = {
    "empty": b"",
    "text": b"these are no notes\n",
    "a wave file": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "only a head": header(1, 2),
    "half a head": header(1, 2)[:9],
    "cut off": GOOD[:-10],
    "no beats": header(0, 1, 0) + track((0, note_on(60)), (TICKS, note_off(60))),
    "a key there is not": header(0, 1) + track((0, b"\xff\x59\x02\x0b\x00")),
    "songs one after another": header(2, 2) + track((0, note_on(60))) + track((0, note_on(62))),
    "data beyond seven bits": header(0, 1) + track((0, b"\x90\xff\xff")),
    "running status of nothing": header(0, 1) + track((0, b"\x3c\x40")),
    "a track too long": header(0, 1) + b"MTrk\xff\xff\xff\xff" + length(0) + note_on(60),
    "frames of film": header(0, 1, 0xE728) + track((0, note_on(60)), (TICKS, note_off(60))),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_files_are_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(AudioFileError) as caught:
        read(tmp_path, DAMAGED[kind])
    assert caught.value.code == "midi"
    assert "söng.mid" in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="no such file"):
        read_midi(tmp_path / "none.mid")
    with pytest.raises(AudioFileError, match="it cannot be read as MIDI"):
        read_midi(tmp_path)


def test_a_file_larger_than_any_song(tmp_path: Path) -> None:
    path = tmp_path / "huge.mid"
    with path.open("wb") as file:
        file.write(GOOD)
        file.truncate(65 * 2**20)
    with pytest.raises(AudioFileError):
        read_midi(path)


@pytest.mark.parametrize("seed", range(8))
def test_any_damage_is_an_audio_file_error_or_a_song(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(60):
        content = bytearray(GOOD)
        for place in rng.integers(0, len(content), rng.integers(1, 5)):
            content[place] = rng.integers(256)
        try:
            song = read(tmp_path, bytes(content[: rng.integers(8, len(content) + 1)]))
        except AudioFileError:
            continue
        times = [time_s for time_s, _ in song.events]
        assert times == sorted(times)
        assert all(0.0 <= time_s <= song.duration_s for time_s in times)
