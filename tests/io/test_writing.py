"""Masters are written whole or not at all, exactly, and the same every time."""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mastering.audio import Audio, Samples
from mastering.dsp.dither import Dither
from mastering.errors import AudioFileError, EnvironmentProblem, ParameterError, TonmeisterError
from mastering.io import wav
from mastering.io.files import open_source, write_text_atomic
from mastering.io.metadata import CuePoint, Metadata, Picture
from mastering.io.tags import read_metadata
from mastering.io.writer import open_writer
from mastering.measure.features import Features
from mastering.target import CONTAINERS

PCM = [
    ("wav", 16),
    ("wav", 24),
    ("wav", 32),
    ("aiff", 16),
    ("aiff", 24),
    ("aiff", 32),
    ("flac", 16),
    ("flac", 24),
]
EVERY = [*PCM, ("mp3", 24), ("ogg", 24), ("opus", 24), ("m4a", 24)]
METADATA = Metadata(
    tags={"title": ("Ein Lied",), "artist": ("A", "B"), "tracknumber": ("3/12",)},
    pictures=(Picture(mime="image/png", data=b"\x89PNG\r\n\x1a\n" + bytes(70_000)),),
    cues=(CuePoint(frame=100, name="chorus"),),
)


def write(path: Path, samples: Samples, container: str, bit_depth: int, **options: object) -> Path:
    rate = 48_000 if container == "opus" else 44_100
    with open_writer(
        path, sample_rate=rate, channels=samples.shape[0], container=container, bit_depth=bit_depth, **options
    ) as writer:  # type: ignore[arg-type]
        for start in range(0, samples.shape[1], 10_000):
            writer.write(samples[:, start : start + 10_000])
    return path


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# What is written


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("container", "bit_depth"), EVERY)
def test_every_container_comes_back(
    tmp_path: Path,
    music: Audio,
    delay_frames: Callable[..., int],
    container: str,
    bit_depth: int,
    channels: int,
) -> None:
    """The same length, no delay; PCM equals the dithered integers, float the samples, to the bit."""
    samples = music.samples[:channels]
    path = write(tmp_path / f"out.{container}", samples, container, bit_depth, dither_seed=5)
    with open_source(path) as source:
        assert (source.frames, source.channels) == (music.frames, channels)
        assert source.notices == ()
        heard = source.audio().samples
    if container in ("mp3", "ogg", "opus", "m4a"):
        assert delay_frames(heard[0], samples[0]) == 0
        assert np.sqrt(np.mean((heard - samples) ** 2)) < 0.1 * np.sqrt(np.mean(samples**2))
    elif bit_depth == 32:
        np.testing.assert_array_equal(heard, samples)
    else:
        meant = Dither(bit_depth, channels, 5)(samples)
        np.testing.assert_array_equal(heard, (meant / 2.0 ** (bit_depth - 1)).astype(np.float32))


@pytest.mark.parametrize("container", ["wav", "aiff", "flac"])
def test_full_scale_integers_survive(tmp_path: Path, container: str) -> None:
    samples = np.array([[1.0, -1.0, 0.0, 2.0**-23, -(2.0**-23)]], np.float32)
    path = write(tmp_path / "edge.bin", samples, container, 24, dither_seed=None)
    stored, _ = soundfile.read(path, dtype="int32")
    assert (stored >> 8).tolist() == [8_388_607, -8_388_608, 0, 1, -1]


@pytest.mark.parametrize(("container", "bit_depth"), EVERY)
def test_two_runs_write_the_same_bytes(
    tmp_path: Path, music: Audio, loudness: Features, container: str, bit_depth: int
) -> None:
    """Also a second later (no clock), under another temporary name (no random number), and with tags."""
    digests = set()
    for run in range(2):
        path = tmp_path / f"{run}.bin"
        rate = 48_000 if container == "opus" else 44_100
        with open_writer(
            path, sample_rate=rate, channels=2, container=container, bit_depth=bit_depth
        ) as writer:  # type: ignore[arg-type]
            for start in range(0, 44_100, 9_000):
                writer.write(music.samples[:, start : min(start + 9_000, 44_100)])
            writer.commit(metadata=METADATA, loudness=loudness)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
        if run == 0 and (container, bit_depth) in (("aiff", 32), ("m4a", 24)):
            time.sleep(1.01)  # the formats that have a place for the time, in whole seconds
    assert len(digests) == 1


