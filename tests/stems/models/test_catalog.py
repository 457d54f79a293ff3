"""The catalogue says what demucs 4.1 itself says, and is honest about digests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mastering.errors import ParameterError
from stems.models import find_model, list_models

REMOTE = Path(pytest.importorskip("demucs").__file__).parent / "remote"
NAMES = [entry.name for entry in list_models() if entry.label == "official"]


def test_every_name_of_demucs_is_there_and_no_other() -> None:
    assert sorted(NAMES) == sorted(file.stem for file in REMOTE.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_bags_are_those_of_demucs(name: str) -> None:
    bag = yaml.safe_load((REMOTE / f"{name}.yaml").read_text())
    entry = find_model(name)
    assert [member.signature for member in entry.members] == bag["models"]
    equal = [[1.0] * len(entry.sources)] * len(entry.members)
    assert [list(row) for row in entry.weights] == bag.get("weights", equal)
    assert entry.segment_s == bag.get("segment")


def test_old_addresses_are_those_of_demucs() -> None:
    from demucs.pretrained import ROOT_URL, _parse_remote_files

    from stems.models.store import address

    theirs = _parse_remote_files(REMOTE / "files.txt")
    for entry in map(find_model, NAMES):
        for member in entry.members:
            _, old = member.files
            assert address(old) == theirs[member.signature]
            assert address(old).startswith(ROOT_URL)


@pytest.mark.parametrize("name", NAMES)
def test_hub_addresses_are_those_of_demucs(name: str) -> None:
    from demucs.hf import DEFAULT_NAMESPACE, hf_repo_name

    for member in find_model(name).members:
        hub = member.files[0]
        pattern = rf"{DEFAULT_NAMESPACE}/{hf_repo_name(name)}/resolve/(main|[0-9a-f]{{40}})/{hub.name}"
        assert re.fullmatch(pattern, hub.path)
        assert hub.name == f"{member.signature}.safetensors"


def test_digests_are_whole_or_the_digits_in_the_name() -> None:
    for entry in map(find_model, NAMES):
        for file in (file for member in entry.members for file in member.files):
            assert re.fullmatch(r"([0-9a-f]{64})?|[0-9a-f]{8}", file.sha256)
            if file.root == "legacy":
                assert file.sha256.startswith(file.name.removesuffix(".th").rpartition("-")[2])


def test_a_signature_is_a_name_too() -> None:
    entry = find_model("04573f0d")
    assert [member.signature for member in entry.members] == ["04573f0d"]
    assert entry.weights == ((1.0,) * 4,)


def test_what_needs_diffq_says_so() -> None:
    assert {entry.name for entry in list_models() if entry.needs} == {"mdx_q", "mdx_extra_q"}


@pytest.mark.parametrize(
    ("typed", "meant"), [("htdemuc", "htdemucs"), ("HTDemucs_FT", "htdemucs_ft"), ("drat", "draft")]
)
def test_unknown_names_are_answered_with_the_nearest(typed: str, meant: str) -> None:
    with pytest.raises(ParameterError, match=f"did you mean '{meant}'") as caught:
        find_model(typed)
    assert caught.value.code == "model_unknown"
    assert "models list" in caught.value.hint


def test_licences_and_training_data_are_told_for_every_model() -> None:
    for entry in map(find_model, NAMES):
        assert "MIT" in entry.terms
        assert "scientific" in entry.terms
        assert "MUSDB18-HQ" in entry.training


def test_listing_and_locating_import_neither_torch_nor_demucs() -> None:
    code = (
        "import sys, stems.models as m\n"
        "e = m.find_model('htdemucs_ft'); m.list_models(); m.facts_of(e); m.verify(e)\n"
        "print({'torch', 'demucs', 'yaml', 'safetensors'} & set(sys.modules))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
