"""The value of a remix: ranges, automation, documents, names."""

from __future__ import annotations

from pathlib import Path

import pytest

from mastering.chain import EqBand, Equalizer, MasteringChain, SeparatedBy
from mastering.codec import from_json, to_json
from mastering.errors import ParameterError, PresetError
from stems.remix.documents import load_automation, load_remix, remix_path
from stems.remix.values import Automation, Remix, StemRemix

FULL = Remix(
    stems={
        "vocals": StemRemix(
            gain_db=-3.0,
            pan=20.0,
            width_percent=120.0,
            delay_ms=-4.0,
            tempo_percent=98.0,
            semitones=2.0,
            chain=MasteringChain(steps=(Equalizer(mid=(EqBand(frequency_hz=300.0, gain_db=-2.0),)),)),
            automation=Automation(gain_db=((0.0, -6.0), (1.5, 0.0)), pan=((0.0, -100.0), (2.0, 100.0))),
        ),
        "drums": StemRemix(mute=True),
    },
    tempo_percent=95.0,
    semitones=-1.0,
    keep_loudness=True,
    separator=SeparatedBy(model="draft", label="draft", sha256=("ab",), settings={"overlap": 0.25}),
    input_sha256="cd",
)


def test_a_remix_comes_back_from_its_document() -> None:
    assert from_json(Remix, to_json(FULL), "remix.json") == FULL


def test_a_short_document_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.remix.json"
    path.write_text('{"stems": {"vocals": {"mute": true}}}')
    assert load_remix(path) == Remix(stems={"vocals": StemRemix(mute=True)})
    assert remix_path(tmp_path / "a.wav") == path


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ('{"stems": {"vocals": {"gian_db": -3}}}', "unknown key 'gian_db', did you mean 'gain_db'?"),
        ('{"stems": {"vocals": {"gain_db": 90}}}', "StemRemix.gain_db=90.0: allowed -120..24 dB"),
        ('{"tempo_percent": 20}', "Remix.tempo_percent=20.0: allowed 50..200 %"),
        ('{"stems": {"bass": {"pan": -101}}}', "stems.bass: StemRemix.pan=-101.0: allowed -100..100"),
        ('{"stems": [1]}', "[1] is not a table"),
        ('{"stems": ', "not a JSON document"),
    ],
)
def test_a_broken_document_is_one_sentence(tmp_path: Path, document: str, said: str) -> None:
    path = tmp_path / "a.remix.json"
    path.write_text(document)
    with pytest.raises((PresetError, ParameterError)) as caught:
        load_remix(path)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (((1.0, 0.0), (1.0, -3.0)), "goes from 1 s to 1 s: times must rise"),
        (((2.0, 0.0), (1.0, -3.0)), "goes from 2 s to 1 s: times must rise"),
        (((-1.0, 0.0),), "a point at -1.0 s: allowed from 0 s on"),
        (((0.0, 30.0),), "is 30.0 at 0 s: allowed -120..24 dB"),
        (((0.0, float("nan")),), "is nan at 0 s"),
        (((float("inf"), 0.0),), "a point at inf s"),
    ],
)
def test_automation_that_makes_no_sense(points: tuple[tuple[float, float], ...], said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Automation(gain_db=points)
    assert said in caught.value.message


def test_automation_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "moves.json"
    path.write_text('{"vocals": {"gain_db": [[0, -6], [12.5, 0]]}, "bass": {"pan": [[0, -30]]}}')
    assert load_automation(path) == {
        "vocals": Automation(gain_db=((0.0, -6.0), (12.5, 0.0))),
        "bass": Automation(pan=((0.0, -30.0),)),
    }
    path.write_text('{"vocals": {"gain_db": [[3, -6], [2, 0]]}}')
    with pytest.raises(ParameterError, match=r"moves.json: vocals: Automation.gain_db goes from 3 s to 2 s"):
        load_automation(path)
    path.write_text("[1]")
    with pytest.raises(PresetError, match="not a table of stems"):
        load_automation(path)
    with pytest.raises(PresetError, match="cannot be read"):
        load_automation(tmp_path / "absent.json")


def test_mute_goes_before_solo() -> None:
    names = ("drums", "bass", "other", "vocals")
    assert Remix().kept(names) == names
    assert Remix(stems={"bass": StemRemix(mute=True)}).kept(names) == ("drums", "other", "vocals")
    soloed = {"bass": StemRemix(solo=True), "vocals": StemRemix(solo=True, mute=True)}
    assert Remix(stems=soloed).kept(names) == ("bass",)


def test_an_unknown_stem_is_named_with_the_nearest() -> None:
    spec = Remix(stems={"vocal": StemRemix(gain_db=1.0)})
    with pytest.raises(ParameterError) as caught:
        spec.check_names(("drums", "bass", "other", "vocals"))
    assert caught.value.message == (
        "no stem is called 'vocal': there are drums, bass, other, vocals, did you mean 'vocals'?"
    )
    assert caught.value.code == "unknown_stem"


def test_what_changes_nothing_is_unity() -> None:
    nothing = Automation(gain_db=((0.0, 0.0), (5.0, 0.0)), pan=((1.0, 0.0),), width_percent=((0.0, 100.0),))
    assert Remix(stems={"vocals": StemRemix(automation=nothing, chain=MasteringChain())}).unity
    assert not FULL.unity
    assert not Remix(semitones=1.0).unity
    assert not Remix(stems={"bass": StemRemix(solo=True)}).unity