@pytest.mark.parametrize(("container", "bit_depth"), EVERY)
def test_the_size_of_the_blocks_does_not_matter(
    tmp_path: Path, music: Audio, container: str, bit_depth: int
) -> None:
    rate = 48_000 if container == "opus" else 44_100
    digests = set()
    for size in (1_000, 30_001):
        path = tmp_path / f"{size}.bin"
        with open_writer(
            path, sample_rate=rate, channels=2, container=container, bit_depth=bit_depth
        ) as writer:  # type: ignore[arg-type]
            for start in range(0, 44_100, size):
                writer.write(music.samples[:, start : min(start + size, 44_100)])
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_ogg_checksums_are_right(tmp_path: Path, music: Audio) -> None:
    """Every page against a plain bit-by-bit CRC (RFC 3533), and its serial number is the fixed one."""
    data = write(tmp_path / "a.ogg", music.samples[:, :4_000], "ogg", 16).read_bytes()
    position, serials = 0, set()
    while position < len(data):
        segments = data[position + 26]
        size = 27 + segments + sum(data[position + 27 : position + 27 + segments])
        page = bytearray(data[position : position + size])
        stored = struct.unpack_from("<I", page, 22)[0]
        serials.add(struct.unpack_from("<I", page, 14)[0])
        page[22:26] = bytes(4)
        crc = 0
        for byte in page:
            crc ^= byte << 24
            for _ in range(8):
                crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
        assert crc == stored
        position += size
    assert len(serials) == 1


def test_an_m4a_carries_no_date_and_no_version(tmp_path: Path, music: Audio) -> None:
    data = write(tmp_path / "a.m4a", music.samples, "m4a", 16).read_bytes()
    header = data.index(b"mvhd")
    assert data[header + 8 : header + 16] == bytes(8)  # creation and modification time
    assert b"Lavf" not in data
    assert data.index(b"moov") < data.index(b"mdat")


def test_bit_rates_are_what_the_module_says(tmp_path: Path) -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal((2, 10 * 48_000))).astype(np.float32)
    for container, low_kbps, high_kbps in (("mp3", 318, 330), ("opus", 200, 300), ("m4a", 200, 300)):
        path = tmp_path / f"noise.{container}"
        with open_writer(path, sample_rate=48_000, channels=2, container=container) as writer:  # type: ignore[arg-type]
            writer.write(noise)
        assert low_kbps < path.stat().st_size * 8 / 10_000 < high_kbps


# WAV, byte by byte


def test_the_wav_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.array([[0.5, -0.5, 0.25]], np.float32), "wav", 24, dither_seed=None)
    data = path.read_bytes()
    assert data[:4] == b"RIFF"
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    layout = data.index(b"fmt ")
    assert struct.unpack_from("<IHHIIHH", data, layout + 4) == (16, 1, 1, 44_100, 132_300, 3, 24)
    samples = data.index(b"data")
    assert data[samples + 4 :] == struct.pack("<I", 9) + bytes.fromhex(
        "000040 0000c0 000020 00"
    )  # and one pad byte


def test_a_float_wav_has_a_fact_chunk(tmp_path: Path) -> None:
    data = write(tmp_path / "a.wav", np.zeros((2, 7), np.float32), "wav", 32).read_bytes()
    at = data.index(b"fact")
    assert struct.unpack_from("<II", data, at + 4) == (4, 7)
    assert struct.unpack_from("<H", data, data.index(b"fmt ") + 8) == (3,)


