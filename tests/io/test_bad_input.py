"""Whatever is wrong with a file is said in one sentence with a code, and harms nothing else."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mastering.audio import Audio
from mastering.errors import AudioFileError, EnvironmentProblem
from mastering.io import files
from mastering.io.files import open_source, probe

WavHeader = Callable[..., bytes]

# Stands in for the decoder process: says something, then misbehaves.
HEADER = """
import sys, json, struct, time, os
def say(kind, data):
    sys.stdout.buffer.write(struct.pack("<cI", kind, len(data)) + data)
    sys.stdout.flush()
header = dict(container="wav", codec="pcm_16", description="", sample_rate=44100, channels=2)
header |= dict(header_frames=10**6, exact_frames=None, bit_depth=16, lossy=False)
header |= dict(may_be_nonfinite=False, speakers=[], notices=[])
say(b"H", json.dumps(header).encode())
say(b"S", bytes(8 * 1000))
"""


def stand_in(code: str) -> list[str]:
    return [sys.executable, "-c", HEADER + code]


def refusal(path: Path, **options: object) -> AudioFileError:
    with pytest.raises(AudioFileError) as caught:
        open_source(path, **options)  # type: ignore[arg-type]
    error = caught.value
    assert str(path) in error.message
    assert "\n" not in error.message
    return error


def gone(pid: int, within_s: float = 3.0) -> bool:
    """Whether a process ends in time (a zombie waiting for its parent has ended)."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


# Paths


def test_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.wav").code == "file_missing"


def test_missing_folder_that_is_a_file(wav: Path) -> None:
    assert refusal(wav / "x.wav").code == "file_missing"


def test_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path).code == "is_directory"


def test_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert refusal(tmp_path / "pipe.wav").code == "not_a_file"


def test_no_permission(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wav.chmod(0)
    if os.geteuid() == 0:
        # The superuser may read everything: let the system's answer be "no".
        monkeypatch.setattr(os, "access", lambda *_: False)
    assert refusal(wav).code == "no_permission"


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert refusal(tmp_path / "empty.wav").code == "file_empty"


def test_a_name_with_a_zero_byte() -> None:
    with pytest.raises(AudioFileError) as caught:
        open_source("a\0b.wav")
    assert caught.value.code == "not_a_file"


# Content


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "noise.wav"
    path.write_bytes(random.Random(seed).randbytes(50_000))
    error = refusal(path)
    assert error.code == "not_audio"
    assert "libsndfile" in error.message
    assert "FFmpeg" in error.message
    assert error.hint


@pytest.mark.parametrize(
    "text",
    [
        "Dear all, this is the mix.\n" * 500,
        "1\n00:00:01,000 --> 00:00:02,000\nsubtitles\n\n" * 50,
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:10,\nhttp://192.0.2.1/a.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile /etc/passwd\n",
        "RIFF\0\0\0\0WAVE",
    ],
)
def test_text_that_pretends_to_be_audio(tmp_path: Path, text: str) -> None:
    """Playlists are refused as well: they would make FFmpeg open other files and addresses."""
    path = tmp_path / "song.wav"
    path.write_text(text)
    start = time.monotonic()
    assert refusal(path).code == "not_audio"
    assert time.monotonic() - start < 5.0


def test_video_without_sound(tmp_path: Path) -> None:
    import av

    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            output.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24"))
            )
        output.mux(stream.encode(None))
    assert refusal(path).code == "no_audio_stream"


@pytest.mark.parametrize("container", ["WAV", "AIFF", "W64"])
def test_no_frames(tmp_path: Path, container: str) -> None:
    path = tmp_path / "nothing.bin"
    soundfile.write(path, np.zeros((0, 2)), 44_100, "PCM_16", format=container)
    assert refusal(path).code == "no_frames"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_samples_and_where_they_are(tmp_path: Path, music: Audio, bad: float) -> None:
    path = tmp_path / "bad.wav"
    samples = music.samples.copy()
    samples[1, 66_150] = bad
    soundfile.write(path, samples.T, 44_100, "FLOAT")
    error = refusal(path)
    assert error.code == "not_finite"
    assert "1.500 s" in error.message


