"""`tonmeister plugins` on hand-made catalogs: whatever needs no plug-in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import Result

from mastering.chain import PluginRef
from mastering.cli.plugins.describing import default_text, range_text
from mastering.cli.plugins.options import complete_plugins
from mastering.cli.signals import Interrupted
from mastering.host.plugins.bundles import PATH_VARIABLE, digest, fingerprint
from mastering.host.plugins.catalog import SCANNER, Catalog, load_catalog, save_catalog
from mastering.host.plugins.policy import Policy, Word, load_words, save_words
from mastering.host.plugins.values import PluginInfo, PluginParameter, Scanned, Status
from mastering.io.writer import open_writer

REPOSITORY = Path(__file__).resolve().parents[2]
RATE = 44_100

Run = Callable[..., Result]
Make = Callable[..., Path]

PARAMETERS = (
    PluginParameter(
        key="threshold", index=0, name="Threshold", unit="dB", low=-60.0, high=0.0, default_text="-18.000000"
    ),
    PluginParameter(key="mode", index=1, name="Mode", choices=("Clean", "Warm"), default_text="Clean"),
    PluginParameter(
        key="invert", index=2, name="Invert", boolean=True, choices=("Off", "On"), default_text="Off"
    ),
    PluginParameter(key="voices", index=3, name="Voices", low=1.0, high=5.0, steps=5, default_text="3"),
    PluginParameter(
        key="meter", index=4, name="Meter", unit="dB", low=0.0, high=40.0, automatable=False, default_text="0"
    ),
)


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog, a policy and a plug-in folder of the test's own; none of the system's."""
    monkeypatch.setenv("TONMEISTER_PLUGIN_CATALOG", str(tmp_path / "own" / "catalog.json"))
    monkeypatch.setenv("TONMEISTER_PLUGIN_POLICY", str(tmp_path / "own" / "policy.json"))
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path / "plugs"))
    monkeypatch.setattr("mastering.host.plugins.bundles._platform_folders", lambda: ())
    (tmp_path / "plugs").mkdir()


@pytest.fixture
def plugs(tmp_path: Path) -> Path:
    """The folder of plug-ins that is allowed."""
    return tmp_path / "plugs"


@pytest.fixture
def add(plugs: Path) -> Make:
    """Put a bundle of that name into the catalog; gives its path. It is a file of bytes, no plug-in."""

    def make(name: str, status: Status = "ok", reason: str = "", folder: Path = plugs, **about: Any) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.vst3"
        path.write_bytes(f"the code of {path}".encode())
        mark, sha256 = fingerprint(path), digest(path)
        vendor, version = about.pop("vendor", "Tests"), about.pop("version", "1.2.3")
        shown = about.pop("shown", name)
        info = PluginInfo(
            ref=PluginRef(id=f"VST3-{shown}-1", name=shown, vendor=vendor, version=version, sha256=sha256),
            path=str(path),
            category=about.pop("category", "Fx|Dynamics"),
            parameters=about.pop("parameters", PARAMETERS),
            **about,
        )
        entry = Scanned(
            path=str(path),
            size_bytes=mark.size_bytes,
            mtime_ns=mark.mtime_ns,
            sha256=sha256,
            status=status,
            reason=reason,
            plugins=(info,) if status == "ok" else (),
            scanner=SCANNER,
        )
        save_catalog(load_catalog().with_bundles([entry]))
        return path

    return make


@pytest.fixture
def song(folder: Path) -> Iterator[Path]:
    """A song in the working folder; whatever happens, the test must leave it as it was."""
    path = folder / "song.wav"
    samples = 0.1 * np.random.default_rng(3).standard_normal((2, RATE)).astype(np.float32)
    with open_writer(path, sample_rate=RATE, channels=2, container="wav", bit_depth=24) as writer:
        writer.write(samples)
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before


def _text(result: Result) -> str:
    return " ".join(result.output.split())


def _refused(result: Result, code: int, said: str, folder: Path, *left: str) -> None:
    """It failed with one sentence and left nothing behind but what was there."""
    assert result.exit_code == code, result.output
    assert said in _text(result)
    assert "Traceback" not in result.output
    assert sorted(path.name for path in folder.iterdir()) == sorted(left)


