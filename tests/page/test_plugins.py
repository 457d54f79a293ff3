"""Plug-ins in the chain: allowed, inserted, set and heard, moved, undone, rendered, named in the recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mastering.codec import to_json
from mastering.host.plugins import catalog, policy
from mastering.host.plugins.catalog import Catalog
from mastering.host.plugins.policy import Policy
from mastering.host.plugins.scan import scan
from mastering.host.plugins.values import WorkerLimits
from tests.page.desk import Desk
from tests.page.ears import find, sound
from tests.page.music import LONG_S
from tests.page.server import Server
from tests.page.test_adjusting import air_db, wait_for

_BUNDLE = Path("/usr/lib/vst3/ZamEQ2.vst3")


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a machine that has one plug-in, which nobody has allowed yet."""
    if not _BUNDLE.is_dir():
        pytest.skip(f"{_BUNDLE} is not there: install the package zam-plugins")
    folder = tmp_path_factory.mktemp("hosting")
    found = scan([_BUNDLE], Catalog(), Policy(folders=(str(_BUNDLE.parent),)), WorkerLimits(load_s=60.0))
    (folder / "catalog.json").write_text(to_json(Catalog().with_bundles(found)), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(catalog.FILE_VARIABLE, str(folder / "catalog.json"))
        patch.setenv(policy.FILE_VARIABLE, str(folder / "policy.json"))
        with Server(folder) as running:
            yield running


def test_a_plug_in_is_inserted_heard_and_rendered(
    open_desk: Callable[..., Desk], hosting: Server, music: Path
) -> None:
    mastered = hosting.run({"kind": "master", "song": hosting.upload(music / "long.wav")})
    desk = open_desk(f"#/job/{mastered}", at=hosting, ears=True)
    desk.wait_for_desk()
    page = desk.page
    page.locator("summary", has_text="The whole chain").click()
    page.get_by_text("No plug-in may be used yet. Allow some below.").wait_for()
    page.get_by_text("Which plug-ins may be used").click()
    page.get_by_role("checkbox", name="ZamEQ2").check()
    page.get_by_role("button", name="Insert", exact=True).click()
    boost = page.get_by_label("Boost/Cut H in dB")
    boost.wait_for()
    wait_for(page, "You hear it adjusted")  # with the plug-in, which does nothing yet
    page.keyboard.press("2")
    page.get_by_role("button", name="Play", exact=True).click()
    plain, _, rate = desk.listen(1.5)

    with page.expect_response("**/previews") as asked:
        boost.fill("9")
        boost.press("Enter")
    assert asked.value.request.post_data_json["adjust"] == {
        "inserts": [
            {
                "plugin": "ZamEQ2",
                "at": "post",
                "mix_percent": 100,
                "part": "whole",
                "parameters": {"boost_cut_h": 9},
                "bypass": False,
            }
        ]
    }
    wait_for(page, "You hear it adjusted")
    page.wait_for_timeout(400)
    heard, _, _ = desk.listen(1.5)
    wish = {**asked.value.request.post_data_json, "start_s": 0, "duration_s": LONG_S}
    end = heard[:, -rate // 2 :]
    find(end, sound(hosting, "/previews", wish))  # what sounds is the service's preview
    assert air_db(end, rate) > air_db(plain[:, -rate // 2 :], rate) + 2.0, "and it is another sound"

    page.keyboard.press("Control+z")
    page.wait_for_function("() => !document.querySelector('.plugin .reset:not(:disabled)')")
    page.keyboard.press("Control+Shift+z")
    assert boost.input_value() == "+9.0"
    page.get_by_role("button", name="Earlier: ZamEQ2").click()
    assert page.evaluate("document.activeElement.textContent") == "Earlier", "the focus goes along"
    assert page.get_by_label("Place").input_value() == "after:width"
    page.get_by_role("button", name="Later: ZamEQ2").click()
    page.get_by_role("button", name="Remove ZamEQ2").click()
    assert page.locator(".plugin").count() == 0
    assert page.evaluate("document.activeElement.id") == "insert-plugin"
    page.keyboard.press("Control+z")
    page.get_by_role("button", name="Render this version").click()
    page.wait_for_function("(old) => !location.hash.includes(old)", arg=mastered)
    desk.wait_for_desk()

    made = page.evaluate("location.hash.split('/')[2]")
    (step,) = (
        one for one in hosting.ask(f"/jobs/{made}/recipe")["chain"]["steps"] if one["kind"] == "external"
    )
    assert (step["plugin"]["name"], step["parameters"]) == ("ZamEQ2", {"boost_cut_h": 9.0})
    page.locator("summary", has_text="The whole chain").click()
    assert boost.input_value() == "+9.0", "the version that was rendered goes on from there"
    page.get_by_role("button", name="ZamEQ2 on").click()
    wait_for(page, "You hear it adjusted")
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(400)
    without, _, _ = desk.listen(1.5)
    assert air_db(without[:, -rate // 2 :], rate) < air_db(end, rate) - 2.0, "off it is not to be heard"


def test_who_may_not_allow_reads_who_may(open_desk: Callable[..., Desk], mastered: str) -> None:
    desk = open_desk()
    desk.page.route(
        "**/api/v1/about", lambda route: route.fulfill(json={**route.fetch().json(), "role": "submit"})
    )
    one = {"name": "Squash", "vendor": "Test", "version": "1", "format": "vst3", "category": "Fx"}
    listed = {"items": [{**one, "instrument": False, "sha256": "0", "allowed": False}], "allowed": False}
    desk.page.route("**/api/v1/plugins", lambda route: route.fulfill(json=listed))
    desk.page.goto(f"{desk.server.url}/#/job/{mastered}")
    desk.page.reload()
    desk.wait_for_desk()
    desk.page.locator("summary", has_text="The whole chain").click()
    desk.page.get_by_text("signed in with an admin key").wait_for()
    assert desk.page.get_by_text("Which plug-ins may be used").count() == 0
