"""Failures as values, and signals whose exception was lost on the way."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mastering.cli.failures import describe, exit_code_of, sentence
from mastering.cli.progress import SilentBoard
from mastering.cli.runner import Collected, collect
from mastering.cli.signals import Interrupted, Interrupts
from mastering.errors import AudioFileError, EnvironmentProblem, ParameterError, PresetError


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (AudioFileError("x", code="not_audio"), "not_audio", 1),
        (ParameterError("x"), "parameter", 2),
        (PresetError("x"), "preset", 2),
        (EnvironmentProblem("x"), "environment", 3),
        (PermissionError(13, "Permission denied", "/x"), "environment", 3),
        (OSError("cannot load library"), "environment", 3),
        (ImportError("no module named numpy"), "environment", 3),
        (MemoryError(), "out_of_memory", 3),
        (KeyError("x"), "bug", 70),
    ],
)
def test_every_exception_means_something(error: Exception, code: str, exit_code: int) -> None:
    failure = describe(error)
    assert (failure.code, failure.exit_code) == (code, exit_code)
    assert failure.message
    assert type(error).__name__ in failure.trace


def test_exit_code_of_several() -> None:
    preset, audio = describe(PresetError("x")), describe(AudioFileError("x"))
    assert exit_code_of([]) == 0
    assert exit_code_of([preset, preset]) == 2
    assert exit_code_of([preset, audio]) == 1


def test_sentence_names_the_input_once() -> None:
    failure = describe(AudioFileError("a.wav: it is empty", hint="Export it again."))
    assert (
        sentence(failure, debug=False, where="a.wav: ")
        == "Error: a.wav: it is empty\n       Export it again."
    )
    assert sentence(failure, debug=False, where="b.wav: ").startswith("Error: b.wav: a.wav: it is empty")


@dataclass(frozen=True)
class Job:
    """Sends a signal to its own process and swallows the exception, as a C callback may."""

    label: str
    work: Callable[[Callable[[str, float], None]], str]

    def run(self, progress: Callable[[str, float], None]) -> str:
        return self.work(progress)


def swallow_signal(_progress: Callable[[str, float], None]) -> str:
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    return "finished"


def swallow_and_report(progress: Callable[[str, float], None]) -> str:
    swallow_signal(progress)
    progress("render", 0.5)
    raise AssertionError("progress raises")


def swallow_and_fail(progress: Callable[[str, float], None]) -> str:
    swallow_signal(progress)
    raise RuntimeError("a consequence of the interruption")


@pytest.mark.parametrize(
    ("work", "finished"), [(swallow_signal, ["a"]), (swallow_and_report, []), (swallow_and_fail, [])]
)
def test_a_lost_signal_still_ends_the_run(
    work: Callable[[Callable[[str, float], None]], str], finished: list[str]
) -> None:
    jobs = [Job("a", work), Job("b", lambda progress: "never")]
    with Interrupts() as interrupts:
        collected: Collected = collect(jobs, jobs=1, board=SilentBoard(), interrupts=interrupts)
    assert collected.interrupted is not None
    assert collected.interrupted.exit_code == 143
    assert [jobs[result.index].label for result in collected.results] == finished


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
