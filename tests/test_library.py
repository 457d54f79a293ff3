"""The library: every shipped preset is sound, and the user's folder behaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mastering import library
from mastering.chain import EqBand, Equalizer, Limiter, MasteringChain
from mastering.codec import to_json
from mastering.errors import ParameterError, PresetError
from mastering.measure.features import THIRD_OCTAVES_HZ
from mastering.target import DeliverySpec, Recipe

SHIPPED = Path(__file__).resolve().parents[1] / "presets"
STYLES = ["balanced", "bright", "gentle", "loud", "open", "podcast", "punchy", "vinyl-premaster", "warm"]
TARGETS = {
    "spotify": (-14.0, -1.0, True),
    "spotify-loud": (-11.0, -2.0, True),
    "apple-music": (-16.0, -1.0, False),
    "youtube": (-14.0, -1.0, False),
    "tidal": (-14.0, -1.0, False),
    "amazon-music": (-14.0, -2.0, False),
    "deezer": (-15.0, -1.0, False),
    "ebu-r128": (-23.0, -1.0, True),
    "atsc-a85": (-24.0, -2.0, True),
    "aes-td1008-speech": (-18.0, -1.0, True),
    "aes-td1008-music": (-16.0, -1.0, True),
    "cd": (None, -0.3, True),
    "podcast": (-16.0, -1.0, True),
    "club": (-8.0, -1.0, False),
}
MUSIC = [name for name in STYLES if name != "podcast"]
CENTRES = np.array(THIRD_OCTAVES_HZ)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user's folder; the real one must not matter to a test."""
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def _put(folder: Path, kind: str, name: str, text: str) -> Path:
    file = folder / kind / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def _shipped_text(kind: str, name: str) -> str:
    return (SHIPPED / kind / f"{name}.toml").read_text(encoding="utf-8")


def test_the_shipped_styles_and_targets_are_all_there() -> None:
    assert [name for name in library.names("styles") if name in STYLES] == STYLES
    assert set(TARGETS) <= set(library.names("targets"))


def test_every_shipped_file_loads_and_is_listed() -> None:
    for kind in ("styles", "targets", "chains"):
        for entry in library.entries(kind):
            assert entry.error == ""
            assert entry.shipped
            assert entry.title
            assert entry.summary
            assert library.validate(entry.path) == kind


@pytest.mark.parametrize("name", STYLES)
def test_a_shipped_style_is_within_sane_bounds(name: str) -> None:
    style = library.load_style(name)
    levels = np.array(style.band_levels_db)
    assert style.name == name
    assert style.summary.endswith(".")
    assert "not measured by us" in style.source.lower()
    assert levels.size == 31
    assert np.all(levels * 2 == np.round(levels * 2)), "half decibels"
    assert np.abs(np.diff(levels)).max() <= 12.0
    assert min(style.tone_tolerance_db) >= 1.5
    assert -20.0 <= style.integrated_lufs <= -8.0
    assert style.ceiling_dbtp <= -1.0
    assert style.ceiling_dbtp - style.integrated_lufs <= style.plr_high_db + 4.0
    assert style.limits.max_boost_db <= 8.0
    assert style.limits.max_limiter_reduction_db <= 9.0


@pytest.mark.parametrize("name", MUSIC)
def test_music_styles_tilt_as_the_published_averages(name: str) -> None:
    # Pestana et al. 2013: about -5 dB/octave in density from 100 Hz to 4 kHz, -2 in third octaves.
    levels = np.array(library.load_style(name).band_levels_db)
    body = (CENTRES > 95.0) & (CENTRES < 4_100.0)
    assert -2.7 < np.polyfit(np.log2(CENTRES[body]), levels[body], 1)[0] < -1.4
    top = (CENTRES > 3_900.0) & (CENTRES < 13_000.0)
    assert -6.0 < np.polyfit(np.log2(CENTRES[top]), levels[top], 1)[0] < -3.5
    low = CENTRES < 45.0
    tolerance = np.array(library.load_style(name).tone_tolerance_db)
    assert np.all(levels[low] - tolerance[low] <= -30.0), "music without sub-bass is left without"
    assert np.all(levels[low] + tolerance[low] <= levels.max() + 4.0), "and too much of it is not"
    assert 45.0 < CENTRES[np.argmax(levels)] < 170.0


@pytest.mark.parametrize("name", MUSIC)
def test_low_bands_may_be_mono_but_not_wide(name: str) -> None:
    style = library.load_style(name)
    low = CENTRES < 70.0
    goal, tolerance = np.array(style.side_to_mid_db)[low], np.array(style.side_tolerance_db)[low]
    assert np.all(goal - tolerance <= -60.0)
    assert np.all(goal + tolerance <= -12.0)


