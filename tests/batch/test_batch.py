"""`tonmeister batch` as people start it: real files, real masters, real kills."""

from __future__ import annotations

import csv
import json
import os
import signal
import time

import pytest

from tests.batch.conftest import Catalogue


def _mtimes(catalogue: Catalogue) -> dict[str, int]:
    return {name: (catalogue.outbox / name).stat().st_mtime_ns for name in catalogue.masters()}


def test_a_folder_again_and_again(catalogue: Catalogue) -> None:
    """Done once; then only what is lost, changed, new, or failed and asked for."""
    for number, name in enumerate(["one.wav", "a/two.wav", "a/音 楽.wav", "changed.wav"]):
        catalogue.song(name, number)
    (catalogue.inputs / "a/bad.wav").write_text("no audio")
    said = catalogue.run(catalogue.inputs, "--style", "warm", code=1)
    assert "bad.wav: it is not audio" in said
    assert "4 mastered, 1 failed in" in said
    assert "(estimated" in said
    first = catalogue.masters()
    assert sorted(first) == [
        "a/two.master.wav",
        "a/音 楽.master.wav",
        "changed.master.wav",
        "one.master.wav",
    ]
    assert catalogue.states() == {**dict.fromkeys(first, "done"), "a/bad.master.wav": "failed"}
    assert catalogue.record["state"] == "finished"
    assert catalogue.record["settings"] == {"style": "warm"}
    with (catalogue.outbox / "batch.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["output"]: row for row in csv.DictReader(file)}
    assert rows["one.master.wav"]["state"] == "done"
    assert float(rows["one.master.wav"]["lufs_after"]) == pytest.approx(-14.0, abs=0.5)
    assert rows["a/bad.master.wav"]["error_code"] == "not_audio"
    page = (catalogue.outbox / "batch.html").read_text("utf-8")
    assert 'href="a/two.master.report.html"' in page
    assert "4 of 5 done, 1 failed" in page

    before = _mtimes(catalogue)
    (catalogue.inputs / "a/bad.wav").unlink()
    (catalogue.outbox / "one.master.wav").unlink()
    (catalogue.outbox / "a/two.master.wav").write_bytes(b"somebody's")
    catalogue.song("new.wav", 7)
    catalogue.song("changed.wav", 8)
    said = catalogue.run(catalogue.inputs, "--style", "warm")
    assert "4 mastered, 1 known before in" in said
    again = catalogue.masters()
    assert {name: again[name] for name in first if name != "changed.master.wav"} == {
        name: data for name, data in first.items() if name != "changed.master.wav"
    }
    assert again["changed.master.wav"] == catalogue.here("changed.wav", style="warm")
    assert _mtimes(catalogue)["a/音 楽.master.wav"] == before["a/音 楽.master.wav"]

    (catalogue.inputs / "a/two.wav").unlink()  # its master is there: nothing is missed
    assert "0 mastered, 5 known before" in catalogue.run(catalogue.outbox / "batch.json")


def test_failed_ones_wait_until_they_are_asked_for(catalogue: Catalogue) -> None:
    """And what the record does not know the database does."""
    catalogue.song("a.wav", 1)
    taken = catalogue.outbox / "a.master.wav"
    taken.parent.mkdir()
    taken.write_bytes(b"somebody's")
    for _ in range(2):
        said = catalogue.run(catalogue.inputs, code=1)
        assert f"{taken}: exists already" in said
    assert taken.read_bytes() == b"somebody's"
    taken.unlink()
    assert "exists already" in catalogue.run(catalogue.inputs, code=1)
    assert "1 mastered in" in catalogue.run(catalogue.inputs, "--retry-failed")
    (catalogue.outbox / "batch.json").unlink()
    assert "0 mastered, 1 known before" in catalogue.run(catalogue.inputs)
    assert catalogue.states() == {"a.master.wav": "done"}


def test_a_manifest_with_albums(catalogue: Catalogue) -> None:
    """Settings of rows over what was typed; an album is one decision; outputs as they are named."""
    for number in range(4):
        catalogue.song(f"{number}.wav", number)
    manifest = catalogue.root / "in" / "songs.csv"
    manifest.write_text(
        "input,output,album,style,bit_depth\n0.wav,Solo/first.flac,,bright,16\n1.wav,,LP,,\n2.wav,,,,\n3.wav,,LP,,\n",
        "utf-8",
    )
    said = catalogue.run(manifest, "--style", "warm", "--name-template", "{stem} {style}.{ext}")
    assert "4 mastered in" in said
    masters = catalogue.masters()
    assert sorted(masters) == ["1 warm.wav", "2 warm.wav", "3 warm.wav", "Solo/first.flac"]
    recipes = {name: json.loads(data) for name, data in catalogue.files().items() if name.endswith(".json")}
    assert recipes["Solo/first.recipe.json"]["delivery"]["bit_depth"] == 16
    assert recipes["Solo/first.recipe.json"]["chain"]["origin"]["style"] == "bright"
    album = [recipes[f"{name} warm.recipe.json"]["chain"]["steps"] for name in (1, 3)]
    assert album[0] == album[1]
    found = {song["output"]: song for song in catalogue.record["songs"]}
    assert found["1 warm.wav"]["job"] == found["3 warm.wav"]["job"]
    assert found["1 warm.wav"]["album"] == "LP"

    (catalogue.outbox / "3 warm.wav").unlink()
    said = catalogue.run(catalogue.outbox / "batch.json", "--json")
    document = json.loads(said)
    assert document["actual"]["mastered"] == 2
    assert document["actual"]["known"] == 2
    assert catalogue.masters() == masters


def test_killed_at_any_moment(catalogue: Catalogue) -> None:
    """The same command until it ends: every song once, as if nothing had happened."""
    count = 5
    for number in range(count):
        catalogue.song(f"{number}.wav", number)
    for round_ in range(2):
        process = catalogue.start(catalogue.inputs, "--style", "warm")
        _wait_for_masters(catalogue, process.poll, least=round_)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)
    process = catalogue.start(catalogue.inputs, "--style", "warm")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    masters = catalogue.masters()
    assert len(masters) == count
    assert catalogue.journals() == []
    assert set(catalogue.states().values()) == {"done"}
    assert masters == {f"{n}.master.wav": catalogue.here(f"{n}.wav", style="warm") for n in range(count)}


