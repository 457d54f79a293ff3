"""Tags, covers, broadcast data and cue points: carried between all formats, and checked byte by byte."""

from __future__ import annotations

import base64
import dataclasses
import math
import struct
from pathlib import Path
from typing import Any

import mutagen.flac
import mutagen.id3
import mutagen.mp4
import mutagen.oggvorbis
import mutagen.wave
import numpy as np
import pytest
import soundfile

from mastering.audio import Audio
from mastering.errors import AudioFileError
from mastering.io.metadata import TAG_NAMES, Broadcast, CuePoint, Metadata, Picture
from mastering.io.tags import read_metadata, write_metadata
from mastering.io.writer import open_writer
from mastering.measure.features import Features

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TAGS = {
    "title": ("Über den Wolken – 曲",),
    "artist": ("First Artist", "Second Artist"),
    "album": ("The Album",),
    "albumartist": ("Various",),
    "date": ("2024-05-06",),
    "genre": ("Ambient", "Jazz"),
    "tracknumber": ("3/12",),
    "discnumber": ("1/2",),
    "composer": ("A. Composer",),
    "isrc": ("DEA621000001",),
    "comment": ("recorded live",),
    "copyright": ("2024 The Label",),
    "bpm": ("128",),
    "lyrics": ("line one\nline two",),
    "label": ("The Label",),
}
COVER = Picture(mime="image/png", data=PNG, description="front")
FORMATS = ["wav", "aiff", "flac", "mp3", "ogg", "opus", "m4a"]
_mutagen: Any = mutagen


def silence(path: Path, container: str, metadata: Metadata | None = None, **commit: Any) -> Path:
    rate = 48_000 if container == "opus" else 44_100
    with open_writer(path, sample_rate=rate, channels=2, container=container, bit_depth=16) as writer:  # type: ignore[arg-type]
        writer.write(np.full((2, 5_000), 0.1, np.float32))
        writer.commit(metadata=metadata, **commit)
    return path


def test_the_table_of_tags_is_complete() -> None:
    assert set(TAGS) == set(TAG_NAMES)


