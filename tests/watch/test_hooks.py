"""What is told to others: webhooks and desktop notifications."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from mastering.cli.notify import Notifier, notification_command
from mastering.jobs.service import Jobs
from mastering.webhooks.signing import VARIABLE
from tests.watch.conftest import Drop, Here, Watch, counted, events
from tests.webhooks import conftest as webhooks
from tests.webhooks.conftest import SECRET, Receiver, serve, until

Once = Callable[..., Here]
receiver = webhooks.receiver


def _told(here: Here) -> dict[str, dict[str, Any]]:
    documents = [json.loads(message.body) for message in here.messages]
    return {f"{document['type']} {document['data']['file']}": document["data"] for document in documents}


def test_what_is_told(drop: Drop, once: Once) -> None:
    """Of songs and albums, done, known and failed, to the webhook of each folder."""
    drop.song("a.wav", 1)
    drop.song("quiet/b.wav", 2)
    drop.put("quiet/tonmeister.toml", 'webhook = ""\n')
    drop.song("EP/c.wav", 3)
    drop.song("EP/d.wav", 4)
    drop.put("EP/tonmeister.toml", 'album = true\nwebhook = "https://other.example/"\n')
    drop.put("bad.wav", "no audio")
    found = once("--webhook", "https://hook.example/", secret=True)
    told = _told(found)
    assert sorted(told) == ["album.mastered EP", "song.failed bad.wav", "song.mastered a.wav"]
    assert {message.url for message in found.messages} == {"https://hook.example/", "https://other.example/"}
    assert len({message.id for message in found.messages}) == 3
    song = told["song.mastered a.wav"]
    assert (song["songs"], song["output"], song["failure"]) == (["a.wav"], "a.master.wav", None)
    assert [file["path"] for file in song["outputs"]] == ["a.master.wav", "a.master.recipe.json"]
    (master,) = song["masters"]
    assert (master["input"], master["output"]) == ("a.wav", "a.master.wav")
    assert -30.0 < master["loudness"]["integrated_lufs"] < -5.0
    assert master["loudness"]["true_peak_dbtp"] < 0.0
    assert all(check["passed"] in (True, False) for check in master["checks"])
    album = told["album.mastered EP"]
    assert album["songs"] == ["EP/c.wav", "EP/d.wav"]
    assert (album["output"], len(album["outputs"]), len(album["masters"])) == ("EP", 4, 2)
    failed = told["song.failed bad.wav"]
    assert (failed["failure"]["code"], failed["masters"], failed["output"]) == ("not_audio", [], None)

    (drop.inbox / "done/a.wav").rename(drop.inbox / "a again.wav")
    told = _told(once("--webhook", "https://hook.example/", secret=True))
    assert told["song.known a again.wav"]["output"] == "a.master.wav"


def test_the_address_is_no_part_of_the_work(drop: Drop, once: Once) -> None:
    """Another webhook masters nothing again."""
    drop.song("a.wav", 1)
    once("--webhook", "https://one.example/", secret=True)
    (drop.inbox / "done/a.wav").rename(drop.inbox / "a.wav")
    assert once("--webhook", "https://two.example/", secret=True).count() == {"known": 1}


def test_a_message_is_recorded_with_what_it_tells(drop: Drop, watch: Watch, jobs: Jobs) -> None:
    """Died before the outbox had it: the next life hands the same message over."""
    drop.song("a.wav", 1)

    def dies(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watch("--webhook", "https://hook.example/", secret=True) as here:
        here.watcher._leaving._publish = dies
        here.until(here.heard("nothing"))
    assert drop.files("in") == ["done/a.wav"]
    with watch(secret=True) as here:
        (message,) = here.messages
    assert json.loads(message.body)["type"] == "song.mastered"
    with watch(secret=True) as here:
        assert here.messages == []


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (("--webhook", "https://example.org/"), "a webhook needs a secret"),
        (("--webhook", "https://127.0.0.1/"), "127.0.0.1 is no public address"),
        (("--webhook-secret-file", "/nowhere"), "the webhook's secret cannot be read"),
    ],
)
def test_what_is_typed_is_refused_at_once(drop: Drop, typed: tuple[str, ...], why: str) -> None:
    process = drop.start("--once", *typed, **{VARIABLE: ""})
    text = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 2
    assert why in text


def test_killed_while_nobody_answers(drop: Drop) -> None:
    """As people run it: the receiver is down, the watcher is killed, the next one tells everything."""
    away = Receiver()
    server = serve(away)
    server.shutdown()
    server.server_close()  # its port is free, and nobody listens
    secret = drop.root / "secret"
    secret.write_text(SECRET)
    typed = ("--webhook", away.url, "--webhook-secret-file", str(secret), "--webhook-allow-private")
    drop.song("a.wav", 1)
    drop.song("b.wav", 2)
    process = drop.start(*typed)
    until(lambda: drop.files("in") == ["done/a.wav", "done/b.wav"])
    until(lambda: any((drop.root / "jobs/webhooks").glob("*.sqlite")))
    process.send_signal(signal.SIGKILL)
    text = process.communicate(timeout=10)[1].decode()
    process = drop.start(*typed)
    server = serve(away)
    try:
        until(lambda: len(set(away.ids())) == 2, timeout_s=45.0)
    finally:
        process.send_signal(signal.SIGTERM)
        text += process.communicate(timeout=30)[1].decode()
        server.shutdown()
        server.server_close()
    documents = [standardwebhooks.Webhook(SECRET).verify(body, headers) for headers, body in away.got]
    assert {document["type"] for document in documents} == {"song.mastered"}
    assert counted(events(text))["webhook_sent"] == 2
    assert "hidden" not in text
    assert SECRET not in text


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[list[str]]]:
    """Stands for a desktop: a notify-send on PATH that writes down what it was given."""
    folder, shown = tmp_path / "bin", tmp_path / "shown.jsonl"
    folder.mkdir()
    program = folder / "notify-send"
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        f"open({str(shown)!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\nsys.exit(1)\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return lambda: [json.loads(line) for line in shown.read_text().splitlines()] if shown.exists() else []


def test_notifications_are_summed_up(desktop: Callable[[], list[list[str]]]) -> None:
    told: list[str] = []
    with Notifier(lambda event, **_: told.append(event), quiet_s=0.3) as tell:
        for _ in range(20):
            tell("mastered", file="a.wav")
        tell("mastered", file="EP", songs=12)
        tell("taken", file="b.wav")
        until(lambda: len(desktop()) == 1)
        tell("failed", file="; rm -rf /")
    assert told == ["mastered"] * 21 + ["taken", "failed"]
    assert [shown[-2:] for shown in desktop()] == [
        ["Masters are ready", "32 mastered"],
        ["Some songs failed", "1 failed"],
    ]


def test_no_desktop_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    told: list[str] = []
    with Notifier(lambda event, **_: told.append(event)) as tell:
        tell("mastered", file="a.wav")
    assert told == ["notify_off", "mastered"]
    assert notification_command("a", "b") is None


def test_a_desktop_that_hangs_or_is_gone(
    desktop: Callable[[], list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Notifier(lambda event, **_: None, quiet_s=0.1) as tell:
        tell("mastered", file="a.wav")
        monkeypatch.setenv("PATH", "/nowhere")
    assert desktop() == []


def test_the_command_line_tells(
    drop: Drop, desktop: Callable[[], list[list[str]]], receiver: Receiver
) -> None:
    """--once ends when all is told; the secret may come from the environment."""
    drop.song("a.wav", 1)
    typed = ("--notify", "--webhook", receiver.url, "--webhook-allow-private")
    found = drop.once(*typed, **{VARIABLE: SECRET})
    assert [shown[-1] for shown in desktop()] == ["1 mastered"]
    ((headers, body),) = receiver.got
    assert standardwebhooks.Webhook(SECRET).verify(body, headers)["data"]["file"] == "a.wav"
    assert counted(found)["webhook_sent"] == 1
