"""Scanning and remembering: every way to fail has a reason, and what is known is not loaded again."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mastering.chain import PluginRef
from mastering.errors import PluginError, PluginNotFound, PresetError
from mastering.host.plugins import catalog as catalog_module
from mastering.host.plugins import scan as scan_module
from mastering.host.plugins.bundles import (
    PATH_VARIABLE,
    digest,
    find_bundles,
    fingerprint,
    standard_folders,
)
from mastering.host.plugins.catalog import Catalog, catalog_file, load_catalog, save_catalog
from mastering.host.plugins.policy import (
    Policy,
    Word,
    desktop_policy,
    load_words,
    policy_file,
    save_words,
)
from mastering.host.plugins.process import PluginProcess
from mastering.host.plugins.scan import parameters_of, scan, scan_bundle
from mastering.host.plugins.values import PluginInfo, Scanned, WorkerLimits
from tests.host.plugins.support import LIMITS, Remains, Timed, allowing

BAD = WorkerLimits(load_s=1.0, answer_s=5.0)
"""For what hangs."""


@pytest.fixture
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Catalog and policy of the test's own."""
    monkeypatch.setenv(catalog_module.FILE_VARIABLE, str(tmp_path / "cache" / "catalog.json"))
    monkeypatch.setenv("TONMEISTER_PLUGIN_POLICY", str(tmp_path / "config" / "policy.json"))
    return tmp_path


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, whoever starts a process fails."""

    def never(*_: object) -> None:
        raise AssertionError("a process was started")

    return lambda: monkeypatch.setattr(scan_module, "PluginProcess", never)


def copied(bundle: Path, folder: Path) -> Path:
    return Path(shutil.copytree(bundle, folder / bundle.name))


# Scanning


def test_what_a_scan_finds_out(plugin_fixtures: dict[str, Path], fixture_catalog: Catalog) -> None:
    latency, mono, instrument = (
        fixture_catalog.find(f"Test {name}") for name in ("Latency", "Mono", "Instrument")
    )
    assert (latency.ref.vendor, latency.ref.version, latency.ref.format) == (
        "Tonmeister Tests",
        "1.2.3",
        "vst3",
    )
    assert latency.ref.id.startswith("VST3-Test Latency-")
    assert latency.ref.sha256 == digest(plugin_fixtures["Latency"])
    assert latency.latency_frames == 1_000
    assert (latency.channels, mono.channels, instrument.channels) == ((2,), (1,), (2,))
    assert instrument.instrument
    assert not latency.instrument
    for plugin in fixture_catalog.plugins:
        assert (plugin.repeatable, plugin.block_invariant, plugin.state_round_trips) == (True, True, True)
    keys = {parameter.key for parameter in instrument.parameters}
    assert keys == {"reserved", "release", "volume"}, "two thousand controllers are left out"


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [("CrashOnLoad", "crashed", "SIGSEGV"), ("HangOnLoad", "timed_out", "no answer for 1 s")],
)
def test_a_bundle_that_fails_is_recorded_with_its_reason(
    plugin_fixtures: dict[str, Path], remains: Remains, name: str, status: str, words: str
) -> None:
    bundle = plugin_fixtures[name]
    entry = scan_bundle(bundle, allowing(bundle), BAD if status == "timed_out" else LIMITS)
    assert (entry.status, entry.plugins) == (status, ())
    assert words in entry.reason
    assert name in entry.reason
    assert entry.sha256 == digest(bundle)
    assert entry.seconds < 20.0
    remains.check()


@pytest.mark.parametrize("name", ["empty folder", "text file", "not a plug-in"])
def test_what_is_no_plugin_is_refused(tmp_path: Path, name: str) -> None:
    bundle = tmp_path / "X.vst3"
    if name == "text file":
        bundle.write_text("not a plug-in")
    else:
        library = bundle / "Contents" / f"{os.uname().machine}-linux"
        library.mkdir(parents=True)
        if name == "not a plug-in":
            (library / "X.so").write_bytes(b"\x7fELF" + bytes(100))
    entry = scan_bundle(bundle, allowing(bundle), LIMITS)
    assert entry.status == "refused"
    assert entry.reason


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    entry = scan_bundle(tmp_path / "Gone.vst3", allowing(tmp_path / "Gone.vst3"), BAD)
    assert (entry.status, entry.sha256) == ("refused", "")
    assert "No such file" in entry.reason


def test_what_is_not_allowed_is_not_loaded(
    plugin_fixtures: dict[str, Path], no_processes: Callable[[], None]
) -> None:
    no_processes()
    entry = scan_bundle(plugin_fixtures["CrashOnLoad"], Policy(), BAD)
    assert entry.status == "not_allowed"
    assert "not allowed" in entry.reason


class Set(PluginProcess):
    """A process whose Trouble fixture begins with other settings, as if those were its first."""

    values: ClassVar[list[list[Any]]] = []

    def load(self, path: str, inside: str = "") -> dict[str, Any]:
        about = super().load(path, inside)
        self.call("set", values=self.values)
        return about


@pytest.mark.parametrize(
    ("kind", "repeatable", "block_invariant"),
    [("None", True, True), ("Noise", False, False), ("BlockSize", True, False)],
)
def test_what_does_not_repeat_is_marked(
    plugin_fixtures: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    repeatable: bool,
    block_invariant: bool,
) -> None:
    monkeypatch.setattr(scan_module, "PluginProcess", Set)
    monkeypatch.setattr(Set, "values", [[0, kind]])
    entry = scan_bundle(plugin_fixtures["Trouble"], allowing(plugin_fixtures["Trouble"]), LIMITS)
    (plugin,) = entry.plugins
    assert (plugin.repeatable, plugin.block_invariant) == (repeatable, block_invariant)
    assert plugin.state_round_trips == repeatable


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("Crash", "crashed", "SIGSEGV"),
        ("Abort", "crashed", "SIGABRT"),
        ("Hang", "timed_out", "no answer"),
        ("Throw", "misbehaved", "trouble on command"),
    ],
)
def test_a_bundle_that_fails_while_it_is_tried(
    plugin_fixtures: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    remains: Remains,
    kind: str,
    status: str,
    words: str,
) -> None:
    monkeypatch.setattr(scan_module, "PluginProcess", Set)
    monkeypatch.setattr(Set, "values", [[0, kind]])
    limits = replace(LIMITS, answer_s=0.5) if kind == "Hang" else LIMITS
    entry = scan_bundle(plugin_fixtures["Trouble"], allowing(plugin_fixtures["Trouble"]), limits)
    assert entry.status == status
    assert words in entry.reason
    assert "Test Trouble" in entry.reason
    remains.check()


@pytest.mark.parametrize(("kind", "words"), [("NaN", "NaN or infinite"), ("Silence", "silent")])
def test_what_sounds_wrong_is_noted(
    plugin_fixtures: dict[str, Path], monkeypatch: pytest.MonkeyPatch, kind: str, words: str
) -> None:
    monkeypatch.setattr(scan_module, "PluginProcess", Set)
    monkeypatch.setattr(Set, "values", [[0, kind]])
    (plugin,) = scan_bundle(plugin_fixtures["Trouble"], allowing(plugin_fixtures["Trouble"]), LIMITS).plugins
    assert len(plugin.notes) == 1
    assert words in plugin.notes[0]


def test_a_slow_plugin_takes_no_longer_than_agreed(
    plugin_fixtures: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers each time, 0.2 s for each buffer: the whole bundle has a time limit, too."""
    monkeypatch.setattr(scan_module, "PluginProcess", Set)
    monkeypatch.setattr(scan_module, "_TRIAL", 2_048)
    monkeypatch.setattr(scan_module, "_BUFFERS", (1_024,) * 50)
    monkeypatch.setattr(Set, "values", [[0, "Slow"]])
    bundle = plugin_fixtures["Trouble"]
    started_s = time.monotonic()
    entry = scan_bundle(bundle, allowing(bundle), WorkerLimits(load_s=1.5, answer_s=15.0))
    assert time.monotonic() - started_s < 15.0, "trying it out would take 52 times 1 s"
    assert entry.status == "timed_out"
    assert "Test Trouble" in entry.reason