def test_not_finite_samples_of_a_long_file_are_found_at_once(
    tmp_path: Path, music: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CACHE_BYTES", 0)
    path = tmp_path / "bad.wav"
    samples = music.samples.copy()
    samples[0, -1] = np.nan
    soundfile.write(path, samples.T, 44_100, "FLOAT")
    assert refusal(path).code == "not_finite"


def test_a_double_beyond_float32_is_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    soundfile.write(path, np.array([0.0, 1e300, 0.0]), 44_100, "DOUBLE")
    assert refusal(path).code == "not_finite"


def test_six_channels(tmp_path: Path) -> None:
    path = tmp_path / "surround.wav"
    soundfile.write(path, np.zeros((100, 6)), 48_000)
    error = refusal(path)
    assert error.code == "too_many_channels"
    assert "6 channels: mono or stereo allowed" in error.message
    assert "--downmix" in error.hint
    assert probe(path).channels == 6


def test_more_channels_than_there_are_speakers(tmp_path: Path) -> None:
    path = tmp_path / "many.wav"
    soundfile.write(path, np.zeros((100, 12)), 48_000)
    assert refusal(path, downmix=True).code == "unknown_layout"


@pytest.mark.parametrize("sample_rate", [4_000, 1_000_000])
def test_unsupported_rate(tmp_path: Path, wav_header: WavHeader, sample_rate: int) -> None:
    path = tmp_path / "odd.wav"
    path.write_bytes(wav_header(4_000, sample_rate=sample_rate) + bytes(4_000))
    error = refusal(path)
    assert error.code == "unsupported_rate"
    assert "8000..384000 Hz" in error.message


# Headers that lie


@pytest.mark.parametrize("promised", [0xFFFFFFFF, 3600 * 44_100 * 4])
def test_a_header_alone_is_no_music(tmp_path: Path, wav_header: WavHeader, promised: int) -> None:
    """Some libraries read hours of silence here, or allocate gigabytes."""
    path = tmp_path / "header.wav"
    path.write_bytes(wav_header(promised))
    error = refusal(path)
    assert error.code == "no_frames"
    if promised != 0xFFFFFFFF:
        assert "158,760,000" in error.message


@pytest.mark.parametrize("cut", [0, 1], ids=["whole frames", "half a frame"])
@pytest.mark.parametrize("promised", [0xFFFFFFFF, 0])
@pytest.mark.parametrize("bits", [16, 24])
def test_a_length_that_a_stream_could_not_know_is_no_promise(
    tmp_path: Path, wav_header: WavHeader, promised: int, bits: int, cut: int
) -> None:
    path = tmp_path / "streamed.wav"
    samples = np.random.default_rng(3).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (1_000, 2), np.int32)
    packed = samples.astype("<i4").view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes()
    path.write_bytes(wav_header(promised, bits=bits) + packed[: len(packed) - cut])
    with open_source(path) as source:
        assert source.frames == 1_000 - cut
        assert source.notices == ()
        np.testing.assert_array_equal(source.audio().samples.T * 2 ** (bits - 1), samples[: 1_000 - cut])


def test_an_empty_file_with_more_chunks_is_no_stream(tmp_path: Path, wav_header: WavHeader) -> None:
    """FFmpeg takes what follows a size of 0 for samples, even where it is a chunk of text."""
    path = tmp_path / "empty.wav"
    path.write_bytes(wav_header(0) + struct.pack("<4sI", b"LIST", 12) + b"INFOISFT\0\0\0\0")
    assert refusal(path).code == "no_frames"