def _wait_for_masters(catalogue: Catalogue, ended: object, *, least: int, timeout_s: float = 30.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if callable(ended) and ended() is not None:
            return
        if len(list(catalogue.outbox.glob("*.master.wav"))) >= least and catalogue.outbox.exists():
            return
        time.sleep(0.005)


def test_ctrl_c(catalogue: Catalogue) -> None:
    """It ends soon, says how to go on, and leaves nothing half done."""
    for number in range(6):
        catalogue.song(f"{number}.wav", number)
    process = catalogue.start(catalogue.inputs)
    _wait_for_masters(catalogue, process.poll, least=2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "are left: the same command goes on." in err
    done = catalogue.masters()
    assert len(done) < 6
    assert catalogue.record["state"] == "interrupted"
    assert list(catalogue.states().values()).count("done") <= len(done)  # one may have ended meanwhile


def test_two_on_one_outbox(catalogue: Catalogue) -> None:
    from mastering.cli.batch import _alone
    from mastering.cli.catalogue.outbox import Outbox
    from mastering.cli.jobs import open_jobs

    catalogue.song("a.wav", 1)
    with (
        open_jobs(str(catalogue.root / "jobs")) as jobs,
        _alone(Outbox(str(catalogue.outbox)), jobs),
    ):
        said = catalogue.run(catalogue.inputs, code=3)
    assert "another tonmeister batch works on this folder already" in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("{in}", "--output", "{in}"), 2, "masters may not go among their inputs"),
        (("{in}", "--style", "warn"), 2, "did you mean"),
        (("{in}/nothing.wav",), 2, "nothing.wav: there is no such file"),
        (("{in}/nothing.csv",), 1, "nothing.csv: there is no such file"),
        (("{in}", "--output", "memory://out"), 2, "memory:// lives in one process"),
        (("{in}", "--currency", "EUR"), 2, "--currency is of a price"),
        (("{in}", "--output", "{in}/a.wav/b"), 3, "the folder for the output cannot be written"),
        (("{in}", "--output", "s4://bucket"), 2, "did you mean 's3://'?"),
    ],
)
def test_what_is_refused(catalogue: Catalogue, arguments: tuple[str, ...], code: int, words: str) -> None:
    catalogue.song("a.wav", 1)
    given = [one.replace("{in}", str(catalogue.inputs)) for one in arguments]
    said = catalogue.run(*given, code=code)
    assert words in said
    assert "Traceback" not in said


def test_all_that_is_wrong_is_told_first(catalogue: Catalogue) -> None:
    """With the line of each, before anything begins."""
    catalogue.song("a.wav", 1)
    manifest = catalogue.root / "songs.csv"
    rows = [
        "input,output,style,bit_depth,reference,album",
        "in/a.wav,,,,,",
        "in/b.wav,,,,,",
        "in/a.wav,x.wav,warn,,,",
        "in/a.wav,y.wav,,17,,",
        "in/a.wav,../z.wav,,,,",
        "in/a.wav,z,,,,",
        "in/a.wav,r.wav,,,nothing.wav,",
        "in/a.wav,a.master.wav,,,,",
        "in/a.wav,1.wav,warm,,,LP",
        "in/a.wav,2.wav,bright,,,LP",
        ",q.wav,,,,",
    ]
    manifest.write_text("\n".join(rows), "utf-8")
    said = catalogue.run(manifest, code=2).splitlines()
    assert [line.partition(": ")[2].partition(": ")[2].split(":")[0] for line in said[:-1]] == [
        f"line {number}" for number in (12, 4, 5, 6, 7, 8, 3, 9, 11)
    ]
    text = "\n".join(said)
    for words in (
        "line 3: " + str(catalogue.inputs / "b.wav") + ": there is no such file",
        "line 5: bit_depth: '17' is not one of '16', '24', '32'",
        "line 6: output: '../z.wav' is no path below",
        "line 7: output: 'z' has no suffix",
        "line 9: its master would be a.master.wav, and so would that of songs.csv: line 2",
        "line 11: album 'LP': it has other settings than songs.csv: line 10",
        "line 12: it names no input",
        "Nothing was begun.",
    ):
        assert words in text
    assert not catalogue.outbox.exists()


def test_an_unreadable_record(catalogue: Catalogue) -> None:
    catalogue.song("a.wav", 1)
    catalogue.outbox.mkdir()
    for text in (
        "{",
        '{"kind": "tonmeister batch"}',
        '{"schema": 9, "kind": "tonmeister batch", "songs": []}',
    ):
        (catalogue.outbox / "batch.json").write_text(text, "utf-8")
        said = catalogue.run(catalogue.inputs, code=2)
        assert "no record of a batch that this version reads" in said


def test_an_outbox_below_its_inputs(catalogue: Catalogue) -> None:
    """What lies there is no input, whatever it is called."""
    catalogue.song("a.wav", 1)
    catalogue.song("masters/b.wav", 2)
    arguments = ("--output", catalogue.inputs / "masters", "--estimate", "--json")
    assert json.loads(catalogue.run(catalogue.inputs, *arguments))["estimate"]["songs"] == 1