def test_beyond_4_gib_a_wav_becomes_rf64(tmp_path: Path, loudness: Features) -> None:
    """A sparse file of 4.5 GB: libsndfile and we agree on its length; the chunks survive."""
    path = tmp_path / "long.wav"
    path.touch()
    file = wav.WavFile(path, sample_rate=96_000, channels=2, bit_depth=24)
    frames = 750_000_000
    file._file.seek(frames * 6 - 6, os.SEEK_CUR)
    file.write(np.full((2, 1), 2**22, np.int32))
    file.close()
    from mastering.io.tags import write_metadata

    write_metadata(path, METADATA, loudness)
    assert soundfile.info(path).format == "RF64"
    assert soundfile.info(path).frames == frames
    with open_source(path) as source:
        assert source.frames == frames
        assert source.notices == ()
    with soundfile.SoundFile(path) as again:
        again.seek(frames - 1)
        np.testing.assert_array_equal(again.read(2), [[0.5, 0.5]])
    assert read_metadata(path).tags == METADATA.tags
    assert read_metadata(path).cues == METADATA.cues


def test_no_room_for_64_bit_sizes_is_an_error(tmp_path: Path, wav_header: Callable[..., bytes]) -> None:
    from mastering.io.riff import add_chunks

    path = tmp_path / "classic.wav"
    with path.open("wb") as file:
        file.write(wav_header(2**32 - 100))
        file.truncate(2**32 - 56)
    with pytest.raises(ValueError, match="no room"):
        add_chunks(path, {b"bext": bytes(700)})


# What is refused


@pytest.mark.parametrize(
    ("container", "options", "text"),
    [
        ("opus", {"sample_rate": 44_100}, "opus at 44100 Hz: allowed 48000 Hz"),
        ("mp3", {"sample_rate": 96_000}, "mp3 at 96000 Hz: allowed 8000, "),
        ("m4a", {"sample_rate": 192_000}, "m4a at 192000 Hz"),
        ("flac", {"bit_depth": 32}, "flac with 32 bits: allowed 16, 24"),
        ("wav", {"channels": 3}, "wav with 3 channels: allowed 1 or 2"),
        ("wma", {}, "container='wma': allowed wav, "),
    ],
)
def test_what_a_container_cannot_hold(
    tmp_path: Path, container: str, options: dict[str, int], text: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        open_writer(tmp_path / "a", container=container, **({"sample_rate": 44_100, "channels": 2} | options))  # type: ignore[arg-type]
    assert text in caught.value.message
    assert contents(tmp_path) == []


def test_opus_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ParameterError) as caught:
        open_writer(tmp_path / "a.opus", container="opus", sample_rate=44_100, channels=2)
    assert caught.value.hint == "Deliver at 48000 Hz."


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_samples_are_not_written(tmp_path: Path, bad: float) -> None:
    with pytest.raises(ParameterError) as caught:
        write(tmp_path / "a.wav", np.array([[0.0, bad]], np.float32), "wav", 16)
    assert caught.value.code == "not_finite"
    assert contents(tmp_path) == []


@pytest.mark.parametrize("shape", [(1, 4), (4, 2), (4,)])
def test_a_block_of_another_layout_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with (
        pytest.raises(ParameterError, match="shape"),
        open_writer(tmp_path / "a.wav", sample_rate=44_100, channels=2) as writer,
    ):
        writer.write(np.zeros(shape, np.float32))
    assert contents(tmp_path) == []


def test_nothing_written_is_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(ParameterError) as caught,
        open_writer(tmp_path / "a.flac", sample_rate=44_100, channels=2, container="flac"),
    ):
        pass
    assert caught.value.code == "no_frames"
    assert contents(tmp_path) == []


# Whole or not at all


