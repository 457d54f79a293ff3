"""What a node is asked, and what its answer means."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mastering.jobs.cluster.probe import DISTRIBUTION, Probe, installed_version, prober
from mastering.jobs.locks import is_locked


def test_a_node_that_is_fit(tmp_path: Path) -> None:
    probe = Probe(tmp_path)
    with probe.laid():
        answer = prober()(str(probe.mark), DISTRIBUTION)
        assert answer == ("version", installed_version())
        assert probe.reason("a", answer) is None
    assert list(tmp_path.iterdir()) == []


def test_marks_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    (tmp_path / "probe-dead").write_text("", "ascii")
    first = Probe(tmp_path)
    with first.laid(), Probe(tmp_path).laid():
        assert is_locked(first.mark)
        assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_the_node_does_not_see(tmp_path: Path) -> None:
    probe = Probe(tmp_path)
    answer = prober()(str(tmp_path / "elsewhere" / "mark"), DISTRIBUTION)
    problem = probe.reason("node7", answer)
    assert problem is not None
    assert problem.message.startswith(f"the node node7 cannot use the folder of the jobs, {tmp_path} (")
    assert "--jobs-folder" in problem.hint


def test_a_folder_whose_locks_are_not_shared(tmp_path: Path) -> None:
    probe = Probe(tmp_path)
    probe.mark.write_text("", "ascii")  # there, and nobody's lock is seen
    problem = probe.reason("node7", prober()(str(probe.mark), DISTRIBUTION))
    assert problem is not None
    assert problem.message == f"a lock in {tmp_path} does not hold on the node node7"


def test_another_version(tmp_path: Path) -> None:
    problem = Probe(tmp_path).reason("node7", ("version", "9.9.9"))
    assert problem is not None
    assert problem.message == f"the node node7 has tonmeister 9.9.9, and this is {installed_version()}"
    assert problem.exit_code == 3


def test_no_tonmeister_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mastering.jobs.locks", None)
    problem = Probe(tmp_path).reason("node7", prober()("mark", DISTRIBUTION))
    assert problem is not None
    assert problem.message == "the node node7 has no tonmeister"
    assert "Install tonmeister" in problem.hint
