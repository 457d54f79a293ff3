"""Sends what is due, tries again with longer and longer waits, and gives up in the end.

Each receiver is sent to one message after the other, several receivers at a time: a slow one holds up nobody
else's messages.
"""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

from mastering.errors import ParameterError
from mastering.units import Range, check_ranges
from mastering.webhooks.message import Message
from mastering.webhooks.outbox import Outbox, Waiting
from mastering.webhooks.post import Answer, Patience, Unreachable, post
from mastering.webhooks.signing import Secret
from mastering.webhooks.target import Refused, Resolver, Target, addresses_of, target_of

__all__ = ["Persistence", "Sender", "Tell"]

_GONE = 410
_SENDERS = 8
_ROUND = 20
"""So many messages to a receiver, then it is the next one's turn."""

_IDLE_S = 60.0
_RESTLESS_S = 1.0
_STOP_S = 2.0


class Tell(Protocol):
    """Hears of what happens: "webhook_sent", "webhook_retried", "webhook_dead"."""

    def __call__(self, event: str, /, **fields: Any) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Persistence:
    """How often and for how long a message is tried; as it stands 12 times in about a day.

    Args:
        attempts: at most.
        wait_s: before the second; `factor` times as long before each further one.
        longest_wait_s: at most; each wait is drawn between 0.75 and 1.25 times its length.
    """

    attempts: Annotated[int, Range(1, 100)] = 12
    wait_s: Annotated[float, Range(0.01, 3_600.0, "s")] = 5.0
    factor: Annotated[float, Range(1.0, 10.0)] = 4.0
    longest_wait_s: Annotated[float, Range(0.01, 86_400.0, "s")] = 4 * 3_600.0

    def __post_init__(self) -> None:
        check_ranges(self)

    def wait_after_s(self, attempts: int, share: float) -> float:
        """How long to wait after so many tries; share 0..1 of the spread, drawn by the caller."""
        wait_s = min(self.longest_wait_s, self.wait_s * self.factor ** min(attempts - 1, 60))
        return wait_s * (0.75 + 0.5 * share)