def test_the_name_appears_only_at_the_end(tmp_path: Path, music: Audio, loudness: Features) -> None:
    path = tmp_path / "out.wav"
    with open_writer(path, sample_rate=44_100, channels=2) as writer:
        writer.write(music.samples)
        assert not path.exists()
        with open_source(writer.finish()) as finished:  # what the report measures
            assert finished.frames == music.frames
        writer.commit(metadata=METADATA, loudness=loudness)
        assert path.exists()
    assert contents(tmp_path) == ["out.wav"]


@pytest.mark.parametrize(("container", "bit_depth"), EVERY)
def test_an_error_leaves_nothing_behind(tmp_path: Path, music: Audio, container: str, bit_depth: int) -> None:
    rate = 48_000 if container == "opus" else 44_100
    with (
        pytest.raises(KeyboardInterrupt),
        open_writer(
            tmp_path / "a", sample_rate=rate, channels=2, container=container, bit_depth=bit_depth
        ) as writer,  # type: ignore[arg-type]
    ):
        writer.write(music.samples)
        raise KeyboardInterrupt
    assert contents(tmp_path) == []


def test_discard_is_no_commit(tmp_path: Path, music: Audio) -> None:
    with open_writer(tmp_path / "a.wav", sample_rate=44_100, channels=2) as writer:
        writer.write(music.samples)
        writer.discard()
    assert contents(tmp_path) == []


def test_an_existing_file_is_kept_without_force(tmp_path: Path, music: Audio) -> None:
    path = tmp_path / "a.wav"
    path.write_text("precious")
    with pytest.raises(AudioFileError) as caught:
        write(path, music.samples, "wav", 16)
    assert caught.value.code == "file_exists"
    assert "--force" in caught.value.hint
    assert path.read_text() == "precious"
    write(path, music.samples, "wav", 16, force=True)
    assert open_source(path).frames == music.frames


@pytest.mark.parametrize("hard_links", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, music: Audio, monkeypatch: pytest.MonkeyPatch, hard_links: bool
) -> None:
    if not hard_links:  # as on FAT and some network drives

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, "no hard links here")

        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a.wav"
    with pytest.raises(AudioFileError) as caught, open_writer(path, sample_rate=44_100, channels=2) as writer:
        writer.write(music.samples)
        path.write_text("precious")
    assert caught.value.code == "file_exists"
    assert path.read_text() == "precious"
    assert contents(tmp_path) == ["a.wav"]
    path.unlink()
    write(path, music.samples, "wav", 16)
    assert open_source(path).frames == music.frames


def test_an_input_is_never_replaced(tmp_path: Path, music: Audio) -> None:
    original = write(tmp_path / "in.wav", music.samples, "wav", 16)
    other_name = tmp_path / "link.wav"
    other_name.symlink_to(original)
    for path in (original, other_name):
        with pytest.raises(AudioFileError) as caught:
            write(path, music.samples, "wav", 16, force=True, inputs=[original])
        assert caught.value.code == "output_is_input"


@pytest.mark.parametrize("kind", ["folder", "device"])
def test_only_files_are_replaced(tmp_path: Path, music: Audio, kind: str) -> None:
    path = tmp_path if kind == "folder" else Path(os.devnull)
    with pytest.raises(AudioFileError) as caught:
        write(path, music.samples, "wav", 16, force=True)
    assert caught.value.code == "not_a_file"


def test_the_file_has_usual_permissions(tmp_path: Path, music: Audio) -> None:
    before = os.umask(0o027)
    try:
        path = write(tmp_path / "a.wav", music.samples, "wav", 16)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "name", ["Ünïcode 曲.wav", "x" * 251 + ".wav", "ö" * 100 + ".flac", ".hidden.wav", "no suffix"]
)
def test_unusual_names(tmp_path: Path, music: Audio, name: str) -> None:
    path = write(tmp_path / name, music.samples, "flac" if name.endswith("flac") else "wav", 16)
    assert open_source(path).frames == music.frames


def test_a_name_that_is_too_long(tmp_path: Path, music: Audio) -> None:
    with pytest.raises(AudioFileError) as caught:
        write(tmp_path / ("x" * 252 + ".wav"), music.samples, "wav", 16)
    assert caught.value.code == "name_too_long"
    assert contents(tmp_path) == []


