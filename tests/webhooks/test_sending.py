"""Signing, recording and sending, against real servers on loopback."""

from __future__ import annotations

import json
import os
import signal
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import trustme

from mastering.errors import EnvironmentProblem, ParameterError
from mastering.webhooks.message import Message, new_message
from mastering.webhooks.outbox import Outbox
from mastering.webhooks.post import Patience
from mastering.webhooks.sender import Persistence, Sender
from mastering.webhooks.signing import VARIABLE, Secret, given_secret
from tests.webhooks.conftest import SECRET, Receiver, serve, until

_SOON = Persistence(attempts=4, wait_s=0.05, factor=1.5, longest_wait_s=10.0)
_SHORT = Patience(connect_s=0.5, silence_s=0.3, whole_s=0.6)


def _message(url: str, number: int = 0) -> Message:
    return new_message(url, "song.mastered", {"file": f"song {number}.wav"})


def _sending(
    folder: Path, told: list[dict[str, Any]] | None = None, **changes: Any
) -> AbstractContextManager[tuple[Sender, Outbox]]:
    def tell(event: str, /, **fields: Any) -> None:
        if told is not None:
            told.append({"event": event, **fields})

    @contextmanager
    def opened() -> Any:
        settings: dict[str, Any] = {
            "allow_private": True,
            "persistence": _SOON,
            "patience": _SHORT,
            **changes,
        }
        with (
            Outbox(folder / "hooks.sqlite") as outbox,
            Sender(outbox, Secret(SECRET), tell=tell, **settings) as sender,
        ):
            yield sender, outbox

    return opened()


def test_the_specifications_own_example() -> None:
    """From the Standard Webhooks libraries' tests."""
    headers = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("text", ["", " ", "short", "whsec_", "whsec_AAAA", "A" * 200, "%" * 44])
def test_secrets_that_are_none(text: str) -> None:
    with pytest.raises(ParameterError, match="the webhook's secret") as caught:
        Secret(text)
    assert text.strip() == "" or text not in caught.value.message
    assert "secrets.token_bytes" in caught.value.hint


def test_where_a_secret_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    one = given_secret(file, {VARIABLE: "whatever"})
    other = given_secret(None, {VARIABLE: SECRET.removeprefix("whsec_")})
    assert one is not None
    assert other is not None
    assert one.headers("m", 1, b"") == other.headers("m", 1, b"")
    assert given_secret(None, {}) is None
    assert SECRET not in repr(one)
    with pytest.raises(ParameterError, match="cannot be read"):
        given_secret(tmp_path / "nothing", {})


def test_a_message_arrives_signed(tmp_path: Path, receiver: Receiver) -> None:
    told: list[dict[str, Any]] = []
    message = _message(receiver.url)
    with _sending(tmp_path, told) as (sender, outbox):
        sender.publish(message)
        receiver.wait_for(1)
        until(lambda: outbox.count("sent") == 1)
        sender.publish(message)  # recorded again after a crash: known
        assert sender.flush(5.0) == 0
    ((headers, body),) = receiver.got
    document = standardwebhooks.Webhook(SECRET).verify(body, headers)
    assert document == json.loads(message.body)
    assert (document["id"], document["type"]) == (headers["webhook-id"], "song.mastered")
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(body + b" ", headers)
    assert [event["event"] for event in told] == ["webhook_sent"]
    assert "hidden" not in json.dumps(told)
    assert stat.S_IMODE((tmp_path / "hooks.sqlite").stat().st_mode) == 0o600


def test_two_secrets_while_one_takes_the_others_place() -> None:
    other = "whsec_" + "A" * 43 + "="
    headers = Secret(f"{other} {SECRET}").headers("msg_1", int(time.time()), b"{}")
    for one in (SECRET, other):
        assert standardwebhooks.Webhook(one).verify(b"{}", headers) == {}


@pytest.mark.parametrize("statuses", [[500, 503], [302, 404], [0], [429]])
def test_it_is_tried_again(tmp_path: Path, receiver: Receiver, statuses: list[int]) -> None:
    receiver.statuses = list(statuses)
    receiver.headers = {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}
    told: list[dict[str, Any]] = []
    with _sending(tmp_path, told) as (sender, outbox):
        sender.publish(_message(receiver.url))
        until(lambda: outbox.count("sent") == 1)
    assert len(set(receiver.ids())) == 1
    assert [event["event"] for event in told] == ["webhook_retried"] * len(statuses) + ["webhook_sent"]
    assert len(receiver.got) == len(statuses) + 1  # no redirect was followed


def test_it_is_given_up_in_the_end(tmp_path: Path, receiver: Receiver) -> None:
    receiver.statuses = [500] * 9
    told: list[dict[str, Any]] = []
    with _sending(tmp_path, told) as (sender, outbox):
        sender.publish(_message(receiver.url))
        until(lambda: outbox.count("dead") == 1)
    assert len(receiver.got) == _SOON.attempts
    assert told[-1]["event"] == "webhook_dead"
    assert told[-1]["message"] == "it answered with status 500"
    receiver.statuses = [410]
    with _sending(tmp_path, told) as (sender, outbox):
        sender.publish(_message(receiver.url))
        until(lambda: outbox.count("dead") == 2)
    assert len(receiver.got) == _SOON.attempts + 1