def test_the_real_ones_in_time(zam_scan: Timed, own_files: Path) -> None:
    """All bundles of zam-plugins, those that spin and those that crash included."""
    entries = zam_scan.entries
    assert zam_scan.seconds < 90.0
    assert len(entries) >= 17
    by_name = {Path(entry.path).stem: entry for entry in entries}
    assert sum(entry.status == "ok" for entry in entries) >= len(entries) - 3
    for entry in entries:
        assert (entry.status == "ok") == (not entry.reason) == bool(entry.plugins)
    for name in ("ZaMaximX2", "ZaMultiCompX2"):
        (plugin,) = by_name[name].plugins
        assert 2 in plugin.channels
        assert plugin.repeatable
        assert plugin.state_round_trips
        assert plugin.parameters
    assert 2 not in by_name["ZamEQ2"].plugins[0].channels
    catalog = Catalog().with_bundles(entries)
    save_catalog(catalog)
    assert load_catalog() == catalog


# The cache


def test_what_is_known_is_not_loaded_again(
    plugin_fixtures: dict[str, Path], fixture_catalog: Catalog, no_processes: Callable[[], None]
) -> None:
    bad = scan_bundle(plugin_fixtures["CrashOnLoad"], allowing(plugin_fixtures["CrashOnLoad"]), LIMITS)
    known = fixture_catalog.with_bundles([bad])
    no_processes()
    paths = [Path(entry.path) for entry in known.bundles]
    assert tuple(scan(paths, known, allowing(*paths), LIMITS)) == known.bundles
    with pytest.raises(AssertionError, match="a process was started"):
        list(scan(paths, known, allowing(*paths), LIMITS, force=True))