def test_the_group_lists_its_commands_and_each_has_examples_and_exit_codes(run: Run) -> None:
    text = run("plugins", "--help").stdout
    for name in ("scan", "list", "show", "render", "save-preset", "save-state", "allow", "forbid"):
        assert f"\n  {name} " in text
        page = run("plugins", name, "--help")
        assert page.exit_code == 0
        assert "Examples:" in page.stdout
        assert "Exit codes:" in page.stdout
        assert "--json" in page.stdout
    assert "Find, inspect, set and run external plug-ins." in run("--help").stdout
    assert run("plugins", "paint").exit_code == 2


def test_list_is_a_table(run: Run, add: Make) -> None:
    add("beta", latency_frames=480, block_invariant=False, channels=(1, 2), vendor="A\x1b[2JB")
    add("Alpha", repeatable=False, block_invariant=False, state_round_trips=False, channels=(1,))
    add("Gamma", instrument=True, category="Instrument|Synth", version="")
    result = run("plugins", "list")
    assert result.exit_code == 0
    head, alpha, beta, gamma = result.stdout.splitlines()
    assert head.split() == ["Name", "Vendor", "Version", "Category", "Channels", "Latency", "State"]
    assert alpha.split() == ["Alpha", "Tests", "1.2.3", "Dynamics", "mono", "none", "not", "repeatable"]
    assert "A�[2JB" in beta
    assert "mono, stereo" in beta
    assert "480 samples  depends on buffer size" in beta
    assert gamma.split() == ["Gamma", "Tests", "Synth", "stereo", "none", "ok"]
    assert len({line.index(word) for line, word in ((head, "State"), (gamma, "ok"))}) == 1


def test_list_says_what_cannot_be_used_when_asked(run: Run, add: Make, plugs: Path, tmp_path: Path) -> None:
    add("Good")
    add("Wild", folder=tmp_path / "elsewhere")
    add("Bad", "timed_out", "the plug-in Bad gave no answer for 20 s and was stopped")
    banned, gone = add("Banned"), add("Gone")
    save_words(
        Policy().forbid(Word(sha256=digest(banned), name="Banned")).forbid(Word(sha256="0" * 64, name="Old"))
    )
    gone.unlink()
    brief = run("plugins", "list")
    assert [line.split()[0] for line in brief.stdout.splitlines()] == ["Name", "Good"]
    assert "5 bundles cannot be used" in brief.stderr
    text = run("plugins", "list", "--all").stdout
    rows = dict(line.split(maxsplit=1) for line in text.splitlines() if line.startswith("  "))
    assert rows["Bad"].startswith("timed out")
    assert "gave no answer for 20 s" in rows["Bad"]
    assert rows["Banned"].startswith("forbidden")
    assert rows["Old"].startswith("forbidden")
    assert rows["Gone"].startswith("gone")
    assert rows["Wild"].startswith("not allowed")
    assert str(tmp_path / "elsewhere") in rows["Wild"]


def test_list_as_json(run: Run, add: Make) -> None:
    path = add("Alpha", latency_frames=64, notes=("it is silent with its first settings",))
    add("Bad", "crashed", "the plug-in Bad crashed (SIGSEGV)")
    plain = json.loads(run("plugins", "list", "--json").stdout)
    assert plain["schema"] == 1
    assert plain["unusable"] == []
    (entry,) = plain["plugins"]
    assert entry["name"] == "Alpha"
    assert entry["path"] == str(path)
    assert entry["sha256"] == digest(path)
    assert entry["latency_frames"] == 64
    assert entry["channels"] == [2]
    assert entry["allowed"] == "yes"
    assert entry["notes"] == ["it is silent with its first settings"]
    (bad,) = json.loads(run("plugins", "list", "--all", "--json").stdout)["unusable"]
    assert bad["status"] == "crashed"
    assert bad["reason"].endswith("(SIGSEGV)")


