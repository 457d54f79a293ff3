"""Weights are what their card names, or they are not used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mastering.errors import ModelError
from mastering.io.weights import load_weights
from mastering.train.export import write_model

CARD = 'name = "tiny"\nversion = "3"\nlicence = "CC0-1.0"\nsha256 = ""\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path, "tiny", {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}, CARD)
    return tmp_path


def test_round_trip(folder: Path) -> None:
    ref, arrays = load_weights(folder, "tiny")
    assert (ref.name, ref.version, ref.licence, len(ref.sha256)) == ("tiny", "3", "CC0-1.0", 64)
    assert arrays["a"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_nothing_unfinished_stays(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["tiny.safetensors", "tiny.toml"]


def test_one_changed_byte_is_refused(folder: Path) -> None:
    path = folder / "tiny.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256 differs") as caught:
        load_weights(folder, "tiny")
    assert (caught.value.code, caught.value.exit_code) == ("model_checksum", 3)


@pytest.mark.parametrize("gone", ["tiny.toml", "tiny.safetensors"])
def test_a_missing_file_is_named(folder: Path, gone: str) -> None:
    (folder / gone).unlink()
    with pytest.raises(ModelError, match=gone) as caught:
        load_weights(folder, "tiny")
    assert caught.value.code == "model_missing"


def test_a_card_without_a_digest_is_refused(folder: Path) -> None:
    (folder / "tiny.toml").write_text('name = "tiny"\n')
    with pytest.raises(ModelError, match="card"):
        load_weights(folder, "tiny")


def test_a_pickle_is_not_executed(folder: Path) -> None:
    """A file that is no safetensors file is refused even where its digest is the card's."""
    import hashlib
    import pickle

    content = pickle.dumps({"a": 1})
    (folder / "tiny.safetensors").write_bytes(content)
    (folder / "tiny.toml").write_text(CARD.replace('""', f'"{hashlib.sha256(content).hexdigest()}"'))
    with pytest.raises(ModelError, match="not a safetensors file"):
        load_weights(folder, "tiny")