def test_a_folder_that_does_not_exist(tmp_path: Path, music: Audio) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        write(tmp_path / "no" / "a.wav", music.samples, "wav", 16)
    assert caught.value.code == "output_not_writable"
    assert caught.value.exit_code == 3


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, music: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o555)
    if os.geteuid() == 0:
        # The superuser may write everywhere: let the system's answer be "no".
        def refuse(*_: object) -> int:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(EnvironmentProblem) as caught:
        write(tmp_path / "a.wav", music.samples, "wav", 16)
    monkeypatch.undo()
    tmp_path.chmod(0o755)
    assert caught.value.code == "output_not_writable"


# Disks that are full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(("container", "bit_depth"), EVERY)
def test_a_full_disk_is_said_and_left_clean(small_disk: Path, container: str, bit_depth: int) -> None:
    noise = (0.2 * np.random.default_rng(0).standard_normal((2, 20 * 44_100))).astype(np.float32)
    with pytest.raises(EnvironmentProblem) as caught:
        write(small_disk / "a.bin", noise, container, bit_depth)
    assert caught.value.code == "disk_full"
    assert "MB free" in caught.value.message
    assert contents(small_disk) == []


def test_a_disk_that_fills_up_with_the_tags(small_disk: Path, music: Audio) -> None:
    cover = Picture(mime="image/png", data=bytes(262_000))
    for container in ("wav", "flac", "ogg", "mp3", "aiff"):
        with (
            pytest.raises(EnvironmentProblem) as caught,
            open_writer(
                small_disk / "a.bin", sample_rate=44_100, channels=2, container=container, bit_depth=16
            ) as writer,  # type: ignore[arg-type]
        ):
            writer.write(music.samples[:, :5_000])
            writer.commit(metadata=Metadata(pictures=(cover,)))
        assert caught.value.code == "disk_full"
        assert contents(small_disk) == []


def test_too_little_space_is_said_before_the_work(small_disk: Path) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        open_writer(small_disk / "a.wav", sample_rate=44_100, channels=2, frames=10**9)
    assert caught.value.code == "disk_full"
    assert "6,002 MB needed" in caught.value.message
    assert contents(small_disk) == []


LIMITED = """
import resource, sys
import numpy as np
from mastering.errors import TonmeisterError
from mastering.io.writer import open_writer
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
noise = (0.2 * np.random.default_rng(0).standard_normal((2, 5 * 48_000))).astype(np.float32)
for container in sys.argv[2:]:
    try:
        path = f"{sys.argv[1]}/a.{container}"
        with open_writer(path, sample_rate=48_000, channels=2, container=container) as writer:
            writer.write(noise)
    except TonmeisterError as error:
        print(container, error.code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_a_file_larger_than_allowed_is_said_and_left_clean(tmp_path: Path) -> None:
    """A write that fails in the middle, for every encoder, without the right to mount anything."""
    answer = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path, *CONTAINERS], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split("\n")[:-1] == [f"{container} file_too_large" for container in CONTAINERS]
    assert contents(tmp_path) == []
    assert answer.stderr == ""


# Text files


def test_texts_follow_the_same_rules(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_text_atomic(path, "äöü\n")
    assert path.read_bytes() == "äöü\n".encode()
    with pytest.raises(AudioFileError) as caught:
        write_text_atomic(path, "other")
    assert caught.value.code == "file_exists"
    write_text_atomic(path, "other", force=True)
    assert path.read_text() == "other"
    with pytest.raises(TonmeisterError):
        write_text_atomic(tmp_path / "no" / "report.json", "")
    assert contents(tmp_path) == ["report.json"]


def test_a_text_on_a_full_disk(small_disk: Path) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        write_text_atomic(small_disk / "report.html", "x" * 10**6)
    assert caught.value.code == "disk_full"
    assert contents(small_disk) == []