def test_an_empty_catalog_says_how_to_fill_it(run: Run, song: Path, folder: Path) -> None:
    result = run("plugins", "list")
    assert result.exit_code == 0
    assert "tonmeister plugins scan" in result.stdout
    assert json.loads(run("plugins", "list", "--json").stdout)["plugins"] == []
    for arguments in (("show", "Any"), ("render", "Any", song, "-o", "out.wav"), ("save-state", "Any", "s")):
        _refused(run("plugins", *arguments), 2, "tonmeister plugins scan", folder, "song.wav")


def test_listing_and_showing_load_no_plugin_host(add: Make) -> None:
    add("Alpha")
    program = (
        "import sys\n"
        "from mastering.cli.app import app\n"
        "for words in (['list'], ['list', '--all', '--json'], ['show', 'Alpha']):\n"
        "    try:\n"
        "        app.main(['plugins', *words], prog_name='tonmeister')\n"
        "    except SystemExit as end:\n"
        "        assert not end.code, end.code\n"
        "heavy = {'pedalboard', 'soundfile', 'numba', 'scipy', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    paths = [str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )
    assert done.returncode == 0, done.stderr
    assert "Alpha" in done.stdout


def test_show_has_everything(run: Run, add: Make) -> None:
    path = add("Alpha", latency_frames=441, category="Fx|Dynamics|Stereo", notes=("a note\x07",))
    text = run("plugins", "show", "alpha").stdout
    facts = dict(line.split(maxsplit=1) for line in text.split("\n\n")[0].splitlines())
    assert facts["Plug-in"] == "Alpha 1.2.3"
    assert facts["Kind"] == "effect (Dynamics, Stereo)"
    assert facts["Latency"] == "441 samples (10.0 ms at 44.1 kHz)"
    assert facts["Allowed"] == "yes"
    assert facts["Identifier"] == "VST3-Alpha-1"
    assert facts["Path"] == str(path)
    assert facts["SHA-256"] == digest(path)
    assert facts["Note"] == "a note�"
    rows = text[text.index("Parameters") :].splitlines()
    assert rows[1].split() == ["Key", "Name", "Range", "Default"]
    assert rows[2].split() == ["threshold", "Threshold", "-60..0", "dB", "-18", "dB"]
    assert rows[3].split() == ["mode", "Mode", "Clean,", "Warm", "Clean"]
    assert rows[4].split() == ["invert", "Invert", "on", "or", "off", "off"]
    assert rows[5].split() == ["voices", "Voices", "1..5", "in", "5", "steps", "3"]
    assert "1 more parameter not meant to be set" in rows[6]
    everything = run("plugins", "show", "VST3-Alpha-1", "--all").stdout
    assert "meter      Meter      0..40 dB         0 dB  (not to be set)" in everything
    assert "not meant" not in everything


@pytest.mark.parametrize(
    ("parameter", "shown"),
    [
        ({"unit": "dB", "low": -60.0, "high": 12.0, "default_text": "-0.000001"}, "0 dB"),
        ({"unit": "dB", "low": -60.0, "high": 12.0, "default_text": "-0.0"}, "0 dB"),
        ({"unit": "ms", "low": 1.0, "high": 100.0, "default_text": "25.000000"}, "25 ms"),
        ({"default_text": " 1.5 kHz "}, "1.5 kHz"),
        ({"boolean": True, "default_raw": 1.0, "default_text": "1"}, "on"),
        ({"choices": ("Zero",), "unit": "Zero", "default_text": "Zero"}, "Zero"),
    ],
)
def test_first_values_without_zeros(parameter: dict[str, Any], shown: str) -> None:
    assert default_text(PluginParameter(key="x", index=0, name="X", **parameter)) == shown


def test_many_choices_are_cut_short() -> None:
    many = PluginParameter(key="x", index=0, name="X", choices=tuple(f"P{n}" for n in range(40)))
    assert range_text(many) == "P0, P1, P2, P3, P4, P5 ... (40 choices)"


def test_show_finds_presets_and_keeps_to_its_folders(
    run: Run, add: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "presets"
    own = root / "Tests" / "Alpha"
    own.mkdir(parents=True)
    (own / "Loud.vstpreset").touch()
    (root / "Other.vstpreset").touch()
    monkeypatch.setattr("mastering.host.plugins.presets._folders", lambda: iter([root]))
    add("Alpha")
    assert str(own / "Loud.vstpreset") in run("plugins", "show", "Alpha").stdout
    plain = json.loads(run("plugins", "show", "Alpha", "--json").stdout)
    assert plain["presets"] == [str(own / "Loud.vstpreset")]
    assert [p["key"] for p in plain["parameters"]] == ["threshold", "mode", "invert", "voices"]
    add("Sly", shown="..", vendor="..")
    add("Root", shown="", vendor=str(tmp_path))
    for name in ("Sly", "Root"):
        path = tmp_path / "plugs" / f"{name}.vst3"
        assert json.loads(run("plugins", "show", path, "--json").stdout)["presets"] == []


def test_names_that_are_wrong(run: Run, add: Make, song: Path, folder: Path, tmp_path: Path) -> None:
    add("Maximizer")
    add("Twin", folder=tmp_path / "plugs" / "a")
    add("Twin", folder=tmp_path / "plugs" / "b")
    add("Bad", "crashed", "the plug-in Bad crashed (SIGSEGV)")
    for arguments in (("show",), ("render",), ("save-state",)):
        rest = {"render": (song, "-o", "out.wav"), "save-state": ("out.state",)}.get(arguments[0], ())
        for name, code, said in (
            ("Maximiser", 2, "did you mean 'Maximizer'?"),
            ("Twin", 2, "'Twin' may be 2 plug-ins"),
            ("Bad", 1, "the plug-in Bad cannot be used: the plug-in Bad crashed (SIGSEGV)"),
        ):
            _refused(run("plugins", *arguments, name, *rest), code, said, folder, "song.wav")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("threshold=-99", "Alpha threshold=-99: allowed -60..0 dB"),
        ("threshold=-9 Hz", "its unit is dB"),
        ("threshold=loud", "Alpha threshold=loud: allowed -60..0 dB"),
        ("threshold=raw:2", "a raw value is a number from 0 to 1"),
        ("treshold=-9", "did you mean threshold?"),
        ("mode=Cold", "Alpha mode=Cold: allowed Clean, Warm"),
        ("invert=maybe", "Alpha invert=maybe: allowed on or off"),
        ("threshold", "'threshold' is no setting"),
    ],
)
def test_settings_that_are_wrong(
    run: Run, add: Make, song: Path, folder: Path, setting: str, said: str
) -> None:
    add("Alpha")
    for arguments in (
        ("render", "Alpha", song, "-o", "out.wav"),
        ("save-preset", "Alpha", "out.vstpreset"),
        ("save-state", "Alpha", "out.state"),
    ):
        _refused(run("plugins", *arguments, "--set", setting), 2, said, folder, "song.wav")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "moves.json: not a JSON document"),
        ("[1, 2]", "moves.json: the automation is not a table of parameters"),
        ('{"threshold": 3}', "moves.json: threshold is not a list of [seconds, value]"),
        ('{"threshold": [[0, -6], [1]]}', "moves.json: threshold is not a list of [seconds, value]"),
        ('{"threshold": [[0, "x"]]}', "moves.json: threshold is not a list of [seconds, value]"),
        ('{"threshold": [[0, NaN]]}', "moves.json: threshold is not a list of [seconds, value]"),
        ('{"threshold": []}', "moves.json: automation of 'threshold' has the times [] s"),
        ('{"threshold": [[1, -6], [0, -3]]}', "moves.json: automation of 'threshold' has the times"),
        ('{"threshold": [[0, -99]]}', "moves.json: Alpha threshold=-99: allowed -60..0 dB"),
        ('{"treshold": [[0, -6]]}', "moves.json: Alpha has no single parameter 'treshold'"),
        ('{"mode": [[0, 1]]}', "moves.json: Alpha mode=1"),
    ],
)
def test_automation_that_is_wrong(
    run: Run, add: Make, song: Path, folder: Path, text: str, said: str
) -> None:
    add("Alpha")
    (folder / "moves.json").write_text(text)
    result = run("plugins", "render", "Alpha", song, "-o", "out.wav", "--automation", "moves.json")
    _refused(result, 2, said, folder, "song.wav", "moves.json")


