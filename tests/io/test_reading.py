"""Every format comes in with the right samples at the right time, from memory and from disk alike."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mastering.audio import BLOCK_FRAMES, Audio
from mastering.io import files
from mastering.io.channels import downmix_matrix, speakers_of_mask, usual_speakers
from mastering.io.files import open_source, probe, sha256

LOSSLESS = [
    ("WAV", "PCM_U8", 2**-7),
    ("WAV", "PCM_16", 2**-15),
    ("WAV", "PCM_24", 2**-23),
    ("WAV", "PCM_32", 2**-23),
    ("WAV", "FLOAT", 0.0),
    ("WAV", "DOUBLE", 0.0),
    ("WAVEX", "PCM_24", 2**-23),
    ("RF64", "PCM_16", 2**-15),
    ("W64", "PCM_24", 2**-23),
    ("AIFF", "PCM_16", 2**-15),
    ("AIFF", "FLOAT", 0.0),
    ("CAF", "PCM_24", 2**-23),
    ("FLAC", "PCM_16", 2**-15),
    ("FLAC", "PCM_24", 2**-23),
]


@pytest.mark.parametrize(("container", "subtype", "step"), LOSSLESS)
def test_lossless_formats_give_the_samples_that_were_written(
    tmp_path: Path, music: Audio, container: str, subtype: str, step: float
) -> None:
    path = tmp_path / "music.bin"
    soundfile.write(path, music.samples.T, 44_100, subtype, format=container)
    with open_source(path) as source:
        assert (source.sample_rate, source.channels, source.frames) == (44_100, 2, music.frames)
        assert source.notices == ()
        assert not source.info.lossy
        np.testing.assert_allclose(source.audio().samples, music.samples, rtol=0, atol=step)


@pytest.mark.parametrize(
    ("container", "codec", "suffix"),
    [
        ("mp4", "alac", ".m4a"),
        ("mov", "pcm_s24le", ".mov"),
        ("matroska", "flac", ".mka"),
        ("avi", "pcm_s16le", ".avi"),
    ],
)
def test_lossless_audio_in_video_containers_is_exact(
    tmp_path: Path, music: Audio, write_av: Callable[..., Path], container: str, codec: str, suffix: str
) -> None:
    path = write_av(tmp_path / f"music{suffix}", music.samples, 44_100, container, codec)
    with open_source(path) as source:
        assert source.frames == music.frames
        np.testing.assert_allclose(source.audio().samples, music.samples, rtol=0, atol=2**-15)


@pytest.mark.parametrize(
    ("container", "subtype", "rate"),
    [("MP3", "MPEG_LAYER_III", 44_100), ("OGG", "VORBIS", 44_100), ("OGG", "OPUS", 48_000)],
)
def test_lossy_formats_are_aligned_to_the_sample(
    tmp_path: Path, music: Audio, delay_frames: Callable[..., int], container: str, subtype: str, rate: int
) -> None:
    path = tmp_path / "music.bin"
    soundfile.write(path, music.samples.T, rate, subtype, format=container)
    with open_source(path) as source:
        assert source.frames == music.frames
        assert source.info.lossy
        heard = source.audio().samples
        assert [delay_frames(heard[c], music.samples[c]) for c in (0, 1)] == [0, 0]


@pytest.mark.parametrize(
    ("container", "codec", "suffix", "rate"),
    [("mp4", "aac", ".m4a", 44_100), ("mp4", "aac", ".mp4", 48_000), ("webm", "libopus", ".webm", 48_000)],
)
def test_encoder_delay_and_padding_are_cut(
    tmp_path: Path,
    music: Audio,
    write_av: Callable[..., Path],
    delay_frames: Callable[..., int],
    container: str,
    codec: str,
    suffix: str,
    rate: int,
) -> None:
    path = write_av(tmp_path / f"music{suffix}", music.samples, rate, container, codec)
    with open_source(path) as source:
        assert source.frames == music.frames
        assert delay_frames(source.audio().samples[0], music.samples[0]) == 0


def test_a_raw_aac_stream_keeps_its_unknown_delay(
    tmp_path: Path, music: Audio, write_av: Callable[..., Path], delay_frames: Callable[..., int]
) -> None:
    """Nothing in an ADTS stream tells the encoder's delay (1024 frames here): it stays, as documented."""
    path = write_av(tmp_path / "music.aac", music.samples, 44_100, "adts", "aac")
    with open_source(path) as source:
        assert delay_frames(source.audio().samples[0], music.samples[0]) == 1_024