def test_styles_differ_as_their_names_say() -> None:
    balanced, warm, bright = (
        np.array(style.band_levels_db) + np.array(style.voicing_db)
        for style in map(library.load_style, ("balanced", "warm", "bright"))
    )
    top, low_mid = CENTRES > 7_000.0, (CENTRES > 120.0) & (CENTRES < 320.0)
    assert np.all(warm[top] < balanced[top])
    assert np.all(warm[low_mid] > balanced[low_mid])
    assert np.all(bright[top] > balanced[top])
    assert np.all(bright[low_mid] < balanced[low_mid])
    by_name = {name: library.load_style(name) for name in STYLES}
    assert by_name["loud"].integrated_lufs == max(style.integrated_lufs for style in by_name.values())
    assert by_name["loud"].plr_high_db < by_name["balanced"].plr_high_db < by_name["open"].plr_high_db
    assert by_name["gentle"].limits.max_boost_db == min(s.limits.max_boost_db for s in by_name.values())
    assert by_name["vinyl-premaster"].mono_below_hz == 150.0
    assert by_name["podcast"].high_pass_hz == 70.0


@pytest.mark.parametrize(("name", "wanted"), TARGETS.items())
def test_a_shipped_target_has_its_numbers(name: str, wanted: tuple[float | None, float, bool]) -> None:
    target = library.load_target(name)
    assert target.name == name
    assert (target.delivery.integrated_lufs, target.delivery.ceiling_dbtp, target.official) == wanted
    assert "2026-11" in target.note
    assert target.source


def test_formats_that_standards_fix() -> None:
    cd = library.load_target("cd").delivery
    assert (cd.sample_rate, cd.bit_depth) == (44_100, 16)
    assert library.load_target("ebu-r128").delivery.tolerance_lu == 0.5
    assert library.load_target("atsc-a85").delivery.tolerance_lu == 2.0


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(PresetError, match=r"no style named 'balancd'; did you mean 'balanced'\?") as caught:
        library.load_style("balancd")
    assert all(name in caught.value.hint for name in STYLES)
    with pytest.raises(PresetError, match=r"did you mean 'spotify'\?"):
        library.load_target("Spotify")


def test_a_name_of_the_wrong_kind_is_recognised() -> None:
    with pytest.raises(PresetError, match="no style named 'spotify'") as caught:
        library.load_style("spotify")
    assert "'spotify' is a target." in caught.value.hint


def test_the_environment_names_the_users_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library.user_folder() == folder
    monkeypatch.delenv(library.FOLDER_VARIABLE)
    assert library.user_folder().parts[-1] == "presets"
    assert "tonmeister" in str(library.user_folder())


def test_a_missing_users_folder_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.FOLDER_VARIABLE, str(folder / "nowhere"))
    assert library.names("styles") == STYLES
    with pytest.raises(PresetError, match="no chain named 'mine'"):
        library.load_chain("mine")


def test_a_users_style_is_found_by_name_and_by_path(folder: Path) -> None:
    text = _shipped_text("styles", "warm").replace('name = "warm"', 'name = "mine"')
    file = _put(folder, "styles", "mine.toml", text)
    assert "mine" in library.names("styles")
    assert library.load_style("mine") == library.load_style(file) == library.load_style(str(file))
    entry = next(entry for entry in library.entries("styles") if entry.name == "mine")
    assert not entry.shipped
    assert not entry.shadows
    assert entry.path == str(file)


def test_a_users_file_shadows_the_shipped_one(folder: Path) -> None:
    text = _shipped_text("targets", "spotify").replace("= -14.0", "= -12.5")
    _put(folder, "targets", "spotify.toml", text)
    assert library.load_target("spotify").delivery.integrated_lufs == -12.5
    entry = next(entry for entry in library.entries("targets") if entry.name == "spotify")
    assert entry.shadows
    assert not entry.shipped
    assert library.names("targets").count("spotify") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not a TOML document"),
        ('name = "broken"', "'title' is missing from Style"),
        ("max_bost_db = 3.0", "unknown key 'max_bost_db'"),
    ],
)
def test_a_broken_file_is_listed_and_hides_nothing(folder: Path, text: str, message: str) -> None:
    _put(folder, "styles", "broken.toml", text)
    listed = {entry.name: entry for entry in library.entries("styles")}
    assert message in listed["broken"].error
    assert sorted(listed) == sorted([*STYLES, "broken"])
    assert all(listed[name].error == "" for name in STYLES)
    with pytest.raises(PresetError, match=message):
        library.load_style("broken")
    assert library.load_style("warm").name == "warm"


def test_a_broken_file_is_not_replaced_by_the_shipped_one(folder: Path) -> None:
    _put(folder, "styles", "warm.toml", "???")
    with pytest.raises(PresetError, match="not a TOML document"):
        library.load_style("warm")


