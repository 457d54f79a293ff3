"""Where files are looked for, in which order, and what is said where they are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mastering.errors import ModelError
from stems.models import ModelEntry, catalog, find_model, folders, locate, store


def put(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")
    return folder / name


def test_folders_come_in_order(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folders() == (cache,)
    monkeypatch.setenv("TONMEISTER_MODELS_DIR", str(tmp_path / "env"))
    assert folders(tmp_path / "given") == (tmp_path / "given", tmp_path / "env", cache)


def test_the_first_folder_wins(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = find_model("htdemucs")
    name = "955717e8.safetensors"
    torch_hub = put(cache.parents[1] / "torch" / "hub" / "checkpoints", "955717e8-8726e21a.th")
    assert locate(entry).files[0].path == torch_hub
    hub = put(cache.parents[1] / "huggingface/hub/models--adefossez--HTDemucs/snapshots/abc", name)
    assert locate(entry).files[0].path == hub
    old = put(cache, "955717e8-8726e21a.th")
    assert locate(entry).files[0].path == old
    own = put(cache, name)
    assert locate(entry).files[0].path == own
    monkeypatch.setenv("TONMEISTER_MODELS_DIR", str(tmp_path / "env"))
    named = put(tmp_path / "env", name)
    assert locate(entry).files[0].path == named
    given = put(tmp_path / "given", "955717e8-8726e21a.th")
    assert locate(entry, tmp_path / "given").files[0].path == given


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_the_hub_cache_is_where_its_variables_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "hf"))
    root = tmp_path / "hf" / ("hub" if variable == "HF_HOME" else "")
    path = put(root / "models--adefossez--HTDemucs" / "snapshots" / "1", "955717e8.safetensors")
    assert locate(find_model("htdemucs")).files[0].path == path


def test_torch_home_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "th"))
    path = put(tmp_path / "th" / "hub" / "checkpoints", "955717e8-8726e21a.th")
    assert locate(find_model("htdemucs")).files[0].path == path


def test_a_missing_model_says_which_file_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        locate(find_model("htdemucs_ft"), tmp_path / "given")
    error = caught.value
    assert error.code == "model_missing"
    assert "f7e0c4bc.safetensors or f7e0c4bc-ba3fe64a.th and 3 more" in error.message
    assert "\n" not in error.message
    for part in (
        str(tmp_path / "given"),
        "--model draft",
        "models download htdemucs_ft",
        "https://huggingface.co/",
    ):
        assert part in error.hint


def test_half_a_bag_is_missing_the_rest(cache: Path) -> None:
    put(cache, "f7e0c4bc.safetensors")
    with pytest.raises(ModelError, match=r"d12395a8\.safetensors or d12395a8-e57c48e6\.th and 2 more"):
        locate(find_model("htdemucs_ft"))


def test_a_network_that_stands_twice_is_one_file(cache: Path) -> None:
    for signature in ("fa0cb7f9", "902315c2"):
        put(cache, f"{signature}.safetensors")
    files = locate(find_model("repro_mdx_a_hybrid_only")).files
    assert [file.signature for file in files] == ["fa0cb7f9", "902315c2", "fa0cb7f9", "902315c2"]


def test_a_folder_nobody_may_read_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TONMEISTER_MODELS_DIR", str(tmp_path / "file" / "below"))
    with pytest.raises(ModelError, match="is not on this machine"):
        locate(find_model("htdemucs"))


def test_a_wheel_without_the_embedded_model_says_reinstall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "embedded_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match="embedded model 'draft' is not there") as caught:
        locate(find_model("draft"))
    assert caught.value.hint == "Reinstall tonmeister."


def test_published_addresses_follow_the_catalogue(publish: Callable[..., ModelEntry]) -> None:
    entry = publish({"aaaa0001": b"abc"})
    assert store.address(entry.members[0].files[0]).endswith(
        "/hub/someone/Model/resolve/main/aaaa0001.safetensors"
    )