def test_the_sound_of_a_video_is_found(tmp_path: Path, music: Audio) -> None:
    """A film with pictures first and two sound tracks: the first track is used, and a notice says so."""
    import av

    path = tmp_path / "film.mkv"
    with av.open(str(path), "w", format="matroska") as output:
        video = output.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        tracks = [output.add_stream("pcm_s16le", rate=44_100, layout="stereo") for _ in range(2)]
        for track, gain in zip(tracks, (1.0, 0.5), strict=True):
            whole = np.ascontiguousarray((music.samples * gain * 32767).astype(np.int16).T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="stereo")
            frame.sample_rate = 44_100
            output.mux(track.encode(frame))
        for _ in range(50):
            output.mux(
                video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24"))
            )
        output.mux(video.encode(None))
    with open_source(path) as source:
        assert [notice.code for notice in source.notices] == ["several_streams"]
        np.testing.assert_allclose(source.audio().samples, music.samples, atol=2**-14)


def test_an_mp3_without_a_length_header_is_read_to_its_end(tmp_path: Path, music: Audio) -> None:
    """Today's libsndfile (1.2, issue 1001) guesses the length of such a file and drops a part of it."""
    whole, path = tmp_path / "whole.mp3", tmp_path / "headless.mp3"
    quiet_end = music.samples.copy()
    quiet_end[:, :22_050] = 0.0
    with soundfile.SoundFile(
        whole, "w", 44_100, 2, "MPEG_LAYER_III", format="MP3", compression_level=0.0, bitrate_mode="VARIABLE"
    ) as file:
        file.write(quiet_end.T)
    data = whole.read_bytes()
    path.write_bytes(data[data.index(b"\xff\xfb", 4) :])
    with open_source(path) as source:
        assert source.frames >= music.frames
        assert source.notices == ()