def test_an_answer_that_never_ends(tmp_path: Path, receiver: Receiver) -> None:
    receiver.drip_s = 0.05
    told: list[dict[str, Any]] = []
    with _sending(tmp_path, told, persistence=Persistence(attempts=1)) as (sender, outbox):
        started_s = time.monotonic()
        sender.publish(_message(receiver.url))
        until(lambda: outbox.count("dead") == 1)
        assert time.monotonic() - started_s < 4.0


def test_one_that_is_not_there_holds_nobody_up(tmp_path: Path, receiver: Receiver) -> None:
    """All that is due to one silent receiver is one try's worth of waiting."""
    silent = Receiver(statuses=[0] * 100)
    server = serve(silent)
    told: list[dict[str, Any]] = []
    with Outbox(tmp_path / "hooks.sqlite") as outbox:
        for number in range(20):
            outbox.put(_message(silent.url, number))
        outbox.put(_message(receiver.url))
    with _sending(tmp_path, told, persistence=Persistence(wait_s=60.0)):
        receiver.wait_for(1)
        assert not any(event["event"] == "webhook_retried" for event in told)
        until(lambda: len(told) == 21)
    server.shutdown()
    server.server_close()
    assert len(silent.got) == 1
    assert sorted(event["event"] for event in told) == ["webhook_retried"] * 20 + ["webhook_sent"]


def _slow(delay_s: float, statuses: Sequence[int] = ()) -> Receiver:
    slow = Receiver(delay_s=delay_s, statuses=list(statuses))
    serve(slow)
    return slow


_CALM = Patience(connect_s=2.0, silence_s=10.0, whole_s=10.0)


def test_one_that_is_slow_holds_nobody_up(tmp_path: Path, receiver: Receiver) -> None:
    slow = _slow(0.4)
    with Outbox(tmp_path / "hooks.sqlite") as outbox:
        for number in range(10):
            outbox.put(_message(slow.url, number))
    with _sending(tmp_path, patience=_CALM) as (sender, outbox):
        until(lambda: len(slow.got) == 1)
        for number in range(5):
            sender.publish(_message(receiver.url, number))
        receiver.wait_for(5)
        assert len(slow.got) < 5, "the fast one waited for the slow one"
        slow.wait_for(10)
    for one in (slow, receiver):
        files = [json.loads(body)["data"]["file"] for _, body in one.got]
        assert files == [f"song {number}.wav" for number in range(len(files))]


def test_eight_slow_ones_with_much_to_hear_starve_nobody(tmp_path: Path, receiver: Receiver) -> None:
    slow = [_slow(0.02) for _ in range(8)]
    with Outbox(tmp_path / "hooks.sqlite") as outbox:
        for number in range(100):
            for one in slow:
                outbox.put(_message(one.url, number))
        outbox.put(_message(receiver.url))
    with _sending(tmp_path, patience=_CALM):
        receiver.wait_for(1)
        assert max(len(one.got) for one in slow) < 45, "two rounds at most"


def test_a_thousand_to_one_hide_nobody(tmp_path: Path, receiver: Receiver) -> None:
    slow = _slow(0.05)
    with Outbox(tmp_path / "hooks.sqlite") as outbox:
        for number in range(1_100):
            outbox.put(_message(slow.url, number))
        outbox.put(_message(receiver.url))
    with _sending(tmp_path, patience=_CALM):
        receiver.wait_for(1)
        assert len(slow.got) < 20


@pytest.mark.parametrize("url", ["https://hook.test/", "http://127.0.0.1/"])
def test_nobody_is_sent_inside(tmp_path: Path, url: str) -> None:
    told: list[dict[str, Any]] = []
    inside: Callable[[str, int], Sequence[str]] = lambda host, port: ["10.0.0.1"]  # noqa: E731
    with _sending(tmp_path, told, allow_private=False, resolver=inside) as (sender, outbox):
        sender.publish(_message(url))
        until(lambda: outbox.count("dead") == 1)
    assert [event["event"] for event in told] == ["webhook_dead"]


class _Rebinding:
    """A name that leads to one address when it is checked and to another one a moment later."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return [self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]]


def test_a_name_that_changes_its_mind(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is looked up once, and the address that was checked is the one that is connected to."""
    from mastering.webhooks import sender as module

    posted: list[Sequence[str]] = []

    def post(target: Any, addresses: Sequence[str], *_: Any, **__: Any) -> Any:
        posted.append(addresses)
        raise module.Unreachable("only the addresses matter")

    monkeypatch.setattr(module, "post", post)
    names = _Rebinding("1.1.1.1", "127.0.0.1")
    told: list[dict[str, Any]] = []
    with _sending(tmp_path, told, allow_private=False, resolver=names) as (sender, outbox):
        sender.publish(_message(f"https://hook.test:{receiver.port}/"))
        until(lambda: outbox.count("dead") == 1)
    assert posted == [["1.1.1.1"]]
    assert names.asked == 2  # once for each try: the second one was refused
    assert "127.0.0.1, which is no public address" in told[-1]["message"]
    assert receiver.got == []


