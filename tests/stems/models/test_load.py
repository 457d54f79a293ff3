"""Loading equals demucs's own loaders, and refuses what is no model without executing any of it."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mastering.errors import ModelError, ParameterError, TonmeisterError
from stems.models import ModelEntry, catalog, find_model, load, loader, locate, verify

torch = pytest.importorskip("torch")

Make = Callable[..., Any]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for one another cost more than these tiny networks do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise(frames: int = 8_192) -> Any:
    return 0.1 * torch.randn(1, 2, frames, generator=torch.Generator().manual_seed(5))


def same_outputs(ours: Any, theirs: Any) -> bool:
    with torch.no_grad():
        return bool(torch.equal(ours(noise()), theirs.eval()(noise())))


def refused(path: Path, **options: Any) -> TonmeisterError:
    with pytest.raises(TonmeisterError) as caught:
        load(path, **options)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("kind", ["HTDemucs", "HDemucs", "Demucs"])
def test_safetensors_loads_as_demucs_loads_it(
    network: Make, as_safetensors: Make, tmp_path: Path, kind: str, half: bool
) -> None:
    from demucs.hf import load_safetensors_model

    path = tmp_path / "tiny.safetensors"
    path.write_bytes(as_safetensors(network(kind), half=half))
    loaded = load(path)
    (module,) = loaded.models
    assert same_outputs(module, load_safetensors_model(path))
    assert {tensor.dtype for tensor in module.state_dict().values()} == {torch.float32}
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert (loaded.name, loaded.label, loaded.licence) == ("tiny", "custom", "not stated")
    assert (loaded.sources, loaded.sample_rate, loaded.audio_channels) == (
        ("drums", "bass", "other", "vocals"),
        44_100,
        2,
    )
    assert loaded.segment_s == float(module.segment)
    assert loaded.sha256 == (hashlib.sha256(path.read_bytes()).hexdigest(),)
    assert loaded.weights == [[1.0] * 4]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("kind", ["HTDemucs", "HDemucs", "Demucs"])
def test_th_loads_as_demucs_loads_it_without_trust(
    network: Make, as_package: Make, tmp_path: Path, kind: str, half: bool
) -> None:
    from demucs.states import load_model

    path = tmp_path / "tiny.th"
    path.write_bytes(as_package(network(kind), half=half))
    (module,) = load(path).models
    assert same_outputs(module, load_model(path))
    assert {tensor.dtype for tensor in module.state_dict().values()} == {torch.float32}


def test_classes_of_2021_have_another_name(network: Make, as_safetensors: Make, tmp_path: Path) -> None:
    path = tmp_path / "old.safetensors"
    path.write_bytes(as_safetensors(network("HDemucs"), klass="demucs.wdemucs.WDemucs"))
    assert type(load(path).models[0]).__name__ == "HDemucs"


def test_pickles_of_old_numpy_and_of_2021_are_read(network: Make, as_package: Make) -> None:
    from stems.models.packages import _allowed

    names = {entry[1] for entry in _allowed(b"") if isinstance(entry, tuple)}
    assert {
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "demucs.wdemucs.WDemucs",
    } <= names


def test_a_bag_loads_as_demucs_loads_it(network: Make, as_package: Make, tmp_path: Path) -> None:
    from demucs.pretrained import get_model

    for seed, signature in enumerate(("aaaa0001", "aaaa0002")):
        content = as_package(network("HDemucs", seed=seed))
        digits = hashlib.sha256(content).hexdigest()[:8]
        (tmp_path / f"{signature}-{digits}.th").write_bytes(content)
    weights = [[1.0, 0.5, 0.0, 0.0], [0.0, 0.5, 1.0, 2.0]]
    bag = tmp_path / "mine.yaml"
    bag.write_text(f"models: ['aaaa0001', 'aaaa0002']\nweights: {weights}\nsegment: 8\n")
    theirs = get_model("mine", repo=tmp_path)
    ours = load(bag)
    assert ours.name == "mine"
    assert ours.weights == theirs.weights == weights
    assert ours.segment_s == 8.0 == theirs.models[0].segment
    assert all(same_outputs(a, b) for a, b in zip(ours.models, theirs.models, strict=True))
    assert len(set(ours.sha256)) == 2


@pytest.mark.parametrize(("asked_s", "given_s"), [(0.25, 0.25), (44.0, 0.5)])
def test_a_transformer_never_gets_more_than_it_was_trained_on(
    network: Make, as_safetensors: Make, tmp_path: Path, asked_s: float, given_s: float
) -> None:
    from demucs.apply import BagOfModels

    (tmp_path / "aaaa0001.safetensors").write_bytes(as_safetensors(network("HTDemucs")))
    (tmp_path / "bag.yaml").write_text(f"models: [aaaa0001]\nsegment: {asked_s}\n")
    loaded = load(tmp_path / "bag.yaml")
    theirs = BagOfModels([network("HTDemucs")], None, asked_s)
    assert loaded.segment_s == pytest.approx(given_s) == float(theirs.models[0].segment)


def test_an_official_model_loads_by_its_entry(
    publish: Make, cache: Path, two_networks: tuple[bytes, bytes]
) -> None:
    from stems.models import download

    entry: ModelEntry = publish(
        dict(zip(("aaaa0001", "aaaa0002"), two_networks, strict=True)),
        weights=((1.0, 0.0, 1.0, 1.0), (0.0, 1.0, 0.0, 0.0)),
        segment_s=5.0,
        licence="test",
    )
    download(entry)
    loaded = load(entry)
    assert (loaded.name, loaded.label, loaded.licence, loaded.segment_s) == (
        "test-model",
        "official",
        "test",
        5.0,
    )
    assert loaded.weights == [[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]]
    assert loaded.sha256 == tuple(hashlib.sha256(content).hexdigest() for content in two_networks)
    assert not same_outputs(loaded.models[0], loaded.models[1])
    path = cache / "aaaa0002.safetensors"
    path.write_bytes(two_networks[0])
    with pytest.raises(ModelError, match="the digest that is known of it") as caught:
        load(entry)
    assert caught.value.code == "model_checksum"


def test_an_official_model_with_other_stems_is_refused(
    publish: Make, network: Make, as_safetensors: Make
) -> None:
    from stems.models import download

    entry = publish({"aaaa0001": as_safetensors(network("HDemucs", sources=("a", "b")))})
    download(entry)
    with pytest.raises(ModelError, match="its stems are a, b; those of model 'test-model' are drums, bass"):
        load(entry)


def test_a_network_that_stands_twice_is_loaded_once(
    tmp_path: Path, two_networks: tuple[bytes, bytes]
) -> None:
    (tmp_path / "aaaa0001.safetensors").write_bytes(two_networks[0])
    (tmp_path / "bag.yaml").write_text("models: [aaaa0001, aaaa0001]\n")
    loaded = load(tmp_path / "bag.yaml")
    assert loaded.models[0] is loaded.models[1]


def test_loading_leaves_the_random_numbers_alone(tmp_path: Path, two_networks: tuple[bytes, bytes]) -> None:
    (tmp_path / "tiny.safetensors").write_bytes(two_networks[0])
    before = torch.random.get_rng_state()
    load(tmp_path / "tiny.safetensors")
    assert torch.equal(before, torch.random.get_rng_state())


# The embedded model: the real one once it is there, and a stand-in of the same form until then.


@pytest.fixture(params=["shipped", "stand-in"])
def embedded(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    network: Make,
    as_safetensors: Make,
) -> Path:
    shipped = catalog.embedded_folder()
    if request.param == "shipped" and (shipped / "draft.safetensors").is_file():
        return shipped
    content = as_safetensors(network("HDemucs"), half=True)
    (tmp_path / "draft.safetensors").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    card = f'name = "draft"\nversion = "0"\nlicence = "GPL-3.0-or-later"\nsha256 = "{digest}"\nextra = 1\n'
    (tmp_path / "draft.toml").write_text(card)
    monkeypatch.setattr(catalog, "embedded_folder", lambda: tmp_path)
    return tmp_path


def test_the_embedded_model_loads_by_name_and_as_demucs_loads_it(embedded: Path) -> None:
    from demucs.hf import load_safetensors_model

    from mastering.io.weights import model_ref

    loaded = load("draft")
    ref = model_ref(embedded / "draft.toml")
    assert (loaded.name, loaded.label, loaded.licence) == ("draft", "draft", ref.licence)
    assert loaded.sha256 == (ref.sha256,)
    assert loaded.sources == find_model("draft").sources
    assert find_model("draft").version == ref.version
    assert same_outputs(loaded.models[0], load_safetensors_model(embedded / "draft.safetensors"))
    assert verify(find_model("draft"))[0].state == "sound"
    assert find_model("draft").size_bytes == (embedded / "draft.safetensors").stat().st_size < 10_000_000


def test_an_embedded_model_that_is_not_its_cards_is_refused(
    embedded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    content = bytearray((embedded / "draft.safetensors").read_bytes())
    content[-1] ^= 1
    (changed / "draft.safetensors").write_bytes(content)
    (changed / "draft.toml").write_bytes((embedded / "draft.toml").read_bytes())
    monkeypatch.setattr(catalog, "embedded_folder", lambda: changed)
    with pytest.raises(ModelError, match="the one on its card"):
        load("draft")


# What is refused.


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("where", ["alone", "state", "klass", "bare pickle"])
def test_a_pickle_executes_nothing_unasked(
    network: Make, as_package: Make, tmp_path: Path, where: str, protocol: int
) -> None:
    mark, path = tmp_path / "executed", tmp_path / "evil.th"
    buffer = io.BytesIO()
    if where == "alone":
        torch.save(Bomb(mark), buffer, pickle_protocol=protocol)
    elif where == "bare pickle":
        pickle.dump(Bomb(mark), buffer, protocol=protocol)
    else:
        buffer.write(as_package(network("HDemucs"), **{where: Bomb(mark)}))
    path.write_bytes(buffer.getvalue())
    error = refused(path)
    assert error.code in ("model_pickle", "model_damaged")
    if error.code == "model_pickle":
        assert "--allow-pickle" in error.hint
    assert not mark.exists()


def test_a_class_of_ones_own_loads_with_the_users_word_only(
    as_package: Make, network: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = types.ModuleType("my_networks")
    base = type(network("HDemucs"))
    own.Mine = type("Mine", (base,), {"__module__": "my_networks"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_networks", own)
    module = network("HDemucs")
    path = tmp_path / "mine.th"
    path.write_bytes(as_package(module, klass=own.Mine))
    error = refused(path)
    assert error.code == "model_pickle"
    assert "my_networks.Mine" in error.message
    assert same_outputs(load(path, allow_pickle=True).models[0], module)


@pytest.mark.parametrize(
    "klass", ["os.system", "torch.nn.modules.linear.Linear", "demucs.htdemucs.os", "", "x"]
)
def test_a_class_is_never_imported_by_a_files_word(
    network: Make, as_safetensors: Make, tmp_path: Path, klass: str
) -> None:
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(as_safetensors(network("HDemucs"), klass=klass))
    error = refused(path)
    assert error.code == "model_foreign"
    assert "HTDemucs, HDemucs and Demucs" in error.hint


@pytest.mark.parametrize("suffix", ["safetensors", "th"])
@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, -1])
def test_what_is_cut_short_is_refused(
    network: Make, as_safetensors: Make, as_package: Make, tmp_path: Path, suffix: str, keep: float
) -> None:
    content = (as_safetensors if suffix == "safetensors" else as_package)(network("HDemucs"))
    count = int(keep * len(content)) if isinstance(keep, float) else keep
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(content[:count])
    assert refused(path).code == "model_damaged"


@pytest.mark.parametrize("suffix", ["safetensors", "th"])
def test_what_is_something_else_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"song.{suffix}"
    path.write_bytes(b"RIFF" + bytes(5000))
    assert refused(path).code == "model_damaged"


@pytest.mark.parametrize(
    "head", [b"[]", b'{"a":1}', b'{"a":{}}', b"{" * 5000, b'{"a":{"data_offsets":["x","y"]}}', b"\xff\xfe"]
)
def test_heads_that_make_no_sense_are_refused(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(len(head).to_bytes(8, "little") + head)
    assert refused(path).code == "model_damaged"


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ('{"channels": 8, "depth": 5}', "of another size such as"),
        ('{"channels": 4, "depth": 4}', "too many such as"),
        ('{"channels": 4, "dconv_depth": 3}', "missing such as"),
        ('{"channels": 1000000000}', "weights are not those|make no HDemucs"),
        ('{"channels": "many"}', "its arguments make no HDemucs"),
        ('{"channels": 4, "samplerate": 12}', "its sample rate is 12: allowed 8000 to 384000 Hz"),
        ('{"channels": 4, "segment": -1}', "its segment is -1"),
        (
            '{"channels": 4, "segment": {"_type": "fraction", "numerator": 1, "denominator": 0}}',
            "cannot be read",
        ),
        ("[1]", "another form"),
        ("not json", "cannot be read"),
    ],
)
def test_a_description_that_is_not_that_of_the_weights(
    network: Make, as_safetensors: Make, tmp_path: Path, kwargs: str, said: str
) -> None:
    path = tmp_path / "wrong.safetensors"
    path.write_bytes(as_safetensors(network("HDemucs"), kwargs=kwargs))
    with pytest.raises(ModelError, match=said):
        load(path)
    assert refused(path).code in ("model_mismatch", "model_damaged", "model_foreign")


def test_arguments_demucs_no_longer_knows_are_left_out_as_demucs_does(
    network: Make, as_safetensors: Make, tmp_path: Path
) -> None:
    path = tmp_path / "old.safetensors"
    path.write_bytes(as_safetensors(network("HDemucs"), kwargs='{"channels": 4, "forgotten": true}'))
    assert load(path).sample_rate == 44_100


def test_a_state_dict_alone_is_no_model(network: Make, tmp_path: Path) -> None:
    torch.save(network("HDemucs").state_dict(), tmp_path / "state.th")
    error = refused(tmp_path / "state.th")
    assert error.code == "model_foreign"
    assert "no package of class, arguments and state" in error.message


def test_numbers_that_are_not_finite_are_refused(network: Make, as_safetensors: Make, tmp_path: Path) -> None:
    module = network("HDemucs")
    next(module.parameters()).data[0] = float("nan")
    (tmp_path / "nan.safetensors").write_bytes(as_safetensors(module))
    error = refused(tmp_path / "nan.safetensors")
    assert error.code == "model_damaged"
    assert "not finite" in error.message


def test_the_digits_in_a_name_are_checked(network: Make, as_package: Make, tmp_path: Path) -> None:
    content = as_package(network("HDemucs"))
    digits = hashlib.sha256(content).hexdigest()[:8]
    right, wrong = tmp_path / f"aaaa0001-{digits}.th", tmp_path / "aaaa0001-00000000.th"
    for path in (right, wrong):
        path.write_bytes(content)
    assert load(right).sha256[0].startswith(digits)
    error = refused(wrong)
    assert error.code == "model_checksum"
    assert f"begins with {digits}, the one its name begins to tell with 00000000" in error.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: []", "no list `models`"),
        ("- a", "no YAML with a list"),
        ("models: [[}", "it is no YAML"),
        ("models: ['../../etc/passwd']", "is not a signature"),
        ("models: [12345678]", "put it in quotes"),
        ("models: [aaaa0001]\nweights: [[1, 1, 1]]", "must have 4 numbers"),
        ("models: [aaaa0001]\nweights: [[1, 1, 1, 1], [1, 1, 1, 1]]", "must be 1 lists"),
        ("models: [aaaa0001]\nweights: [[1, 1, 0, 1]]", "are all 0"),
        ("models: [aaaa0001]\nweights: [[1, -1, 1, 1]]", "numbers from 0 up"),
        ("models: [aaaa0001]\nweights: [[1, .nan, 1, 1]]", "numbers from 0 up"),
        ("models: [aaaa0001]\nsegment: 0", "seconds above 0"),
        ("models: [aaaa0001, aaaa0003]", "not those of aaaa0001"),
        ("models: [!!python/object/apply:os.system [ls]]", "it is no YAML"),
    ],
)
def test_bags_that_are_none(
    network: Make,
    as_safetensors: Make,
    two_networks: tuple[bytes, bytes],
    tmp_path: Path,
    text: str,
    said: str,
) -> None:
    (tmp_path / "aaaa0001.safetensors").write_bytes(two_networks[0])
    (tmp_path / "aaaa0003.safetensors").write_bytes(as_safetensors(network("HDemucs", sources=("a", "b"))))
    (tmp_path / "bag.yaml").write_text(text)
    with pytest.raises(ModelError, match=said):
        load(tmp_path / "bag.yaml")
    assert refused(tmp_path / "bag.yaml").code == "model_bag"


def test_a_bag_finds_official_networks_where_they_are(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_networks: tuple[bytes, bytes]
) -> None:
    (tmp_path / "bag.yaml").write_text("models: ['955717e8']\n")
    assert refused(tmp_path / "bag.yaml").code == "model_missing"
    cache.mkdir(parents=True)
    (cache / "955717e8.safetensors").write_bytes(two_networks[0])
    # It is found there, and it is not the official one.
    assert refused(tmp_path / "bag.yaml").code == "model_checksum"


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    for suffix in ("safetensors", "th", "yaml"):
        assert refused(tmp_path / f"none.{suffix}").code == "model_missing"
    (tmp_path / "folder.th").mkdir()
    assert refused(tmp_path / "folder.th").code == "model_unreadable"


def test_other_files_and_unknown_names_are_parameters(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"allowed \.safetensors, \.th, \.yaml"):
        load(tmp_path / "model.onnx")
    with pytest.raises(ParameterError, match="did you mean 'htdemucs'"):
        load("htdemuks")


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("htdemucs", False),
        ("955717e8", False),
        ("a.th", True),
        ("A.SAFETENSORS", True),
        ("./x", True),
        (Path("x"), True),
    ],
)
def test_names_and_paths(model: str | Path, path: bool) -> None:
    assert loader.is_path(model) is path


# Quantized models: diffq is not a dependency; a stand-in of its one function shows the way through demucs.


def quantized(module: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """State of a quantized network as demucs saves it, and the same flat with its structure."""
    state = {"quantized": {"all": list(module.state_dict().values())}, "__quantized": True}
    tensors = {f"state.quantized.all.{place}": value for place, value in enumerate(state["quantized"]["all"])}
    structure = {
        "_dict": [
            ["quantized", {"_dict": [["all", {"_list": [{"_tensor": key} for key in tensors]}]]}],
            ["__quantized", True],
        ]
    }
    return state, {"tensors": tensors, "structure": structure}


@pytest.fixture
def diffq(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.machinery

    package = types.ModuleType("diffq")
    package.__spec__ = importlib.machinery.ModuleSpec("diffq", None)

    def restore(module: Any, state: Any) -> None:
        names = module.state_dict().keys()
        module.load_state_dict(dict(zip(names, state["quantized"]["all"], strict=True)))

    package.restore_quantized_state = restore  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "diffq", package)


def write_quantized(module: Any, folder: Path, as_package: Make) -> list[Path]:
    from safetensors.torch import save

    state, flat = quantized(module)
    (folder / "q.th").write_bytes(as_package(module, state=state))
    args, kwargs = module._init_args_kwargs
    metadata = {
        "klass": "demucs.hdemucs.HDemucs",
        "args": json.dumps(args),
        "kwargs": json.dumps(kwargs),
        "structure": json.dumps(flat["structure"]),
    }
    (folder / "q.safetensors").write_bytes(save(flat["tensors"], metadata=metadata))
    return [folder / "q.th", folder / "q.safetensors"]


def test_quantized_models_say_what_they_need(network: Make, as_package: Make, tmp_path: Path) -> None:
    for path in write_quantized(network("HDemucs"), tmp_path, as_package):
        error = refused(path)
        assert error.code == "model_needs_package"
        assert "pip install diffq" in error.hint
    with pytest.raises(ModelError, match="needs the package diffq"):
        load("mdx_q")


@pytest.mark.usefixtures("diffq")
def test_quantized_models_are_unpacked_by_demucs(network: Make, as_package: Make, tmp_path: Path) -> None:
    module = network("HDemucs")
    for path in write_quantized(module, tmp_path, as_package):
        assert same_outputs(load(path).models[0], module)


def test_fractions_come_back_whole(network: Make, as_safetensors: Make, tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(as_safetensors(network("HTDemucs", segment=Fraction(39, 5))))
    assert load(path).models[0].segment == Fraction(39, 5)


def test_a_file_by_hand_needs_no_download(
    cache: Path, publish: Make, two_networks: tuple[bytes, bytes], server: Any
) -> None:
    entry = publish({"aaaa0001": two_networks[0]}, known=False)
    cache.mkdir(parents=True)
    (cache / "aaaa0001.safetensors").write_bytes(two_networks[0])
    assert locate(entry).files[0].expected.origin == "nothing"
    assert load(entry).label == "official"
    assert verify(entry)[0].state == "unknown"
    assert server.asked == []
