"""The host: what may be loaded, what a recipe finds, and how many processes it keeps."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mastering.audio import Audio
from mastering.chain import PluginRef
from mastering.errors import PluginCrashed, PluginForbidden, PluginNotFound
from mastering.host.plugins import host as host_module
from mastering.host.plugins import warm as warm_module
from mastering.host.plugins.bundles import digest
from mastering.host.plugins.catalog import Catalog
from mastering.host.plugins.host import PluginHost
from mastering.host.plugins.policy import Policy, Word
from mastering.host.plugins.scan import scan
from mastering.host.plugins.stage import PluginStage
from mastering.host.plugins.values import PluginInfo
from tests.host.plugins.support import (
    LIMITS,
    RATE,
    Remains,
    allowing,
    children,
    collected,
    noise,
    step_of,
    through,
)

Hosts = Callable[..., PluginHost]


@pytest.fixture
def copy(tmp_path: Path, plugin_fixtures: dict[str, Path]) -> Path:
    """A bundle of the test's own."""
    place = tmp_path / "own" / "Mono.vst3"
    shutil.copytree(plugin_fixtures["Mono"], place)
    return place


def copied_catalog(copy: Path) -> Catalog:
    return Catalog().with_bundles(scan([copy], Catalog(), allowing(copy), LIMITS))


def library(bundle: Path) -> Path:
    return next(path for path in bundle.rglob("*.so"))


def alter(bundle: Path) -> None:
    """Another build: the same code with a byte more."""
    with library(bundle).open("ab") as file:
        file.write(b"\0")


# What may be loaded


