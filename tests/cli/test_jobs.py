"""`tonmeister jobs`: what a person and what a program sees of recorded work."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mastering.audio import Audio
from mastering.cli.app import app
from mastering.cli.jobs import open_jobs
from mastering.cli.tasks import MasterTask
from mastering.jobspec import MasterJob


@pytest.fixture
def database(tmp_path: Path) -> str:
    """An empty place for jobs."""
    return str(tmp_path / "jobs")


def _run(database: str, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["jobs", *arguments, "--database", database])
    return done.exit_code, done.output


def _json(database: str, *arguments: str) -> Any:
    code, text = _run(database, *arguments, "--json")
    assert code == 0, text
    return json.loads(text)


def _song(path: Path, audio: Audio) -> Path:
    import soundfile

    soundfile.write(path, audio.samples.T, audio.sample_rate, subtype="PCM_24")
    return path


def _submit(database: str, source: Path, output: Path) -> str:
    with open_jobs(database) as jobs:
        return jobs.submit(MasterTask(source=source, output=output, job=MasterJob())).id


def test_nothing_is_there(database: str) -> None:
    assert _run(database, "list") == (0, "no jobs\n")
    assert _json(database, "list") == {"schema": 1, "count": {}, "jobs": []}
    code, text = _run(database, "show", "abcdef")
    assert (code, "there is no job 'abcdef'" in text) == (2, True)
    assert _run(database, "clear") == (0, "0 jobs forgotten.\n")
    assert _run(database, "retry")[0] == 2


def test_a_master_as_a_job(database: str, tmp_path: Path, noise: Audio) -> None:
    source, output = _song(tmp_path / "song.wav", noise), tmp_path / "master.wav"
    job = _submit(database, source, output)
    listed = _json(database, "list", "--state", "queued", "--kind", "master")["jobs"]
    assert [one["id"] for one in listed] == [job]
    code, text = _run(database, "run")
    assert code == 0, text
    shown = _json(database, "show", job[:8])["job"]
    assert (shown["state"], shown["error"], shown["missed"]) == ("done", None, False)
    assert shown["request"]["source"] == str(source)
    assert shown["results"][0]["output"] == str(output)
    assert [Path(file["path"]).name for file in shown["files"]] == [
        "master.wav",
        "master.recipe.json",
        "master.report.html",
    ]
    code, text = _run(database, "show", job[:8])
    assert "  state     done" in text
    assert str(output) in text
    assert _run(database, "retry", job[:8])[0] == 2
    assert _json(database, "clear", "--state", "done") == {"schema": 1, "removed": 1}
    assert output.exists()


def test_what_fails_is_shown_with_its_reason_and_can_be_tried_again(
    database: str, tmp_path: Path, noise: Audio
) -> None:
    source, output = tmp_path / "song.wav", tmp_path / "master.wav"
    source.write_text("no music", "utf-8")
    job = _submit(database, source, output)
    code, text = _run(database, "run")
    assert (code, "1 failed" in text) == (1, True)
    code, text = _run(database, "list")
    assert "failed" in text
    assert "song.wav" in text
    error = _json(database, "show", job)["job"]["error"]
    assert error["code"] == "not_audio"
    assert [one["state"] for one in _json(database, "retry", "--failed")["jobs"]] == ["queued"]
    _song(source, noise)
    assert _run(database, "run")[0] == 0
    assert output.exists()


def test_cancelling(database: str, tmp_path: Path, noise: Audio) -> None:
    job = _submit(database, _song(tmp_path / "song.wav", noise), tmp_path / "master.wav")
    code, text = _run(database, "cancel", job[:6])
    assert (code, text) == (0, f"{job[:10]}  song.wav: cancelled\n")
    assert _run(database, "run")[0] == 0
    assert not (tmp_path / "master.wav").exists()


def test_commands_become_jobs(database: str, tmp_path: Path, noise: Audio) -> None:
    source = _song(tmp_path / "song.wav", noise)
    line = [
        "master",
        str(source),
        str(tmp_path / "gone.wav"),
        "--style",
        "warm",
        "--output-dir",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(app, ["jobs", "submit", "--database", database, "--json", *line])
    assert done.exit_code == 1
    assert "gone.wav" in done.stderr
    jobs = json.loads(done.stdout)["jobs"]
    assert [(job["kind"], job["label"], job["state"]) for job in jobs] == [("master", "song.wav", "queued")]
    assert not (tmp_path / "out").exists()
    again = CliRunner().invoke(app, ["jobs", "submit", "--database", database, *line])
    assert again.stdout.startswith(jobs[0]["id"][:10])
    assert _run(database, "run")[0] == 0
    bare = CliRunner().invoke(app, [*line[:2], *line[3:5], "-o", str(tmp_path / "bare.wav")])
    assert bare.exit_code == 0
    assert (tmp_path / "out" / "song.master.wav").read_bytes() == (tmp_path / "bare.wav").read_bytes()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (["stems", "separate"], "stems"),
        (["stems", "karaoke", "-o", "k.wav"], "stems"),
        (["stems", "remix", "-o", "r.wav", "--vocals", "mute"], "remix"),
    ],
)
def test_stems_become_jobs(database: str, tmp_path: Path, noise: Audio, line: list[str], kind: str) -> None:
    source = _song(tmp_path / "song.wav", noise)
    done = CliRunner().invoke(app, ["jobs", "submit", "--database", database, *line, str(source)])
    assert done.exit_code == 0, done.output
    assert [job["kind"] for job in _json(database, "list")["jobs"]] == [kind]


def test_what_makes_no_job_is_refused(database: str, tmp_path: Path, noise: Audio) -> None:
    source = str(_song(tmp_path / "song.wav", noise))
    submit = ["jobs", "submit", "--database", database]
    for line in (["plugins", "scan"], ["measure", source], ["nonsense"], ["master", source, "--dry-run"]):
        assert CliRunner().invoke(app, [*submit, *line]).exit_code == 2
    assert CliRunner().invoke(app, [*submit, "master", source, "--lufs", "99"]).exit_code == 2
    assert "master" in CliRunner().invoke(app, [*submit, "master", "--help"]).stdout
    assert _run(database, "list") == (0, "no jobs\n")


def test_executors_that_cannot_be(database: str) -> None:
    code, text = _run(database, "run", "--executor", "local", "--ray-address", "head:6379")
    assert (code, "--ray-address goes with --executor ray" in text) == (2, True)
    if importlib.util.find_spec("ray") is None:
        code, text = _run(database, "run", "--executor", "ray")
        assert (code, "pip install 'tonmeister[cluster]'" in text) == (3, True)
        return
    code, text = _run(database, "run", "--ray-address", "ray://head:10001")
    assert (code, "'ray://head:10001' is no address of a Ray cluster" in text) == (2, True)
    code, text = _run(database, "run", "--ray-address", "127.0.0.1:1")
    assert (code, "no Ray cluster answers at 127.0.0.1:1" in text) == (3, True)


def test_the_folder_of_the_journals(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    assert _run(database, "run", "--jobs-folder", str(folder))[0] == 0
    assert {path.name for path in folder.iterdir()} >= {"attempts", "owners"}