class Sender:
    """Threads that empty an outbox. Use it as a context manager.

    Args:
        outbox: messages; what is left in it goes out first.
        secret: they are signed with.
        allow_private: send to addresses that are not public, too.
        tell: hears of each message that arrived, is tried again or is given up; called by any thread.
        persistence, patience: how long to go on, and to wait for one answer.
        resolver, context: instead of the system's names and certificates.
        draw: numbers from 0 to 1.
    """

    def __init__(
        self,
        outbox: Outbox,
        secret: Secret,
        *,
        allow_private: bool,
        tell: Tell,
        persistence: Persistence = Persistence(),
        patience: Patience = Patience(),
        resolver: Resolver | None = None,
        context: ssl.SSLContext | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._outbox, self._secret, self._allow_private = outbox, secret, allow_private
        self._tell, self._persistence, self._patience = tell, persistence, patience
        self._resolver, self._context, self._draw = resolver, context, draw
        self._changed = threading.Condition()
        self._stopping = self._news = False
        self._busy: set[str] = set()
        self._served: dict[str, float] = {}
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._busy, _STOP_S)  # what is under way then is sent again
        self._thread.join(_STOP_S)

    def publish(self, message: Message) -> None:
        """Record a message and send it soon."""
        self._outbox.put(message)
        self._wake()

    def flush(self, timeout_s: float) -> int:
        """Wait until what is due has been tried; gives how many messages wait."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while (self._busy or self._due()) and time.monotonic() < deadline_s:
                self._changed.wait(0.05)
        return self._outbox.count()

    def _wake(self) -> None:
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def _due(self) -> Sequence[Waiting]:
        horizon_s = 1.25 * self._persistence.longest_wait_s
        return self._outbox.due(time.time(), horizon_s=horizon_s, each=_ROUND)

    def _work(self) -> None:
        while not self._stopping:
            try:
                idle_s = self._hand_out()
            except Exception:  # a disk that is full has room again
                idle_s = _RESTLESS_S
            with self._changed:
                self._changed.wait_for(lambda: self._news or self._stopping, idle_s)
                self._news = False

    def _hand_out(self) -> float:
        """Begin to send what is due to receivers that are not being sent to; gives how long to wait then."""
        rounds: dict[str, list[Waiting]] = {}
        for waiting in self._due():
            rounds.setdefault(_receiver(waiting), []).append(waiting)
        self._served = {receiver: at_s for receiver, at_s in self._served.items() if receiver in rounds}
        for receiver in sorted(rounds, key=lambda one: self._served.get(one, 0.0)):
            if not self._stopping and receiver not in self._busy and len(self._busy) < _SENDERS:
                self._begin(receiver, rounds[receiver][:_ROUND])
        next_s = self._outbox.next_s()
        idle_s = _IDLE_S if next_s is None else next_s - time.time()
        return min(_IDLE_S, max(_RESTLESS_S if self._busy else 0.02, idle_s))

    def _begin(self, receiver: str, due: Sequence[Waiting]) -> None:
        self._busy.add(receiver)
        self._served[receiver] = time.monotonic()
        try:
            threading.Thread(target=self._send_round, args=(receiver, due), daemon=True).start()
        except RuntimeError:  # no more threads now
            self._busy.discard(receiver)
            raise

    def _send_round(self, receiver: str, due: Sequence[Waiting]) -> None:
        try:
            silent: dict[str, str] = {}
            for waiting in due:
                if self._stopping:
                    return
                self._send(waiting, silent)
        except Exception:  # the outbox cannot be written: it is sent again once it can
            time.sleep(_RESTLESS_S)
        finally:
            with self._changed:
                self._busy.discard(receiver)
            self._wake()

    def _send(self, waiting: Waiting, silent: dict[str, str]) -> None:
        """Try one message. `silent`: who has not answered in this round, and is not waited for again."""
        message = waiting.message
        origin = ""
        try:
            target = target_of(message.url, allow_private=self._allow_private)
            origin = target.origin
            if origin in silent:
                raise Unreachable(silent[origin])
            answer = self._post(target, message)
        except (ParameterError, Refused) as error:
            self._give_up(waiting, origin, getattr(error, "message", str(error)))
        except OSError as error:
            silent[origin] = f"its name cannot be looked up ({error.strerror or error})"
            self._again(waiting, origin, silent[origin])
        except Unreachable as error:
            silent[origin] = str(error)
            self._again(waiting, origin, str(error))
        else:
            self._heard(waiting, origin, answer)

    def _post(self, target: Target, message: Message) -> Answer:
        addresses = addresses_of(target, allow_private=self._allow_private, resolver=self._resolver)
        body = message.body.encode("ascii")
        headers = self._secret.headers(message.id, int(time.time()), body)
        return post(target, addresses, body, headers, patience=self._patience, context=self._context)

    def _heard(self, waiting: Waiting, origin: str, answer: Answer) -> None:
        if 200 <= answer.status < 300:
            self._outbox.sent(waiting.message.id)
            self._tell("webhook_sent", id=waiting.message.id, to=origin, attempts=waiting.attempts + 1)
        elif answer.status == _GONE:
            self._give_up(waiting, origin, "it wants no messages any more (status 410)")
        else:
            self._again(waiting, origin, f"it answered with status {answer.status}", answer.retry_after_s)

    def _again(self, waiting: Waiting, origin: str, reason: str, at_least_s: float | None = None) -> None:
        attempts = waiting.attempts + 1
        if attempts >= self._persistence.attempts:
            self._give_up(waiting, origin, reason)
            return
        wait_s = self._persistence.wait_after_s(attempts, self._draw())
        wait_s = min(max(wait_s, at_least_s or 0.0), self._persistence.longest_wait_s)
        self._outbox.again(waiting.message.id, time.time() + wait_s, reason)
        fields = {"id": waiting.message.id, "to": origin, "attempts": attempts, "message": reason}
        self._tell("webhook_retried", **fields, wait_s=round(wait_s, 1))

    def _give_up(self, waiting: Waiting, origin: str, reason: str) -> None:
        self._outbox.dead(waiting.message.id, reason)
        fields = {"id": waiting.message.id, "to": origin, "attempts": waiting.attempts + 1}
        self._tell("webhook_dead", **fields, message=reason)


def _receiver(waiting: Waiting) -> str:
    """Who a message goes to: the host of its address, whose messages keep their order."""
    return urlsplit(waiting.message.url).netloc.rpartition("@")[2].lower()