def test_automation_that_is_not_there(run: Run, add: Make, song: Path, folder: Path) -> None:
    add("Alpha")
    result = run("plugins", "render", "Alpha", song, "-o", "out.wav", "--automation", "no.json")
    _refused(result, 2, "no.json: the automation cannot be read: no such file", folder, "song.wav")


def test_inputs_and_outputs_that_are_wrong(run: Run, add: Make, song: Path, folder: Path) -> None:
    add("Alpha")
    add("Synth", instrument=True)
    (folder / "there.wav").write_bytes(b"kept")
    (folder / "tune.mid").write_bytes(b"no notes")
    left = ("song.wav", "there.wav", "tune.mid")
    for arguments, code, said in (
        (("Alpha", "no.wav", "-o", "out.wav"), 1, "no.wav"),
        (("Alpha", "song.wav", "-o", "there.wav"), 1, "there.wav: a file of that name exists already"),
        (("Alpha", "song.wav", "-o", "song.wav", "--force"), 1, "would overwrite the input"),
        (("Alpha", "song.wav", "-o", "none/out.wav"), 3, "the folder for the output does not exist"),
        (("Alpha", "song.wav", "-o", "out.xyz"), 2, "out.xyz"),
        (("Alpha", "song.wav", "-o", "out.wav", "--format", "flac"), 2, "disagree"),
        (("Alpha", "song.wav", "-o", "out.flac", "--bit-depth", "32"), 2, "32"),
        (("Alpha", "tune.mid", "-o", "out.wav"), 2, "Alpha is an effect: it takes audio"),
        (("Synth", "song.wav", "-o", "out.wav"), 2, "Synth is an instrument: it plays notes"),
        (("Synth", "tune.mid", "-o", "out.wav", "--mix", "50"), 2, "--mix, --part and --downmix"),
        (("Synth", "tune.mid", "-o", "out.wav"), 1, "tune.mid: it"),
        (("Alpha", "song.wav", "-o", "out.wav", "--rate", "48000"), 2, "--rate is for instruments"),
        (("Alpha", "song.wav", "-o", "out.wav", "--mix", "150%"), 2, "150.0 is not in the range"),
        (("Alpha", "song.wav", "-o", "out.wav", "--state", "no"), 1, "no: it cannot be read"),
        (
            ("Alpha", "song.wav", "-o", "out.wav", "--state", "there.wav", "--preset", "tune.mid"),
            2,
            "--preset and --state exclude each other",
        ),
        (("Alpha", "song.wav", "-o", "out.wav", "--preset", "tune.mid"), 1, "it is no .vstpreset file"),
    ):
        _refused(run("plugins", "render", *arguments), code, said, folder, *left)
    assert (folder / "there.wav").read_bytes() == b"kept"
    result = run("plugins", "save-preset", "Alpha", "out.txt")
    _refused(result, 2, "a preset's name ends in .vstpreset", folder, *left)