def test_a_changed_bundle_is_scanned_again(plugin_fixtures: dict[str, Path], tmp_path: Path) -> None:
    bundle = copied(plugin_fixtures["Mono"], tmp_path)
    (first,) = scan([bundle], Catalog(), allowing(bundle), LIMITS)
    known = Catalog().with_bundles([first])
    assert known.bundle(bundle) == first
    library = next(bundle.rglob("*.so"))
    library.write_bytes(library.read_bytes() + b"\0")
    assert known.bundle(bundle) is None
    (second,) = scan([bundle], known, allowing(bundle), LIMITS)
    assert second.sha256 not in (first.sha256, "")
    assert second.plugins[0].ref.sha256 == second.sha256
    assert known.with_bundles([second]).bundles == (second,)


def test_an_older_scanners_word_does_not_count(fixture_catalog: Catalog) -> None:
    entry = replace(fixture_catalog.bundles[0], scanner=0)
    assert Catalog(bundles=(entry,)).bundle(Path(entry.path)) is None


def test_what_was_not_allowed_is_looked_at_again(plugin_fixtures: dict[str, Path]) -> None:
    bundle = plugin_fixtures["Mono"]
    known = Catalog().with_bundles(scan([bundle], Catalog(), Policy(), LIMITS))
    (entry,) = scan([bundle], known, allowing(bundle), LIMITS)
    assert entry.status == "ok"


def test_what_is_gone_leaves_the_catalog(fixture_catalog: Catalog, tmp_path: Path) -> None:
    gone = replace(fixture_catalog.bundles[0], path=str(tmp_path / "Gone.vst3"))
    assert Catalog(bundles=(gone,)).with_bundles([]).bundles == ()


def test_the_catalog_there_and_back(own_files: Path, fixture_catalog: Catalog) -> None:
    assert load_catalog() == Catalog()
    save_catalog(fixture_catalog)
    assert load_catalog() == fixture_catalog
    assert catalog_file().parent == own_files / "cache"
    assert [path.name for path in catalog_file().parent.iterdir()] == ["catalog.json"]