@pytest.mark.parametrize("cache_bytes", [files.CACHE_BYTES, 0])
@pytest.mark.parametrize(
    "promised",
    [0xF0FFFFFF, 0xFFFFFFFE, 0xFFFFFFF0, 0xFFFFFFDB, 0x80000000, 0x7FFFFFFF, 0x7FFFF024, 4_002, 4_005],
)
def test_any_promise_of_too_much_is_a_notice(
    tmp_path: Path, wav_header: WavHeader, monkeypatch: pytest.MonkeyPatch, promised: int, cache_bytes: int
) -> None:
    monkeypatch.setattr(files, "CACHE_BYTES", cache_bytes)
    path = tmp_path / "liar.wav"
    path.write_bytes(wav_header(promised) + bytes(4 * 1_000))
    with open_source(path) as source:
        assert source.frames == 1_000
        assert sum(block.shape[1] for block in source.blocks()) == 1_000
        assert len(source.sha256) == 64
        said = [notice.code for notice in source.notices]
    assert said == (["truncated"] if promised // 4 > 1_000 else [])


@pytest.mark.parametrize("promised", [0, 4, 36, 0x7FFFFFFF, 0x80000000, 0xF0FFFFFF, 0xFFFFFFFF])
def test_the_size_of_the_whole_file_is_not_believed(
    tmp_path: Path, wav_header: WavHeader, promised: int
) -> None:
    path = tmp_path / "liar.wav"
    head = bytearray(wav_header(4_000))
    head[4:8] = struct.pack("<I", promised)
    path.write_bytes(head + bytes(4_000) + b"\0")
    with open_source(path) as source:
        assert (source.frames, source.notices) == (1_000, ())


@pytest.mark.parametrize("cache_bytes", [files.CACHE_BYTES, 0])
def test_a_file_that_was_cut_off(
    tmp_path: Path, wav_header: WavHeader, monkeypatch: pytest.MonkeyPatch, cache_bytes: int
) -> None:
    monkeypatch.setattr(files, "CACHE_BYTES", cache_bytes)
    path = tmp_path / "cut.wav"
    path.write_bytes(wav_header(4 * 1_000_000) + bytes(4 * 640_000))
    with open_source(path) as source:
        assert source.frames == 640_000
        assert sum(block.shape[1] for block in source.blocks()) == 640_000
        (notice,) = source.notices
    assert notice.code == "truncated"
    assert "header promises 1,000,000 frames, 640,000 are there" in notice.message


@pytest.mark.parametrize(
    ("container", "subtype"), [("AIFF", "PCM_24"), ("W64", "PCM_16"), ("RF64", "PCM_16"), ("FLAC", "PCM_16")]
)
def test_other_files_that_were_cut_off(tmp_path: Path, music: Audio, container: str, subtype: str) -> None:
    path = tmp_path / "cut.bin"
    soundfile.write(path, music.samples.T, 44_100, subtype, format=container)
    os.truncate(path, path.stat().st_size // 2)
    with open_source(path) as source:
        assert [notice.code for notice in source.notices] == ["truncated"]
        # All that was there is there: to the frame for PCM, to one FLAC frame (4096) less.
        assert music.frames // 2 - 5_200 < source.frames <= music.frames // 2
        np.testing.assert_allclose(source.audio().samples, music.samples[:, : source.frames], atol=2**-15)


def test_an_m4a_and_an_mp3_that_were_cut_off(tmp_path: Path, music: Audio) -> None:
    from mastering.io.writer import open_writer

    for container in ("m4a", "mp3"):
        path = tmp_path / f"cut.{container}"
        with open_writer(path, sample_rate=44_100, channels=2, container=container) as writer:
            writer.write(music.samples)
        os.truncate(path, path.stat().st_size // 2)
        with open_source(path) as source:
            assert [notice.code for notice in source.notices] == ["truncated"]
            assert music.frames * 0.3 < source.frames < music.frames * 0.6


def test_damage_in_the_middle_is_reported(tmp_path: Path, music: Audio) -> None:
    path = tmp_path / "damaged.flac"
    soundfile.write(path, music.samples.T, 44_100)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    path.write_bytes(data)
    with open_source(path) as source:
        assert source.notices
        kept = source.frames
        assert kept > music.frames // 3
        np.testing.assert_allclose(source.audio().samples, music.samples[:, :kept], atol=2**-15)


def test_damage_in_a_long_file_is_refused_when_it_is_met(
    tmp_path: Path, music: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CACHE_BYTES", 0)
    path = tmp_path / "damaged.flac"
    soundfile.write(path, music.samples.T, 44_100)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    path.write_bytes(data)
    with open_source(path) as source, pytest.raises(AudioFileError) as caught:
        list(source.blocks())
    assert caught.value.code == "damaged"
    assert "of its 88,200 frames" in caught.value.message


def test_a_file_that_changes_between_two_passes(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CACHE_BYTES", 0)
    source = open_source(wav)
    list(source.blocks())
    blocks = source.blocks()
    next(blocks)
    with wav.open("r+b") as file:
        file.seek(60)
        file.write(b"x")
    os.utime(wav, ns=(0, wav.stat().st_mtime_ns + 1))
    with pytest.raises(AudioFileError) as during:
        list(blocks)
    with pytest.raises(AudioFileError) as before:
        next(source.blocks())
    with pytest.raises(AudioFileError) as digest:
        _ = source.sha256
    assert {caught.value.code for caught in (during, before, digest)} == {"file_changed"}


def test_a_closed_source_says_so(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CACHE_BYTES", 0)
    with open_source(wav) as source:
        running = source.blocks()
        next(running)
    for blocks in (lambda: list(running), source.blocks):
        with pytest.raises(AudioFileError) as caught:
            blocks()
        assert caught.value.code == "file_closed"


# Decoders that misbehave


def test_a_decoder_that_hangs_is_stopped(wav: Path) -> None:
    start = time.monotonic()
    error = refusal(wav, timeout_s=0.4, decoder_command=stand_in("time.sleep(60)"))
    assert error.code == "decoder_timeout"
    assert "0.4 s" in error.message
    assert time.monotonic() - start < 5.0


def test_a_decoder_that_hangs_before_its_first_word(wav: Path) -> None:
    command = [sys.executable, "-c", "while True: pass"]
    assert refusal(wav, timeout_s=0.4, decoder_command=command).code == "decoder_timeout"
    with pytest.raises(AudioFileError, match="made no progress"):
        probe(wav, timeout_s=0.4, decoder_command=command)


def test_a_slow_reader_is_not_a_hanging_decoder(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CACHE_BYTES", 0)
    with open_source(wav, timeout_s=3.0) as source:
        blocks = source.blocks()
        next(blocks)
        time.sleep(3.5)
        assert sum(block.shape[1] for block in blocks) == 88_200 - 65_536


@pytest.mark.parametrize(
    ("code", "how"),
    [("os.abort()", "SIGABRT"), ("os.kill(os.getpid(), 11)", "SIGSEGV"), ("sys.exit(3)", "exit status 3")],
)
def test_a_decoder_that_crashes_is_reported(wav: Path, code: str, how: str) -> None:
    error = refusal(wav, decoder_command=stand_in(code))
    assert error.code == "decoder_crashed"
    assert how in error.message


@pytest.mark.parametrize("code", ["say(b'?', b'')", "say(b'S', bytes(7))"])
def test_a_decoder_that_talks_nonsense(wav: Path, code: str) -> None:
    assert refusal(wav, decoder_command=stand_in(code + "\ntime.sleep(60)")).code == "decoder_crashed"


def test_a_decoder_that_cannot_be_started(wav: Path) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        open_source(wav, decoder_command=["/no/such/python"])
    assert caught.value.code == "decoder_not_started"


def test_no_process_stays_behind(wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a timeout, a closed generator and a closed source."""
    pid_file = tmp_path / "pids"
    note = f"import os; open({str(pid_file)!r}, 'a').write(str(os.getpid()) + '\\n')\n"
    endless = [sys.executable, "-c", note + HEADER + "while True: say(b'S', bytes(8 * 65536))"]
    hanging = [sys.executable, "-c", note + HEADER + "time.sleep(60)"]
    refusal(wav, timeout_s=0.3, decoder_command=hanging)
    monkeypatch.setattr(files.FileSource, "_first_pass", lambda *_: 10**6)
    monkeypatch.setattr(files, "CACHE_BYTES", 0)
    source = open_source(wav, decoder_command=endless)
    source._kept = None
    blocks = source.blocks()
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    other = source.blocks()
    next(other)
    source.close()
    pids = [int(line) for line in pid_file.read_text().split()]
    assert len(pids) == 4  # the one that hung, the first pass, the closed generator, the closed source
    assert all(gone(pid) for pid in pids)


HANGING_CHILD = """
import sys, os, signal
sys.argv = ["decoder", "decode", "0", sys.argv[-1]]
import mastering.io.decoder as decoder
open(os.environ["PID_FILE"], "w").write(str(os.getpid()))
def spin(path):
    while True: pass
decoder._open = spin
decoder.main(sys.argv[1:])
"""
PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
from mastering.io.files import open_source
open_source(sys.argv[1], decoder_command=[sys.executable, "-c", sys.argv[2]])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_spinning_decoder_ends_with_its_parent(wav: Path, tmp_path: Path, end: signal.Signals) -> None:
    """Even when the parent is killed and cannot tell it, and when Ctrl-C goes to both."""
    pid_file = tmp_path / "pid"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(wav), HANGING_CHILD],
        env={**os.environ, "PID_FILE": str(pid_file)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not pid_file.exists() or not pid_file.read_text():
            assert parent.poll() is None
            time.sleep(0.02)
        time.sleep(0.1)
        os.killpg(parent.pid, end) if end == signal.SIGINT else parent.send_signal(end)
        assert parent.wait(5.0) != 0
        assert gone(int(pid_file.read_text()))
    finally:
        parent.kill()
        parent.wait()