def test_a_failed_render_as_json_has_the_same_keys(run: Run, add: Make, song: Path) -> None:
    add("Alpha")
    result = run("plugins", "render", "Alpha", song, "-o", "out.wav", "--set", "threshold=3", "--json")
    assert result.exit_code == 2
    (entry,) = json.loads(result.stdout)["results"]
    assert entry["status"] == "error"
    assert entry["error"]["code"] == "plugin_setting"
    assert entry["after"] is None


def test_what_is_not_allowed_is_not_loaded(
    run: Run, add: Make, song: Path, folder: Path, tmp_path: Path
) -> None:
    wild = add("Wild", folder=tmp_path / "elsewhere")
    banned = add("Banned")
    assert run("plugins", "forbid", "Banned").exit_code == 0
    for name, said in (("Wild", "is not allowed"), ("Banned", "is forbidden"), (banned, "is forbidden")):
        for arguments in (("render", name, song, "-o", "out.wav"), ("save-state", name, "out.state")):
            _refused(run("plugins", *arguments), 3, said, folder, "song.wav")
    assert "no, it is not allowed" in run("plugins", "show", wild).stdout
    assert "no, it is forbidden" in run("plugins", "show", "Banned").stdout
    new = tmp_path / "elsewhere" / "New.vst3"
    new.write_bytes(b"never seen")
    result = run("plugins", "show", new)
    assert result.exit_code == 3
    assert f"tonmeister plugins allow '{new}'" in _text(result)