def test_blocks_are_the_same_every_time_cached_or_not(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_source(wav) as cached:
        first, second = list(cached.blocks()), list(cached.blocks())
    monkeypatch.setattr(files, "CACHE_BYTES", 0)
    with open_source(wav) as streamed:
        third, fourth = list(streamed.blocks()), list(streamed.blocks())
        assert streamed.frames == cached.frames
    for blocks in (first, second, third, fourth):
        assert [block.shape for block in blocks] == [(2, BLOCK_FRAMES), (2, 88_200 - BLOCK_FRAMES)]
        assert all(block.dtype == np.float32 and not block.flags.writeable for block in blocks)
        for block, other in zip(blocks, first, strict=True):
            np.testing.assert_array_equal(block, other)


@pytest.mark.parametrize(
    ("container", "subtype"), [("OGG", "VORBIS"), ("FLAC", "PCM_16"), ("WAV", "FLOAT"), ("MP3", None)]
)
def test_long_files_are_counted_not_kept(
    tmp_path: Path, music: Audio, monkeypatch: pytest.MonkeyPatch, container: str, subtype: str | None
) -> None:
    path = tmp_path / "long.bin"
    soundfile.write(path, music.samples.T, 44_100, subtype, format=container)
    with open_source(path) as kept:
        whole = kept.audio().samples
    monkeypatch.setattr(files, "CACHE_BYTES", 4 * 2 * 1_000)
    with open_source(path) as source:
        assert source.frames == music.frames
        np.testing.assert_array_equal(np.concatenate(list(source.blocks()), axis=1), whole)


def test_two_passes_at_once_do_not_disturb_each_other(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CACHE_BYTES", 0)
    with open_source(wav) as source:
        for one, other in zip(source.blocks(), source.blocks(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_six_hours_need_no_memory(tmp_path: Path, wav_header: Callable[..., bytes]) -> None:
    """A sparse 3.8 GB file: opened by its header, first blocks read, in a process that may not grow."""
    path = tmp_path / "long.wav"
    data_bytes = 6 * 3600 * 44_100 * 4
    with path.open("wb") as file:
        file.write(wav_header(data_bytes))
        file.truncate(44 + data_bytes)
    code = """
import resource, sys
from mastering.io.files import open_source
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_source(sys.argv[1]) as source:
    blocks = source.blocks()
    for _ in range(100):
        next(blocks)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(source.frames, grown_kib < 20_000)
"""
    answer = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [str(6 * 3600 * 44_100), "True"]


@pytest.mark.parametrize("name", ["Ärger – 夜曲 🎧.wav", "-n.wav", "a b'c\"d$(e).wav", "x" * 200 + ".wav"])
def test_unusual_names(tmp_path: Path, wav: Path, name: str) -> None:
    path = wav.rename(tmp_path / name)
    assert open_source(path).frames == 88_200
    assert probe(path).path == path


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_a_name_that_is_not_text(
    tmp_path: Path, wav: Path, write_av: Callable[..., Path], music: Audio
) -> None:
    import os

    m4a = write_av(tmp_path / "music.m4a", music.samples, 44_100, "mp4", "aac")
    for path in (wav, m4a):
        odd = Path(os.fsdecode(os.fsencode(path.parent) + b"/caf\xe9" + path.suffix.encode()))
        path.rename(odd)
        assert open_source(odd).frames == music.frames


@pytest.mark.parametrize("frames", [1, 2, 1_000, BLOCK_FRAMES, BLOCK_FRAMES + 1])
def test_any_length_is_fine_here(tmp_path: Path, frames: int) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.full(frames, 0.5), 48_000, "PCM_16")
    with open_source(path) as source:
        assert (source.frames, source.channels) == (frames, 1)
        assert sum(block.shape[1] for block in source.blocks()) == frames


def test_probe_reads_the_header_only(wav: Path) -> None:
    info = probe(wav)
    assert (info.container, info.codec, info.bit_depth, info.lossy) == ("wav", "pcm_16", 16, False)
    assert (info.sample_rate, info.channels, info.header_frames, info.duration_s) == (44_100, 2, 88_200, 2.0)
    assert info.description == "WAV, Signed 16 bit PCM"


def test_sha256_is_that_of_the_bytes(wav: Path) -> None:
    expected = hashlib.sha256(wav.read_bytes()).hexdigest()
    assert sha256(wav) == expected
    assert open_source(wav).sha256 == expected


def test_the_reading_side_stays_lean() -> None:
    """Neither the caller nor the decoder process may pull in the slow libraries to read a file."""
    code = "import sys, mastering.io.files, mastering.io.decoder; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numba", "scipy", "pedalboard", "matplotlib", "soundfile", "av", "mutagen", "soxr"} & set(
        loaded
    )


# Downmix (ITU-R BS.775)


def test_5_1_is_mixed_down_by_the_standard(tmp_path: Path) -> None:
    """One channel after the other: L R C LFE Ls Rs, at 1, 1, 0.7071, 0, 0.7071 and 0.7071."""
    path = tmp_path / "surround.wav"
    one_by_one = np.kron(np.eye(6), np.ones((100, 1))) * 0.5
    soundfile.write(path, one_by_one, 48_000, "PCM_24", format="WAVEX")
    with open_source(path, downmix=True) as source:
        assert source.channels == 2
        assert [notice.code for notice in source.notices] == ["downmixed"]
        left, right = source.audio().samples[:, 50::100]
    half = 0.5**0.5
    np.testing.assert_allclose(left, 0.5 * np.array([1, 0, half, 0, half, 0]), atol=1e-6)
    np.testing.assert_allclose(right, 0.5 * np.array([0, 1, half, 0, 0, half]), atol=1e-6)


@pytest.mark.parametrize(("container", "subtype", "centre"), [("FLAC", "PCM_16", 2), ("OGG", "VORBIS", 1)])
def test_the_centre_is_found_in_the_order_of_the_format(
    tmp_path: Path, container: str, subtype: str, centre: int
) -> None:
    """FLAC and WAV: left right centre. Ogg: left centre right. Only the centre sounds on both sides."""
    path = tmp_path / "three.bin"
    samples = np.zeros((48_000, 3), np.float32)
    samples[:, centre] = 0.5 * np.sin(np.arange(48_000) * 0.05)
    soundfile.write(path, samples, 48_000, subtype, format=container)
    left, right = open_source(path, downmix=True).audio().samples
    assert np.std(left) == pytest.approx(0.5 * 0.5, rel=0.02)
    np.testing.assert_allclose(left, right, atol=0.01)


def test_layouts_by_mask_and_by_habit() -> None:
    assert speakers_of_mask(0x107, 4) == ("FL", "FR", "FC", "BC")
    assert speakers_of_mask(0x3, 6) == ()
    assert downmix_matrix(speakers_of_mask(0x107, 4))[:, 3].tolist() == [0.5, 0.5]  # type: ignore[index]
    assert downmix_matrix(("FL", "FR", "??")) is None
    assert usual_speakers(6, ogg=True) == ("FL", "FC", "FR", "BL", "BR", "LFE")
    assert usual_speakers(9) == ()


def test_every_layout_is_symmetric() -> None:
    """Swapping left and right speakers swaps the outputs, whatever the layout."""
    for channels in range(3, 9):
        names = usual_speakers(channels)
        matrix = downmix_matrix(names)
        assert matrix is not None
        swap = {"L": "R", "R": "L"}
        mirrored = tuple(name[:-1] + swap.get(name[-1], name[-1]) for name in names)
        mirrored_matrix = downmix_matrix(mirrored)
        assert mirrored_matrix is not None
        np.testing.assert_array_equal(matrix, mirrored_matrix[::-1])


def test_stereo_and_mono_are_left_alone_by_downmix(wav: Path, music: Audio) -> None:
    with open_source(wav, downmix=True) as source:
        assert source.notices == ()
        np.testing.assert_allclose(source.audio().samples, music.samples, atol=2**-15)