@pytest.mark.parametrize("policy", [Policy(), Policy(folders=("/nowhere",))], ids=["empty", "elsewhere"])
def test_what_is_not_allowed_is_not_loaded(
    new_host: Hosts, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(host_module, "PluginProcess", never)
    host = new_host(policy=policy, on_failure="bypass")
    with pytest.raises(PluginForbidden, match=r"Latency\.vst3: this plug-in is not allowed") as caught:
        through(host, "Test Latency", noise(100))
    assert "tonmeister plugins allow" in caught.value.hint
    assert caught.value.exit_code == 3


def test_a_digest_allows_wherever_it_lies(new_host: Hosts, copy: Path) -> None:
    policy = Policy(allowed=(Word(sha256=digest(copy), name="Mono"),))
    host = new_host(catalog=copied_catalog(copy), policy=policy)
    assert np.array_equal(through(host, "Test Mono", noise(100)), noise(100))


def test_a_ban_goes_before_folders_and_digests(new_host: Hosts, copy: Path) -> None:
    word = Word(sha256=digest(copy), name="Mono")
    policy = replace(allowing(copy), allowed=(word,), forbidden=(word,))
    host = new_host(catalog=copied_catalog(copy), policy=policy)
    with pytest.raises(PluginForbidden, match="this plug-in is forbidden"):
        through(host, "Test Mono", noise(100))


def test_a_link_does_not_lead_out_of_a_folder(new_host: Hosts, copy: Path, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    link = allowed / "Mono.vst3"
    link.symlink_to(copy)
    catalog = copied_catalog(copy)
    moved = replace(catalog.bundles[0], path=str(link))
    moved = replace(moved, plugins=tuple(replace(plugin, path=str(link)) for plugin in moved.plugins))
    host = new_host(catalog=Catalog(bundles=(moved,)), policy=Policy(folders=(str(allowed),)))
    with pytest.raises(PluginForbidden, match="not allowed"):
        through(host, "Test Mono", noise(100))


def test_a_changed_bundle_is_hashed_again_and_refused(new_host: Hosts, copy: Path) -> None:
    policy = Policy(allowed=(Word(sha256=digest(copy), name="Mono"),))
    host = new_host(catalog=copied_catalog(copy), policy=policy)
    through(host, "Test Mono", noise(100))
    alter(copy)
    with pytest.raises(PluginForbidden, match="not allowed"):
        through(host, "Test Mono", noise(100))


def test_a_changed_bundle_is_not_used_silently(new_host: Hosts, copy: Path) -> None:
    """Its parameters may be others, and a recipe must not name the old build: a scan is wanted, or a word."""
    host = new_host(catalog=copied_catalog(copy), policy=allowing(copy))
    old = host.catalog.find("Test Mono").ref.sha256
    alter(copy)
    try:
        info = host.catalog.find("Test Mono")
        through(host, "Test Mono", noise(100))
    except Exception as error:  # whichever says so
        assert "changed" in str(error)  # noqa: PT017
    else:
        assert info.ref.sha256 != old or any("changed" in n.code for n in host.notices)


def test_a_bundle_that_is_gone(new_host: Hosts, copy: Path) -> None:
    host = new_host(catalog=copied_catalog(copy), policy=allowing(copy))
    shutil.rmtree(copy)
    with pytest.raises(PluginNotFound, match="the plug-in Test Mono is gone") as caught:
        through(host, "Test Mono", noise(100))
    assert "plugins scan" in caught.value.hint


# What a recipe finds


def found(host: PluginHost, **changed: str) -> PluginInfo:
    return host.resolve(replace(host.catalog.find("Test Latency").ref, **changed))


def test_the_same_plugin_without_a_word(new_host: Hosts) -> None:
    host = new_host()
    assert found(host) == host.catalog.find("Test Latency")
    assert found(host, sha256="") is host.catalog.find("Test Latency")
    assert host.notices == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"version": "2.0.0", "sha256": "0" * 64}, "Test Latency 2.0.0; here is the older 1.2.3"),
        ({"version": "1.2", "sha256": "0" * 64}, "Test Latency 1.2; here is 1.2.3"),
        ({"version": "1.10.0", "sha256": "0" * 64}, "here is the older 1.2.3"),
        ({"sha256": "0" * 64}, "Test Latency 1.2.3; here is another build of it"),
        ({"id": "VST3-Test Latency-ffff", "sha256": "0" * 64}, "here is another build of it"),
    ],
    ids=["newer", "older", "ten is more than two", "build", "identifier"],
)
def test_another_version_is_told(new_host: Hosts, changed: dict[str, str], words: str) -> None:
    host = new_host()
    assert found(host, **changed).ref.name == "Test Latency"
    found(host, **changed)
    (notice,) = host.notices
    assert notice.code == "plugin_changed"
    assert words in notice.message
    assert "--bypass-plugin" in notice.message


def test_a_missing_plugin_is_named_and_the_way_on(new_host: Hosts) -> None:
    ref = PluginRef(id="VST3-Glue-1", name="Glue", vendor="Cytomic", version="1.7")
    with pytest.raises(PluginNotFound) as caught:
        new_host().resolve(ref)
    assert "Glue 1.7 by Cytomic" in caught.value.message
    assert "--on-plugin-failure bypass" in caught.value.hint
    assert "plugins scan" in caught.value.hint


def test_another_format_is_another_plugin(new_host: Hosts) -> None:
    with pytest.raises(PluginNotFound):
        found(new_host(), format="au")


# Processes


def test_processes_are_kept_warm_and_bounded(
    new_host: Hosts, monkeypatch: pytest.MonkeyPatch, remains: Remains
) -> None:
    monkeypatch.setattr(warm_module, "MOST", 2)
    host, before = new_host(), children()
    infos = [host.catalog.find(name) for name in ("Test Latency", "Test Echo", "Test Mono")]
    pids = []
    for info in infos:
        with host.lease(info) as process:
            pids.append(process.pid)
        assert len(children() - before) <= 2
    assert children() - before == set(pids[1:]), "the longest idle goes first"
    with host.lease(infos[2]) as process:
        assert process.pid == pids[2]
    with host.lease(infos[2], fresh=True) as process:
        assert process.pid != pids[2]
    host.close()
    remains.check()