def test_allow_and_forbid(run: Run, add: Make, tmp_path: Path) -> None:
    path = add("Alpha")
    sha256 = digest(path)
    result = run("plugins", "forbid", "alpha")
    assert result.exit_code == 0
    assert "Alpha is forbidden: nothing loads it" in result.stdout
    assert load_words() == Policy(forbidden=(Word(sha256=sha256, name="Alpha"),))
    assert "already" in run("plugins", "forbid", path).stdout
    assert run("plugins", "list").stdout == ""
    result = run("plugins", "allow", "Alpha")
    assert "the ban is taken back" in result.stdout
    assert "tonmeister plugins scan" not in result.stdout
    assert load_words() == Policy(allowed=(Word(sha256=sha256, name="Alpha"),))
    assert "Alpha is allowed already" in run("plugins", "allow", path).stdout
    new = tmp_path / "elsewhere" / "New.vst3"
    new.parent.mkdir()
    new.write_bytes(b"never seen")
    result = run("plugins", "allow", new)
    assert result.exit_code == 0
    assert f"tonmeister plugins scan '{new}'" in result.stdout
    plain = json.loads(run("plugins", "forbid", new, "--json").stdout)
    assert plain["word"] == "forbidden"
    assert plain["sha256"] == digest(new)
    new.unlink()
    assert run("plugins", "allow", "New").exit_code == 0  # by the word: the bundle is gone
    assert load_words().forbidden == ()


def test_allow_of_what_is_no_bundle(run: Run, add: Make, tmp_path: Path) -> None:
    add("Alpha")
    for name, code, said in (
        ("Alfa", 2, "did you mean 'Alpha'?"),
        (tmp_path, 2, "a folder, not a plug-in's bundle"),
        (tmp_path / "none.vst3", 2, "no plug-in named"),
    ):
        result = run("plugins", "allow", name)
        assert result.exit_code == code
        assert said in _text(result)


