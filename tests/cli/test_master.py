"""`master` on a delivery that is faked: options, merging, documents, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import Result

from mastering.jobspec import merge_delivery
from mastering.library import load_style, load_target, names
from mastering.target import DeliverySpec

Files = Callable[..., Path]
Run = Callable[..., Result]

RESULT_KEYS = [
    *("input", "output", "status", "before", "after", "chain", "checks", "notices", "seconds", "error"),
]


@pytest.fixture
def asked(fake: ModuleType, files: Files, run: Run) -> Callable[..., Any]:
    """The job that `master a.wav OPTIONS` asks for."""

    def ask(*options: str) -> Any:
        files("a.wav", "ref.wav")
        result = run("master", "a.wav", *options, "--force")
        assert result.exit_code == 0, result.stderr
        return fake.SEEN[-1][1]

    return ask


def test_without_a_goal_it_is_the_balanced_style(asked: Callable[..., Any]) -> None:
    job = asked()
    style = load_style("balanced")
    assert job.style == style
    assert job.delivery == DeliverySpec(
        integrated_lufs=style.integrated_lufs, ceiling_dbtp=style.ceiling_dbtp
    )


def test_a_reference_alone_leaves_style_and_loudness_to_it(asked: Callable[..., Any]) -> None:
    job = asked("-r", "ref.wav")
    assert job.references == (Path("ref.wav"),)
    assert job.style is None
    assert job.delivery == DeliverySpec()


def test_the_styles_level_gives_way_to_a_reference(asked: Callable[..., Any]) -> None:
    job = asked("-r", "ref.wav", "--style", "warm")
    assert job.style == load_style("warm")
    assert job.delivery.integrated_lufs is None


def test_every_target_replaces_the_styles_level(asked: Callable[..., Any]) -> None:
    for name in names("targets"):
        job = asked("--style", "warm", "--target", name)
        assert job.delivery == load_target(name).delivery, name
        assert job.target == load_target(name)


def test_the_styles_loudness_is_no_goal_where_the_level_may_not_change(asked: Callable[..., Any]) -> None:
    assert asked("--style", "warm", "--only", "tone").delivery.integrated_lufs is None
    assert asked("--style", "warm", "--only", "tone", "--lufs", "-12").delivery.integrated_lufs == -12.0


def test_help_tells_what_a_style_gives(run: Run) -> None:
    said = " ".join(run("master", "--help").stdout.split())
    assert "the reference gives the curves, the style its filters, colour, compressor and limits" in said
    assert "a style's high-pass and saturation count as tone" in said
    assert "IN...." not in run("apply", "--help").stdout


def test_options_beat_everything(asked: Callable[..., Any]) -> None:
    given = ("--lufs", "-9", "--ceiling", "-0.5", "--rate", "48000", "--bit-depth", "16", "--format", "flac")
    job = asked("--style", "warm", "--target", names("targets")[0], *given)
    assert (job.delivery.integrated_lufs, job.delivery.ceiling_dbtp) == (-9.0, -0.5)
    assert (job.delivery.sample_rate, job.delivery.bit_depth, job.delivery.container) == (48_000, 16, "flac")


def test_an_option_that_equals_the_default_still_beats_the_target() -> None:
    target = next(t for t in map(load_target, names("targets")) if t.delivery.ceiling_dbtp != -1.0)
    spec = merge_delivery(None, target, {"ceiling_dbtp": -1.0}, referenced=False)
    assert spec.ceiling_dbtp == -1.0


def test_the_other_choices_reach_the_job(asked: Callable[..., Any]) -> None:
    job = asked("--amount", "40", "--only", "width,tone", "--eq", "parametric", "--downmix", "--no-report")
    assert job.amount_percent == 40.0
    assert job.only == ("tone", "width")
    assert (job.eq, job.downmix, job.write_report, job.force) == ("parametric", True, False, True)
    assert asked("--amount", "auto").amount_percent is None


def test_the_outputs_suffix_decides_the_format(asked: Callable[..., Any], folder: Path) -> None:
    assert asked("-o", "out.opus").delivery.container == "opus"
    assert (folder / "out.opus").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--lufs", "-50"), "integrated_lufs=-50.0: allowed -40..-3 LUFS"),
        (("--lufs", "nan"), "integrated_lufs=nan: allowed"),
        (("--ceiling", "1"), "ceiling_dbtp=1.0: allowed -24..0 dBTP"),
        (("--rate", "1000"), "sample_rate=1000: allowed 8000..384000 Hz"),
        (("--amount", "101"), "amount_percent=101.0: allowed 0..100 %"),
        (("--amount", "half"), "'half' is neither auto nor a number"),
        (("--only", "tune"), "Did you mean tone?"),
        (("--only", ""), "is none of tone"),
        (("--style", "balancd"), "balancd"),
        (("--target", "nowhere"), "nowhere"),
        (("--format", "wav", "-o", "x.flac"), "disagree"),
        (("--jobs", "0"), "jobs"),
        (("-r", "empty"), "no audio"),
        (("--nonsense",), "nonsense"),
        (("--bit-depth", "8"), "'16', '24', '32'"),
    ],
)
def test_wrong_usage_is_refused_before_anything_runs(
    fake: ModuleType, files: Files, run: Run, options: tuple[str, ...], sentence: str
) -> None:
    (files("a.wav") / "empty").mkdir()
    result = run("master", "a.wav", *options)
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert fake.SEEN == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--format", "flac", "--bit-depth", "32"), "flac with 32 bits: allowed 16, 24"),
        (("--format", "opus", "--rate", "44100"), "opus at 44100 Hz: allowed 48000 Hz"),
        (("-o", "x.mp3", "--rate", "96000"), "Deliver at 48000 Hz."),
        (("-o", "x.wma"), "'.wma' is no output format"),
        (("-o", "x.opus", "--target", "cd"), "opus at 44100 Hz"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_anything_runs(
    fake: ModuleType, files: Files, run: Run, options: tuple[str, ...], sentence: str
) -> None:
    files("a.wav")
    result = run("master", "a.wav", *options)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert fake.SEEN == []


def test_a_rate_that_nobody_asked_for_is_left_to_the_delivery(asked: Callable[..., Any]) -> None:
    assert asked("--format", "opus").delivery.sample_rate is None
    assert asked("--format", "mp3", "--bit-depth", "32").delivery.container == "mp3"


def test_document_holds_every_input_in_its_order(fake: ModuleType, files: Files, run: Run) -> None:
    files("b.wav", "refused.wav", "a.wav")
    (Path("nothing")).mkdir()
    result = run("master", "b.wav", "refused.wav", "nothing", "missing.wav", "a.wav", "--json")
    document = json.loads(result.stdout)
    assert list(document) == ["schema", "results"]
    assert document["schema"] == 1
    assert [list(entry) for entry in document["results"]] == [RESULT_KEYS] * 5
    assert [entry["status"] for entry in document["results"]] == ["mastered", *["error"] * 3, "mastered"]
    codes = [entry["error"] and entry["error"]["code"] for entry in document["results"]]
    assert codes == [None, "not_audio", "no_audio", "file_missing", None]
    assert result.exit_code == 1


def test_document_of_a_master(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav")
    (entry,) = json.loads(run("master", "a.wav", "--json", "--lufs", "-12").stdout)["results"]
    assert (entry["input"], entry["output"]) == ("a.wav", "a.master.wav")
    assert entry["before"]["integrated_lufs"] == -20.0
    assert entry["before"]["side_to_mid_db"] == [None] * 31
    assert entry["after"]["integrated_lufs"] == -12.0
    assert entry["chain"]["limiter"]["ceiling_dbtp"] == -1.0
    assert entry["checks"] == [
        {"name": "integrated_lufs", "measured": -12.0, "limit": -12.0, "unit": "LUFS", "passed": True}
    ]
    assert entry["notices"] == [{"code": "fake", "message": "This is a fake."}]
    assert entry["seconds"] == {"measure": 0.1}


def test_people_read_standard_error(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav", "b.wav")
    one = run("master", "a.wav", "--force")
    assert one.stdout == ""
    assert "a.wav -> a.master.wav" in one.stderr
    assert "This is a fake." in one.stderr
    many = run("master", "a.wav", "b.wav", "--force")
    assert "b.wav -> b.master.wav: -14.0 LUFS, -1.0 dBTP" in many.stderr.splitlines()
    assert run("master", "a.wav", "--force", "--quiet").output == ""


def test_errors_are_sentences_even_when_quiet(fake: ModuleType, files: Files, run: Run) -> None:
    files("refused.wav")
    result = run("master", "refused.wav", "--quiet")
    assert result.stderr.splitlines() == [
        "Error: refused.wav: refused: this is no audio",
        "       Export it again.",
    ]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("a", "b"), 0),
        (("a", "refused"), 1),
        (("a", "environment"), 3),
        (("full", "environment"), 3),
        (("environment", "refused"), 1),
        (("a", "bug"), 70),
        (("bug", "refused"), 1),
    ],
)
def test_exit_codes(fake: ModuleType, files: Files, run: Run, names: tuple[str, ...], code: int) -> None:
    files(*(f"{name}.wav" for name in names))
    result = run("master", *(f"{name}.wav" for name in names))
    assert result.exit_code == code
    assert Path("a.master.wav").exists() == ("a" in names)


def test_strict_turns_a_missed_check_into_4(fake: ModuleType, files: Files, run: Run) -> None:
    files("missed.wav", "refused.wav", "a.wav")
    assert run("master", "missed.wav", "--force").exit_code == 0
    assert run("master", "missed.wav", "--force", "--strict").exit_code == 4
    assert run("master", "a.wav", "missed.wav", "--force", "--strict", "--json").exit_code == 4
    assert run("master", "missed.wav", "refused.wav", "--force", "--strict").exit_code == 1
    assert "missed: integrated_lufs" in run("master", "a.wav", "missed.wav", "--force").stderr


def test_existing_output_is_an_error_of_its_input(fake: ModuleType, files: Files, run: Run) -> None:
    files("a.wav", "b.wav", "a.master.wav")
    result = run("master", "a.wav", "b.wav", "--json")
    first, second = json.loads(result.stdout)["results"]
    assert (first["status"], first["error"]["code"], second["status"]) == ("error", "file_exists", "mastered")
    assert result.exit_code == 1


def test_dry_run_writes_nothing_and_predicts(fake: ModuleType, files: Files, run: Run) -> None:
    folder = files("a.wav")
    result = run("master", "a.wav", "--dry-run", "--json", "--output-dir", "out")
    (entry,) = json.loads(result.stdout)["results"]
    assert entry["status"] == "skipped"
    assert entry["chain"] is not None
    assert entry["after"] is not None
    assert [path.name for path in folder.iterdir()] == ["a.wav"]
    assert "nothing is written" in run("master", "a.wav", "--dry-run").stderr


def test_album_is_one_piece_of_work(fake: ModuleType, files: Files, run: Run) -> None:
    files("m/2.wav", "m/10.wav", "m/1.wav")
    result = run("master", "m", "--album", "--output-dir", "out", "--json")
    assert [(kind, len(what)) for kind, what in fake.SEEN] == [("master_album", 3)]
    document = json.loads(result.stdout)
    assert [entry["output"] for entry in document["results"]] == [
        str(Path("out") / f"{n}.master.wav") for n in (1, 2, 10)
    ]


def test_album_loudness_is_told_once(fake: ModuleType, files: Files, run: Run) -> None:
    files("m/1.wav", "m/2.wav", "m/missed.wav")
    *songs, album = run("master", "m", "--album", "--lufs", "-11", "--force").stderr.splitlines()
    assert [line.split(" -> ")[0] for line in songs] == [
        str(Path("m") / name) for name in ("1.wav", "2.wav", "missed.wav")
    ]
    assert not any("album_lufs" in line for line in songs)
    assert album == "Album: -13.9 LUFS, -11.0 LUFS were wanted; missed"


def test_album_can_be_rehearsed(fake: ModuleType, files: Files, run: Run) -> None:
    folder = files("m/1.wav", "m/2.wav")
    result = run("master", "m", "--album", "--dry-run", "--output-dir", "out", "--json")
    assert [(kind, len(what)) for kind, what in fake.SEEN] == [("plan_album", 2)]
    assert [entry["status"] for entry in json.loads(result.stdout)["results"]] == ["skipped"] * 2
    assert [path.name for path in folder.iterdir()] == ["m"]
    assert len(list((folder / "m").iterdir())) == 2
    said = run("master", "m", "--album", "--dry-run").stderr
    assert said.count("nothing is written") == 2
    assert said.count("Album: -13.9 LUFS") == 1


def test_album_fails_as_a_whole(fake: ModuleType, files: Files, run: Run) -> None:
    files("m/1.wav", "m/refused.wav")
    result = run("master", "m", "--album", "--json")
    entries = json.loads(result.stdout)["results"]
    assert [entry["error"]["code"] for entry in entries] == ["not_audio", "not_audio"]
    assert result.stderr.count("Error:") == 1


def test_debug_shows_the_traceback_only_when_asked(fake: ModuleType, files: Files, run: Run) -> None:
    files("bug.wav")
    quiet = run("master", "bug.wav").stderr
    assert "unexpected ZeroDivisionError: division by zero" in quiet
    assert "please report it" in quiet
    assert "Traceback" not in quiet
    assert "Traceback" in run("master", "bug.wav", "--debug").stderr


def test_odd_bytes_in_names_survive_the_document(fake: ModuleType, files: Files, run: Run) -> None:
    name = "caf\udce9 \N{MUSICAL SYMBOL G CLEF}.wav"
    files(name)
    result = run("master", name, "--json")
    assert json.loads(result.stdout)["results"][0]["input"] == name


def test_control_characters_never_reach_the_terminal(fake: ModuleType, files: Files, run: Run) -> None:
    name = "a\x1b[2J.wav"
    files(name, "b.wav")
    assert "\x1b" not in run("master", name, "b.wav", "missing\x1b.wav").stderr