def test_a_dead_warm_process_is_replaced(new_host: Hosts) -> None:
    host = new_host()
    info = host.catalog.find("Test Latency")
    with host.lease(info) as process:
        pass
    process._child._process.kill()
    process._child._process.wait()
    with host.lease(info) as other:
        assert other.pid != process.pid
    assert np.array_equal(through(host, "Test Latency", noise(100)), noise(100))


def test_a_failed_process_is_never_used_again(new_host: Hosts, remains: Remains) -> None:
    host = new_host()
    info = host.catalog.find("Test Trouble")
    with pytest.raises(RuntimeError, match="not the plug-in's fault"), host.lease(info) as process:
        raise RuntimeError("not the plug-in's fault")
    remains.check()
    with host.lease(info) as other:
        assert other.pid != process.pid


def test_two_jobs_at_once_have_a_process_each(new_host: Hosts) -> None:
    host = new_host()
    info = host.catalog.find("Test Latency")
    with host.lease(info) as one, host.lease(info) as two:
        assert one.pid != two.pid
    with host.lease(info) as again:
        assert again.pid in (one.pid, two.pid)


def test_threads_share_a_host(new_host: Hosts, remains: Remains) -> None:
    host, results, errors = new_host(), {}, []

    def work(number: int) -> None:
        given = noise(40_000, seed=number)
        try:
            for turn in range(3):
                name = ("Test Latency", "Test Echo", "Test Mono")[(number + turn) % 3]
                gain = {"feedback": 0.0} if name == "Test Echo" else {"gain": -float(number)}
                results[number, turn] = (given, through(host, name, given, parameters=gain), name)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(results) == 12
    for (number, _), (given, out, name) in results.items():
        gain = 1.0 if name == "Test Echo" else 10.0 ** (-number / 20.0)
        assert np.abs(out - gain * given).max() < 1e-6
    host.close()
    remains.check()


def test_close_ends_all_and_may_be_called_twice(new_host: Hosts, remains: Remains) -> None:
    host = new_host()
    through(host, "Test Latency", noise(100))
    through(host, "Test Mono", noise(100))
    host.close()
    host.close()
    remains.check()


def test_what_is_given_back_after_the_end_is_ended(new_host: Hosts, remains: Remains) -> None:
    """A job that ends after its host was closed, as in a service that shuts down."""
    host = new_host()
    with host.lease(host.catalog.find("Test Latency")):
        host.close()
    remains.check()


def test_an_abandoned_song_leaves_nothing(new_host: Hosts, remains: Remains) -> None:
    class Endless:
        sample_rate, channels, frames = RATE, 2, 10**9

        def blocks(self):  # type: ignore[no-untyped-def]
            while True:
                yield noise(65_536)
                raise KeyboardInterrupt

    host = new_host()
    stage = PluginStage(Endless(), step_of(host, "Test Latency"), host)
    with pytest.raises(KeyboardInterrupt):
        collected(stage)
    remains.check()


def test_giving_up_is_per_step(new_host: Hosts) -> None:
    host = new_host(on_failure="bypass")
    bad = step_of(host, "Test Trouble", parameters={"trouble": "Crash"})
    good = step_of(host, "Test Trouble")
    audio = Audio(samples=noise(2_000), sample_rate=RATE)
    for step in (bad, good):
        assert np.array_equal(collected(PluginStage(audio, step, host)), audio.samples)
    assert host.given_up == [bad]


def test_an_error_travels_between_processes(new_host: Hosts) -> None:
    import pickle

    with pytest.raises(PluginCrashed) as caught:
        through(new_host(), "Test Trouble", noise(100), parameters={"trouble": "Crash"})
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is PluginCrashed
    assert (again.message, again.hint, again.code) == (
        caught.value.message,
        caught.value.hint,
        caught.value.code,
    )