def test_an_unknown_key_is_refused_with_the_nearest(folder: Path) -> None:
    text = _shipped_text("styles", "warm")
    file = _put(folder, "styles", "odd.toml", text.replace("max_boost_db", "max_bost_db"))
    with pytest.raises(PresetError, match=r"unknown key 'max_bost_db', did you mean 'max_boost_db'\?"):
        library.load_style(file)
    file = _put(folder, "styles", "odd.toml", text.replace("plr_high_db", "plr_hi_db"))
    with pytest.raises(PresetError, match=r"unknown key 'plr_hi_db', did you mean 'plr_high_db'\?"):
        library.validate(file)


def test_a_number_out_of_range_names_the_file(folder: Path) -> None:
    text = _shipped_text("styles", "warm").replace("max_boost_db = 6.0", "max_boost_db = 60.0")
    file = _put(folder, "styles", "warm.toml", text)
    with pytest.raises(ParameterError, match=r"warm.toml.*Limits.max_boost_db=60.0: allowed 0..24 dB"):
        library.load_style(file)


def test_a_name_that_is_not_the_files_is_refused(folder: Path) -> None:
    _put(folder, "styles", "copy.toml", _shipped_text("styles", "warm"))
    with pytest.raises(PresetError, match="its name is 'warm': it must be that of the file, 'copy'"):
        library.load_style("copy")


def test_chains_and_recipes_load_as_chains(folder: Path) -> None:
    chain = MasteringChain(
        name="mine",
        steps=(Equalizer(mid=(EqBand(frequency_hz=100.0, gain_db=1.5),)),),
        limiter=Limiter(ceiling_dbtp=-2.0),
    )
    _put(folder, "chains", "mine.json", to_json(chain))
    _put(folder, "chains", "recipe.json", to_json(Recipe(chain=chain, delivery=DeliverySpec())))
    assert library.load_chain("mine") == chain
    assert library.load_chain("recipe") == chain
    assert library.validate(folder / "chains" / "recipe.json") == "chains"
    entry = next(entry for entry in library.entries("chains") if entry.name == "mine")
    assert (entry.title, entry.summary) == ("mine", "equalizer, limiter")


@pytest.mark.parametrize(
    "text", ["{", "[1, 2]", "{}", json.dumps({"chain": 3, "delivery": {}}), '{"stepps": []}']
)
def test_json_that_is_no_chain_is_refused_or_empty(folder: Path, text: str) -> None:
    file = _put(folder, "chains", "odd.json", text)
    if text == "{}":
        assert library.load_chain(file) == MasteringChain()
    else:
        with pytest.raises(PresetError, match=r"odd\.json"):
            library.load_chain(file)


def test_validate_tells_kinds_by_content_outside_the_folders(folder: Path) -> None:
    for kind, name in (("styles", "open"), ("targets", "cd")):
        copy = folder / f"{name}.toml"
        shutil.copy(SHIPPED / kind / f"{name}.toml", copy)
        assert library.validate(copy) == kind
    (folder / "neither.toml").write_text("a = 1\n")
    with pytest.raises(PresetError, match=r"neither a style .* nor a target"):
        library.validate(folder / "neither.toml")
    with pytest.raises(PresetError, match="a preset ends in"):
        library.validate(folder / "song.wav")


def test_reference_limits_are_shipped_and_the_users_own_go_first(folder: Path) -> None:
    shipped = library.reference_limits()
    assert shipped.max_boost_db > 0.0
    file = _put(folder, "limits", "reference.toml", "max_boost_db = 1.5\n")
    assert library.reference_limits().max_boost_db == 1.5
    file.write_text("max_bost_db = 1.5\n")
    with pytest.raises(PresetError, match=r"did you mean 'max_boost_db'\?"):
        library.reference_limits()


def test_unreadable_files_say_so(folder: Path) -> None:
    with pytest.raises(PresetError, match=r"absent\.toml: cannot be read"):
        library.load_style(folder / "absent.toml")
    with pytest.raises(PresetError, match="cannot be read"):
        library.load_style(folder)
    file = folder / "latin.toml"
    file.write_bytes('title = "Grün"'.encode("latin-1"))
    with pytest.raises(PresetError, match="not a text file in UTF-8"):
        library.load_style(file)


def test_a_byte_order_mark_and_hidden_files_do_no_harm(folder: Path) -> None:
    text = _shipped_text("styles", "warm").replace('name = "warm"', 'name = "mark"')
    _put(folder, "styles", "mark.toml", "\ufeff" + text)
    _put(folder, "styles", "._warm.toml", "junk")
    assert library.load_style("mark").name == "mark"
    assert library.names("styles") == sorted([*STYLES, "mark"])
