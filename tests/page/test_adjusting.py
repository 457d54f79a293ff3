"""Adjusting: what is moved is heard from the playhead on, undone it is gone, and rendered it stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.page.desk import Desk
from tests.page.ears import Samples, continuous, find, sound
from tests.page.music import LONG_S
from tests.page.server import Server


def test_a_control_is_heard_while_the_music_goes_on_and_undone(
    open_desk: Callable[..., Desk], server: Server, mastered_long: str
) -> None:
    desk = open_desk(f"#/job/{mastered_long}", ears=True)
    desk.wait_for_desk()
    page = desk.page
    page.keyboard.press("2")
    desk.play()
    plain, _, rate = desk.listen(1.1)

    def more_air() -> None:
        page.get_by_label("Air in dB").fill("6")
        page.get_by_label("Air in dB").press("Enter")
        wait_for(page, "You hear it adjusted")

    during, frames, _ = desk.listen(3.2, meanwhile=more_air)
    assert continuous(frames), "the clock is continuous"
    assert loudness_of_parts(during).min() > 0.001, "the music goes on"
    adjusted = during[:, -rate:]  # two beats, of which a Hann window weighs any two the same
    assert air_db(adjusted, rate) > air_db(plain[:, -rate:], rate) + 2.5

    wish = {
        "job": mastered_long,
        "adjust": {"tone": [{"frequency_hz": 9000, "q": 0.707, "shape": "high_shelf", "gain_db": 6}]},
    }
    preview = sound(server, "/previews", {**wish, "start_s": 0, "duration_s": LONG_S})
    job = server.ask(f"/jobs/{mastered_long}")
    name = next(one["name"] for one in job["results"] if one["role"] == "master")
    master = sound(server, f"/jobs/{mastered_long}/results/{name}/listen")
    early = during[:, : rate // 4]
    ahead = during.shape[1] - adjusted.shape[1]
    assert find(adjusted, preview)[0] - find(early, master)[0] == ahead, "swapped at the same sample"

    page.keyboard.press("Control+z")
    wait_for(page, "You hear the master as it was rendered")
    page.wait_for_timeout(300)
    back, _, _ = desk.listen(1.0)
    find(back[:, -rate // 2 :], master)  # the former, sample by sample
    page.keyboard.press("Control+Shift+z")
    assert page.get_by_label("Air in dB").input_value() == "+6.0"


def test_an_adjusted_version_is_rendered_and_remembered(
    open_desk: Callable[..., Desk], server: Server, mastered: str
) -> None:
    desk = open_desk(f"#/job/{mastered}")
    desk.wait_for_desk()
    page = desk.page
    page.get_by_label("Loudness in LUFS").fill("-18")
    page.get_by_label("Loudness in LUFS").press("Enter")
    page.reload()  # closing the page loses nothing
    desk.wait_for_desk()
    assert page.get_by_label("Loudness in LUFS").input_value() == "−18.0"
    page.get_by_role("button", name="Render this version").click()
    page.wait_for_function("(old) => !location.hash.includes(old)", arg=mastered)
    desk.wait_for_desk()
    made = server.ask(f"/jobs/{page.evaluate('location.hash').split('/')[2]}")
    assert made["kind"] == "apply"
    assert abs(made["summary"]["after"]["integrated_lufs"] + 18.0) < 0.3
    page.goto(f"{server.url}/#/job/{mastered}")
    desk.wait_for_desk()
    page.get_by_role("button", name="Reset all").click()
    wait_for(page, "You hear the master as it was rendered")
    assert page.get_by_role("button", name="Render this version").is_disabled()


def wait_for(page: Any, words: str) -> None:
    """Until the desk says so."""
    page.wait_for_function(
        "(words) => document.querySelector('.preview-status')?.textContent.startsWith(words)", arg=words
    )


def air_db(samples: Samples, rate: int) -> float:
    """Level above 9 kHz against that below 4 kHz."""
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.shape[1]))) ** 2
    hertz = np.fft.rfftfreq(samples.shape[1], 1.0 / rate)
    return float(10 * np.log10(power[:, hertz > 9_000].sum() / power[:, hertz < 4_000].sum()))


def loudness_of_parts(samples: Samples) -> Samples:
    """RMS of every 10 ms."""
    parts = samples[0, : samples.shape[1] // 441 * 441].reshape(-1, 441)
    return np.asarray(np.sqrt(np.mean(parts**2, axis=1)), np.float32)