DAMAGE = {
    "empty": b"",
    "cut off": b'{"bundles": [{"path": "/usr',
    "binary": bytes(range(256)),
    "null": b"null",
    "a list": b"[]",
    "a number": b"3",
    "no bundles": b"{}",
    "bundles no list": b'{"bundles": 3}',
    "a bundle too little": b'{"bundles": [{}]}',
    "a bundle of text": b'{"bundles": ["x"]}',
    "too deep": b"[" * 100_000,
    "a field too many": b'{"bundles": [{"plugins": [], "colour": 1}]}',
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_catalog_counts_as_empty(own_files: Path, kind: str) -> None:
    catalog_file().parent.mkdir()
    catalog_file().write_bytes(DAMAGE[kind])
    assert load_catalog() == Catalog()


# Names


def named(name: str, path: str, **fields: Any) -> Scanned:
    ref = PluginRef(id=f"VST3-{name}-{path}", name=name)
    info = PluginInfo(ref=ref, path=path)
    return Scanned(
        **{
            "path": path,
            "size_bytes": 1,
            "mtime_ns": 1,
            "sha256": "",
            "status": "ok",
            "plugins": (info,),
            **fields,
        }
    )


def test_a_plugin_by_name_identifier_or_path() -> None:
    catalog = Catalog(bundles=(named("Glue", "/a/Glue.vst3"), named("Tape", "/a/Tape.vst3")))
    for text in ("Glue", "glue", "GLUE", "vst3-glue-/a/glue.vst3", "/a/Glue.vst3"):
        assert catalog.find(text).ref.name == "Glue"
    assert [plugin.ref.name for plugin in catalog.plugins] == ["Glue", "Tape"]


def test_near_names_are_suggested() -> None:
    catalog = Catalog(bundles=(named("ZaMaximX2", "/a/ZaMaximX2.vst3"),))
    with pytest.raises(PluginNotFound, match="no plug-in named 'zamaximx'; did you mean 'ZaMaximX2'"):
        catalog.find("zamaximx")
    with pytest.raises(PluginNotFound, match="no plug-in named 'Reverb'") as caught:
        catalog.find("Reverb")
    assert "plugins scan" in caught.value.hint
    assert caught.value.exit_code == 2


def test_two_of_a_name_need_a_path() -> None:
    catalog = Catalog(bundles=(named("Glue", "/a/Glue.vst3"), named("Glue", "/b/Glue.vst3")))
    with pytest.raises(
        PluginNotFound, match=r"'Glue' may be 2 plug-ins: .*/a/Glue\.vst3, .*/b/Glue\.vst3"
    ) as caught:
        catalog.find("Glue")
    assert caught.value.code == "plugin_ambiguous"
    assert catalog.find("/b/Glue.vst3").path == "/b/Glue.vst3"


def test_an_unusable_plugin_says_why() -> None:
    bad = named("Spin", "/a/Spin.vst3", status="timed_out", reason="it gave no answer", plugins=())
    for text in ("Spin", "/a/Spin.vst3"):
        with pytest.raises(PluginError, match="cannot be used: it gave no answer") as caught:
            Catalog(bundles=(bad,)).find(text)
        assert caught.value.code == "plugin_timed_out"


# Bundles and folders


def test_bundles_are_found_where_they_lie(tmp_path: Path) -> None:
    for place in ("B.vst3/Contents", "vendor/deep/A.VST3/Contents", ".hidden/C.vst3", "a/b/c/d/e/F.vst3"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "flat.vst3").write_text("a file")
    (tmp_path / "readme.txt").write_text("no plug-in")
    (tmp_path / "A.component").mkdir()
    found = [
        path.relative_to(tmp_path).as_posix() for path in find_bundles([tmp_path, tmp_path, tmp_path / "no"])
    ]
    assert found == ["A.component", "B.vst3", "flat.vst3", "vendor/deep/A.VST3"]
    assert find_bundles([tmp_path / "B.vst3"]) == [tmp_path / "B.vst3"]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "X.vst3").mkdir()
    assert tmp_path / "X.vst3" in find_bundles([tmp_path])


def test_folders_of_the_users_own_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATH_VARIABLE, os.pathsep.join(["/one", "", "~/two"]))
    assert standard_folders()[:2] == (Path("/one"), Path.home() / "two")


def test_a_digest_is_of_names_and_bytes(tmp_path: Path) -> None:
    def bundle(name: str, **files: bytes) -> Path:
        folder = tmp_path / name
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        return folder

    first = digest(bundle("1", a=b"x", b=b"y"))
    assert digest(bundle("2", a=b"x", b=b"y")) == first
    others = [{"a": b"x", "c": b"y"}, {"a": b"y", "b": b"x"}, {"a": b"x", "b": b"z"}, {"a": b"xy", "b": b""}]
    assert first not in [digest(bundle(f"o{n}", **files)) for n, files in enumerate(others)]
    before = fingerprint(tmp_path / "1")
    os.utime(tmp_path / "1" / "b", ns=(1, before.mtime_ns + 5))
    assert fingerprint(tmp_path / "1") != before