def test_the_certificate_must_be_the_names(tmp_path: Path) -> None:
    """Connected to by address, known by name: a certificate of another name, or of nobody, is refused."""
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hook.test").configure_cert(server_side)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    receiver = Receiver()
    server = serve(receiver, server_side)
    told: list[dict[str, Any]] = []
    names: dict[str, Any] = {"resolver": lambda host, port: ["127.0.0.1"]}
    try:
        with _sending(tmp_path, told, context=trusting, **names) as (sender, outbox):
            sender.publish(_message(f"https://hook.test:{receiver.port}/"))
            until(lambda: outbox.count("sent") == 1)
            assert receiver.got[0][0]["host"] == f"hook.test:{receiver.port}"
            sender.publish(_message(f"https://other.test:{receiver.port}/"))
            until(lambda: any(event["event"] == "webhook_retried" for event in told))
        with _sending(tmp_path, told, persistence=Persistence(attempts=1), **names) as (sender, outbox):
            sender.publish(_message(f"https://hook.test:{receiver.port}/"))
            until(lambda: outbox.count("dead") >= 1)
    finally:
        server.shutdown()
        server.server_close()
    assert len(receiver.got) == 1
    assert {event["message"] for event in told if "message" in event} == {"its certificate is not valid"}


def test_waits_grow_and_spread() -> None:
    persistence = Persistence()
    waits = [persistence.wait_after_s(attempts, 0.5) for attempts in range(1, 12)]
    assert waits[:3] == [5.0, 20.0, 80.0]
    assert waits == sorted(waits)
    assert waits[-1] == 4 * 3_600.0
    assert 20 * 3_600.0 < sum(waits) < 30 * 3_600.0
    assert {persistence.wait_after_s(1, share) for share in (0.0, 1.0)} == {3.75, 6.25}


def test_a_clock_that_jumps_back(tmp_path: Path) -> None:
    with Outbox(tmp_path / "hooks.sqlite") as outbox:
        message = _message("https://hook.test/")
        outbox.put(message)
        now_s = time.time()
        outbox.again(message.id, now_s + 60.0, "later")
        assert outbox.due(now_s, horizon_s=3_600.0) == []
        assert [one.message for one in outbox.due(now_s - 86_400.0, horizon_s=3_600.0)] == [message]
        with pytest.raises(EnvironmentProblem, match="the outbox of webhooks cannot be opened"):
            Outbox(tmp_path / "hooks.sqlite")


_PUBLISHER = """
import sys
import time
from pathlib import Path
from mastering.webhooks.message import new_message
from mastering.webhooks.outbox import Outbox
from mastering.webhooks.sender import Persistence, Sender
from mastering.webhooks.signing import Secret
persistence = Persistence(attempts=100, wait_s=0.05, factor=1.0)
with Outbox(Path(sys.argv[1])) as outbox, Sender(
    outbox, Secret(sys.argv[3]), allow_private=True, tell=lambda *_, **__: None, persistence=persistence
) as sender:
    for number in range(int(sys.argv[4])):
        message = new_message(sys.argv[2], "song.mastered", {"number": number})
        sender.publish(message)
        print(message.id, flush=True)
    end_s = time.monotonic() + float(sys.argv[5])
    while outbox.count() and time.monotonic() < end_s:
        time.sleep(0.02)
"""


def _publish(folder: Path, url: str, count: int, wait_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _PUBLISHER, str(folder / "hooks.sqlite"), url, SECRET]
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), root]))
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen(
        [*command, str(count), str(wait_s)], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_nothing_is_lost_when_the_sender_is_killed(tmp_path: Path) -> None:
    """Killed while it sends to a receiver that fails every other time."""
    receiver = Receiver(statuses=[500, 200] * 500)
    server = serve(receiver)
    published: list[str] = []
    for _ in range(3):
        process = _publish(tmp_path, receiver.url, 10, 30.0)
        seen = len(receiver.got)
        until(lambda seen=seen: len(receiver.got) >= seen + 6)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        published += process.communicate(timeout=10)[0].split()
    process = _publish(tmp_path, receiver.url, 0, 20.0)
    process.communicate(timeout=30)
    with Outbox(tmp_path / "hooks.sqlite") as outbox:
        assert outbox.count() == 0
    server.shutdown()
    server.server_close()
    assert set(published) <= set(receiver.ids())
    for headers, body in receiver.got:
        standardwebhooks.Webhook(SECRET).verify(body, headers)