@pytest.mark.parametrize("output", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_tags_and_cover_travel_from_any_format_to_any(tmp_path: Path, source: str, output: str) -> None:
    metadata = Metadata(tags=TAGS, pictures=(COVER,))
    first = read_metadata(silence(tmp_path / f"in.{source}", source, metadata))
    second = read_metadata(silence(tmp_path / f"out.{output}", output, first))
    assert second.tags == TAGS
    assert [(p.mime, p.data, p.kind) for p in second.pictures] == [("image/png", PNG, 3)]


def test_other_programs_find_the_tags(tmp_path: Path) -> None:
    """The classes of mutagen stand for them: the names each format's players look for."""
    metadata = Metadata(tags=TAGS, pictures=(COVER,))
    flac = _mutagen.flac.FLAC(silence(tmp_path / "a.flac", "flac", metadata))
    assert (flac["tracknumber"], flac["tracktotal"], flac["artist"]) == (["3"], ["12"], list(TAGS["artist"]))
    assert flac.pictures[0].data == PNG
    mp4 = _mutagen.mp4.MP4(silence(tmp_path / "a.m4a", "m4a", metadata))
    assert (mp4["trkn"], mp4["tmpo"], mp4["\xa9nam"]) == ([(3, 12)], [128], list(TAGS["title"]))
    wave = _mutagen.wave.WAVE(silence(tmp_path / "a.wav", "wav", metadata))
    assert (str(wave["TIT2"]), str(wave["TRCK"]), str(wave["TDRC"])) == (
        TAGS["title"][0],
        "3/12",
        "2024-05-06",
    )
    assert _mutagen.id3.ID3(silence(tmp_path / "a.mp3", "mp3", metadata)).version == (2, 4, 0)


def test_stale_tags_stay_behind(tmp_path: Path, music: Audio) -> None:
    """ReplayGain, R128 gains, encoder names and iTunes' hidden comments describe the old audio."""
    flac = tmp_path / "in.flac"
    soundfile.write(flac, music.samples.T, 44_100)
    tags = _mutagen.flac.FLAC(flac)
    tags.update({"TITLE": "x", "REPLAYGAIN_TRACK_GAIN": "-9 dB", "R128_TRACK_GAIN": "100", "ENCODER": "y"})
    tags.update({"ENCODED-BY": "z", "MUSICBRAINZ_TRACKID": "1", "ACOUSTID_FINGERPRINT": "2"})
    tags.save()
    assert read_metadata(flac).tags == {"title": ("x",)}
    id3 = _mutagen.id3
    mp3 = silence(tmp_path / "in.mp3", "mp3")
    frames = id3.ID3()
    for frame in (
        id3.TIT2(encoding=3, text="x"),
        id3.TXXX(encoding=3, desc="REPLAYGAIN_TRACK_GAIN", text="-9 dB"),
        id3.RVA2(desc="track", channel=1, gain=-9.0, peak=1.0),
        id3.TSSE(encoding=3, text="LAME"),
        id3.COMM(encoding=3, lang="eng", desc="iTunNORM", text=" 0000"),
        id3.COMM(encoding=3, lang="eng", desc="iTunSMPB", text=" 0000"),
    ):
        frames.add(frame)
    frames.save(mp3)
    assert read_metadata(mp3).tags == {"title": ("x",)}
    out = silence(tmp_path / "out.mp3", "mp3", read_metadata(mp3))
    assert set(_mutagen.id3.ID3(out).keys()) == {"TIT2"}


def test_old_genres_and_dates_are_understood(tmp_path: Path) -> None:
    id3 = _mutagen.id3
    mp3 = silence(tmp_path / "old.mp3", "mp3")
    frames = id3.ID3()
    frames.add(id3.TCON(encoding=0, text="(17)"))
    frames.add(id3.TYER(encoding=0, text="1999"))
    frames.save(mp3, v2_version=3)
    assert read_metadata(mp3).tags == {"genre": ("Rock",), "date": ("1999",)}


def test_a_wav_with_info_only(tmp_path: Path, music: Audio) -> None:
    path = tmp_path / "info.wav"
    with soundfile.SoundFile(path, "w", 44_100, 2) as file:
        file.title, file.artist, file.album, file.date = "Title", "Artist", "Album", "2001"
        file.write(music.samples.T)
    assert read_metadata(path).tags == {
        "title": ("Title",), "artist": ("Artist",), "album": ("Album",), "date": ("2001",)
    }  # fmt: skip


def test_wma_tags_are_read(tmp_path: Path, music: Audio, write_av: Any) -> None:
    import mutagen.asf

    path = write_av(tmp_path / "a.wma", music.samples, 44_100, "asf", "wmav2")
    file = mutagen.asf.ASF(path)
    file["Title"], file["Author"], file["WM/TrackNumber"] = ["T"], ["A", "B"], [7]
    picture = struct.pack("<BI", 3, len(PNG)) + "image/png\0front\0".encode("utf-16-le") + PNG
    file["WM/Picture"] = [mutagen.asf.ASFByteArrayAttribute(picture)]
    file.save()
    metadata = read_metadata(path)
    assert metadata.tags == {"title": ("T",), "artist": ("A", "B"), "tracknumber": ("7",)}
    assert metadata.pictures == (COVER,)


def test_files_without_tags_say_nothing(tmp_path: Path, wav: Path) -> None:
    assert read_metadata(wav) == Metadata()
    (tmp_path / "x.txt").write_text("hello")
    assert read_metadata(tmp_path / "x.txt") == Metadata()


def test_damaged_tags_are_an_error_of_their_own(tmp_path: Path) -> None:
    path = silence(tmp_path / "a.flac", "flac", Metadata(tags=TAGS))
    data = bytearray(path.read_bytes())
    at = data.index(b"TITLE")
    data[at - 4 : at] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    with pytest.raises(AudioFileError) as caught:
        read_metadata(path)
    assert caught.value.code == "tags_unreadable"


def test_a_cover_too_large_for_flac_does_not_stop_the_master(tmp_path: Path) -> None:
    huge = Picture(mime="image/jpeg", data=bytes(2**24))
    path = silence(tmp_path / "a.flac", "flac", Metadata(tags={"title": ("x",)}, pictures=(huge, COVER)))
    assert [p.data for p in read_metadata(path).pictures] == [PNG]


def test_several_pictures_survive(tmp_path: Path) -> None:
    pictures = (
        COVER,
        Picture(mime="image/jpeg", data=b"\xff\xd8back", kind=4),
        Picture(mime="image/png", data=PNG),
    )
    for container in ("wav", "flac", "ogg", "mp3"):
        path = silence(tmp_path / f"a.{container}", container, Metadata(pictures=pictures))
        assert sorted((p.kind, p.data) for p in read_metadata(path).pictures) == [
            (3, PNG), (3, PNG), (4, b"\xff\xd8back"),
        ]  # fmt: skip


# Broadcast WAV


def chunk(data: bytes, name: bytes) -> bytes:
    """The payload of one top-level chunk, found by walking the file (an independent walk)."""
    position = 12
    while position < len(data):
        found, size = struct.unpack_from("<4sI", data, position)
        if found == name:
            return data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
    raise AssertionError(name)


def test_bext_byte_by_byte(tmp_path: Path, loudness: Features) -> None:
    """Offsets as in EBU Tech 3285 version 2, section 2.3."""
    broadcast = Broadcast(
        description="Scene 1",
        originator="Studio",
        originator_reference="DE123",
        origination_date="2024-05-06",
        origination_time="10:11:12",
        time_reference_frames=5_000_000_000,
        coding_history="A=ANALOGUE,T=tape\r\n",
    )
    path = silence(tmp_path / "a.wav", "wav", Metadata(broadcast=broadcast), loudness=loudness)
    data = path.read_bytes()
    bext = chunk(data, b"bext")
    assert bext[0:256].rstrip(b"\0") == b"Scene 1"
    assert bext[256:288].rstrip(b"\0") == b"Studio"
    assert bext[288:320].rstrip(b"\0") == b"DE123"
    assert bext[320:330] == b"2024-05-06"
    assert bext[330:338] == b"10:11:12"
    assert struct.unpack_from("<IIH", bext, 338) == (5_000_000_000 % 2**32, 5_000_000_000 // 2**32, 2)
    assert bext[348:412] == bytes(64)  # UMID
    assert struct.unpack_from("<5h", bext, 412) == (-1403, 650, -104, -999, -1150)
    assert bext[422:602] == bytes(180)  # reserved
    assert bext[602:] == b"A=ANALOGUE,T=tape\r\nA=PCM,F=44100,W=16,M=stereo,T=Tonmeister\r\n"
    assert data.index(b"bext") < data.index(b"fmt ") < data.index(b"data")
    assert soundfile.info(path).frames == 5_000


def test_ffmpeg_reads_the_same_broadcast_data(tmp_path: Path, loudness: Features) -> None:
    """A second reader, which shares no code with ours."""
    import av

    broadcast = Broadcast(
        description="Scene 1", originator="Studio", origination_date="2024-05-06", time_reference_frames=2**33
    )
    tags = {"title": TAGS["title"]}
    path = silence(tmp_path / "a.wav", "wav", Metadata(tags=tags, broadcast=broadcast), loudness=loudness)
    with av.open(str(path)) as container:
        found = container.metadata
    assert found["comment"] == "Scene 1"  # FFmpeg's name for the description
    assert found["encoded_by"] == "Studio"
    assert found["date"] == "2024-05-06"
    assert found["time_reference"] == str(2**33)
    assert found["title"] == TAGS["title"][0]


def test_bext_is_made_where_there_was_none_and_knows_no_clock(tmp_path: Path, loudness: Features) -> None:
    path = silence(tmp_path / "a.wav", "wav", Metadata(tags={"title": ("Song",)}), loudness=loudness)
    made = read_metadata(path).broadcast
    assert made is not None
    assert (made.description, made.originator) == ("Song", "Tonmeister")
    assert (made.origination_date, made.origination_time, made.time_reference_frames) == ("", "", 0)


def test_what_was_not_measured_is_marked(tmp_path: Path, loudness: Features) -> None:
    """Silence has no loudness: 0x7FFF, "not used"."""
    silent = dataclasses.replace(
        loudness, integrated_lufs=-math.inf, true_peak_dbtp=-math.inf, max_momentary_lufs=-120.0
    )
    path = silence(tmp_path / "a.wav", "wav", None, loudness=silent)
    values = struct.unpack_from("<5h", chunk(path.read_bytes(), b"bext"), 412)
    assert values == (0x7FFF, 650, 0x7FFF, 0x7FFF, -1150)


def test_a_long_coding_history_goes_to_the_end(tmp_path: Path) -> None:
    broadcast = Broadcast(coding_history="A=PCM,F=48000,W=24,M=stereo\r\n" * 100)
    path = silence(tmp_path / "a.wav", "wav", Metadata(broadcast=broadcast))
    data = path.read_bytes()
    assert chunk(data, b"bext")[602:].startswith(broadcast.coding_history.encode())
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    assert soundfile.info(path).frames == 5_000


def test_long_texts_are_cut_between_characters(tmp_path: Path) -> None:
    path = silence(tmp_path / "a.wav", "wav", Metadata(broadcast=Broadcast(originator="ü" * 20)))
    assert chunk(path.read_bytes(), b"bext")[256:288] == ("ü" * 16).encode()


def test_cue_points_move_with_the_rate(tmp_path: Path) -> None:
    cues = (
        CuePoint(frame=44_100, name="Verse", note="watch the bass"),
        CuePoint(frame=88_200, name="Chörus", length_frames=22_050),
    )
    metadata = Metadata(cues=cues, broadcast=Broadcast(time_reference_frames=441_000))
    path = silence(tmp_path / "a.wav", "wav", metadata, rate_ratio=48_000 / 44_100)
    data = path.read_bytes()
    assert chunk(data, b"cue ") == struct.pack("<I", 2) + b"".join(
        struct.pack("<II4sIII", number, frame, b"data", 0, 0, frame)
        for number, frame in ((1, 48_000), (2, 96_000))
    )
    adtl = chunk(data, b"LIST")
    assert adtl.startswith(b"adtllabl" + struct.pack("<II", 10, 1) + b"Verse\0")
    assert b"ltxt" + struct.pack("<III", 20, 2, 24_000) + b"rgn " in adtl
    again = read_metadata(path)
    assert again.cues == (
        dataclasses.replace(cues[0], frame=48_000),
        dataclasses.replace(cues[1], frame=96_000, length_frames=24_000),
    )
    assert again.broadcast is not None
    assert again.broadcast.time_reference_frames == 480_000


def test_metadata_written_twice_stands_once(tmp_path: Path, loudness: Features) -> None:
    path = silence(tmp_path / "a.wav", "wav", Metadata(tags=TAGS, cues=(CuePoint(frame=5, name="a"),)))
    write_metadata(path, Metadata(tags={"title": ("new",)}, cues=(CuePoint(frame=7, name="b"),)), loudness)
    assert read_metadata(path).tags == {"title": ("new",)}
    assert read_metadata(path).cues == (CuePoint(frame=7, name="b"),)
    assert path.stat().st_size == struct.unpack_from("<I", path.read_bytes(), 4)[0] + 8
    assert soundfile.info(path).frames == 5_000


def test_foreign_chunks_are_read_from_other_programs_files(tmp_path: Path, wav: Path) -> None:
    """A bext of version 0 in Latin text, a cue point without a name, a chunk of odd size."""
    data = wav.read_bytes()
    bext = (
        b"B\xfchne".ljust(256, b"\0") + b"Recorder".ljust(32, b"\0") + bytes(32) + b"2020-01-02" + b"03:04:05"
    )
    bext += struct.pack("<QH", 1_000, 0) + bytes(254) + b"A=PCM\r\n"
    cue = struct.pack("<III4sIII", 1, 77, 0, b"data", 0, 0, 4_242)
    extra = b"".join(
        struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in ((b"bext", bext), (b"odd ", b"abc"), (b"cue ", cue))
    )
    wav.write_bytes(data[:12] + extra + data[12:])
    metadata = read_metadata(wav)
    assert metadata.broadcast is not None
    assert metadata.broadcast.description == "Bühne"
    assert metadata.broadcast.coding_history == "A=PCM\r\n"
    assert metadata.cues == (CuePoint(frame=4_242),)