def test_a_policy_that_cannot_be_written_or_read(
    run: Run, add: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = add("Alpha")
    (tmp_path / "file").touch()
    monkeypatch.setenv("TONMEISTER_PLUGIN_POLICY", str(tmp_path / "file" / "policy.json"))
    assert run("plugins", "forbid", path).exit_code in (2, 3)
    monkeypatch.setenv("TONMEISTER_PLUGIN_POLICY", str(tmp_path / "broken.json"))
    (tmp_path / "broken.json").write_text("{")
    result = run("plugins", "list")
    assert result.exit_code == 2
    assert "broken.json" in result.output


def test_names_are_completed_from_the_catalog(add: Make) -> None:
    add("Alpha")
    add("Alpine")
    add("Beta")
    parameter = click.Argument(["name"])
    context = click.Context(click.Command("show"))
    found = [item.value for item in complete_plugins(context, parameter, "al")]
    assert found == ["Alpha", "Alpine"]
    (item,) = complete_plugins(context, parameter, "./x")
    assert item.type == "file"


def test_a_scan_that_is_interrupted_keeps_what_it_has(
    run: Run, add: Make, plugs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = add("First"), add("Second")
    entries = {entry.path: entry for entry in load_catalog().bundles}
    save_catalog(Catalog())

    def scan(*_given: Any, **_how: Any) -> Iterator[Scanned]:
        yield replace(entries[str(first)], seconds=1.25)
        raise Interrupted(2)

    monkeypatch.setattr("mastering.host.plugins.scan.scan", scan)
    result = run("plugins", "scan")
    assert result.exit_code == 130
    assert "First   ok             1.2 s" in result.stderr
    assert "Interrupted: 1 of 2 bundles kept." in result.stderr
    assert [entry.path for entry in load_catalog().bundles] == [str(first)]
    assert second.exists()


def test_scan_keeps_going_past_what_is_no_plugin_and_remembers_it(
    run: Run, plugs: Path, tmp_path: Path
) -> None:
    (plugs / "Fake.vst3").write_bytes(b"no library")
    result = run("plugins", "scan", "--jobs", "1")
    assert result.exit_code == 0, result.output
    assert "Fake  refused" in result.stderr
    assert result.stdout.startswith("0 plug-ins in 1 bundle, 1 refused, ")
    result = run("plugins", "scan")
    assert "Fake  refused        known" in result.stderr
    assert "1 refused, 1 known" in result.stdout
    plain = json.loads(run("plugins", "scan", "--force", "--json").stdout)
    (bundle,) = plain["bundles"]
    assert (bundle["status"], bundle["known"], plain["interrupted"]) == ("refused", False, False)
    (plugs / "Fake.vst3").unlink()
    result = run("plugins", "scan")
    assert result.exit_code == 0
    assert "There are no plug-ins in" in result.stdout
    assert load_catalog().bundles == ()


def test_scan_remembers_folders_that_were_given(run: Run, plugs: Path, tmp_path: Path) -> None:
    other, inner = tmp_path / "other", tmp_path / "other" / "inner"
    inner.mkdir(parents=True)
    (inner / "Fake.vst3").write_bytes(b"no library")
    result = run("plugins", "scan", other)
    assert f"{other} is an allowed folder from now on." in result.stderr
    assert load_words().folders == (str(other),)
    for covered in (other, inner, plugs):
        assert "from now on" not in run("plugins", "scan", covered).stderr
    assert load_words().folders == (str(other),)
    lone = tmp_path / "lone" / "Lone.vst3"
    lone.parent.mkdir()
    lone.write_bytes(b"no library either")
    result = run("plugins", "scan", lone)
    assert f"{lone} is allowed from now on." in result.stderr
    assert [word.name for word in load_words().allowed] == ["Lone"]
    assert {Path(entry.path).stem for entry in load_catalog().bundles} == {"Fake", "Lone"}
    run("plugins", "forbid", lone)
    assert "from now on" not in run("plugins", "scan", lone).stderr
    entry = load_catalog().bundle(lone)
    assert entry is not None


def test_scan_of_what_is_not_there(run: Run, tmp_path: Path) -> None:
    assert run("plugins", "scan", tmp_path / "none").exit_code == 2
    (tmp_path / "notes.txt").touch()
    result = run("plugins", "scan", tmp_path / "notes.txt")
    assert result.exit_code == 2
    assert "neither a folder nor a plug-in's bundle" in _text(result)
    assert run("plugins", "scan", "--timeout", "0").exit_code == 2


def test_a_catalog_that_cannot_be_written(
    run: Run, plugs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plugs / "Fake.vst3").write_bytes(b"no library")
    (tmp_path / "file").touch()
    monkeypatch.setenv("TONMEISTER_PLUGIN_CATALOG", str(tmp_path / "file" / "catalog.json"))
    assert run("plugins", "scan").exit_code == 3
    monkeypatch.setenv("TONMEISTER_PLUGIN_CATALOG", str(plugs))  # a folder
    assert run("plugins", "scan").exit_code == 3


def test_a_bundle_that_changed_is_scanned_again(run: Run, add: Make, song: Path, folder: Path) -> None:
    path = add("Alpha")
    path.write_bytes(b"another version, and no library")
    result = run("plugins", "render", "Alpha", song, "-o", "out.wav")
    _refused(result, 1, f"{path} has changed, and it cannot be used", folder, "song.wav")
    entry = load_catalog().bundle(path)
    assert entry is not None
    assert entry.status == "refused"


def test_a_plugin_that_is_gone(run: Run, add: Make, song: Path, folder: Path) -> None:
    path = add("Alpha")
    path.unlink()
    result = run("plugins", "render", "Alpha", song, "-o", "out.wav")
    _refused(result, 2, "the plug-in Alpha is gone", folder, "song.wav")
    shutil.rmtree(path.parent)
    assert run("plugins", "list").exit_code == 0