@pytest.mark.parametrize("link", ["Contents", "Contents/x86_64-linux"])
def test_what_a_link_inside_leads_to_is_part_of_the_bundle(tmp_path: Path, link: str) -> None:
    """Or one allowed bundle with a linked folder would allow every other one."""
    digests, prints = set(), set()
    for number in range(2):
        real, bundle = tmp_path / f"real{number}", tmp_path / f"B{number}.vst3"
        code = real / Path("Contents/x86_64-linux").relative_to(link) / "B.so"
        code.parent.mkdir(parents=True)
        code.write_bytes(b"code" * (number + 1))
        (bundle / link).parent.mkdir(parents=True)
        (bundle / link).symlink_to(real)
        digests.add(digest(bundle))
        prints.add(fingerprint(bundle).size_bytes)
    assert len(digests) == 2
    assert prints == {4, 8}


# Policy


def test_an_empty_policy_allows_nothing(tmp_path: Path) -> None:
    from mastering.errors import PluginForbidden

    with pytest.raises(PluginForbidden, match=r"allowed folders \(none\)"):
        Policy().check(tmp_path / "X.vst3", "0" * 64)


def test_words_replace_each_other() -> None:
    word = Word(sha256="a" * 64, name="X")
    policy = Policy().allow(word).forbid(word).allow(word).allow(replace(word, name="Y"))
    assert policy == Policy(allowed=(replace(word, name="Y"),))
    assert policy.forbid(word) == Policy(forbidden=(word,))


def test_a_folder_is_no_prefix_of_a_name(tmp_path: Path) -> None:
    from mastering.errors import PluginForbidden

    policy = Policy(folders=(str(tmp_path / "vst3"),))
    policy.check(tmp_path / "vst3" / "deep" / "X.vst3", "")
    for path in (tmp_path / "vst3-evil" / "X.vst3", tmp_path / "vst3" / ".." / "X.vst3"):
        with pytest.raises(PluginForbidden):
            policy.check(path, "")


def test_the_users_words_there_and_back(own_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PATH_VARIABLE, "/mine")
    assert load_words() == Policy()
    policy = Policy().allow(Word(sha256="a" * 64, name="Größe")).forbid(Word(sha256="b" * 64, name="B"))
    save_words(policy)
    assert load_words() == policy
    assert policy_file().parent == own_files / "config"
    assert desktop_policy().forbidden == policy.forbidden
    assert "/mine" in desktop_policy().folders


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"allowed": 3}', b"\xff\xfe", b"[" * 100_000])
def test_damaged_words_are_an_error_not_a_permission(own_files: Path, content: bytes) -> None:
    policy_file().parent.mkdir()
    policy_file().write_bytes(content)
    with pytest.raises(PresetError, match="policy"):
        desktop_policy()


# Keys


def entry(name: str, index: int, automatable: bool = True) -> dict[str, Any]:
    return {
        "index": index,
        "name": name,
        "unit": " dB ",
        "low": 0.0,
        "high": 1.0,
        "choices": [" A ", "B"],
        "boolean": False,
        "default_raw": 0.0,
        "default_text": "",
        "steps": 0,
        "automatable": automatable,
    }


def test_keys_are_unique_and_can_be_typed() -> None:
    table = [
        entry("Gain", 0, automatable=False),
        entry("Gain", 1),
        entry("Gain (dB)", 2),
        entry("Größe!", 3),
        entry("***", 4),
        entry("gain", 5),
        entry("Band 1", 6),
        entry("Band 1", 7),
        entry("MIDI CC 7", 8),
        entry("MIDI Ch. 1 CC 7", 9),
    ]
    found = parameters_of(table)
    assert [(parameter.index, parameter.key) for parameter in found] == [
        (0, "gain_3"),
        (1, "gain"),
        (2, "gain_db"),
        (3, "gr_sse"),
        (4, "parameter_4"),
        (5, "gain_2"),
        (6, "band_1"),
        (7, "band_2"),
    ]
    assert (found[0].unit, found[0].choices) == ("dB", ("A", "B"))
