"""Train the learned matcher from scratch, as its card says: data, training, export.

    pip install .                                           # and FluidSynth with a General MIDI sound font
    python tools/train_matcher.py prep --data ../shared/data --sound-font FluidR3_GM.sf2 --work work
    python tools/train_matcher.py train --work work         # resumes after an interruption
    python tools/train_matcher.py finish --work work        # the compressors, through the exact twin
    python tools/train_matcher.py eval  --work work         # development songs only
    python tools/train_matcher.py check --work work         # is a test song nearly one of the takes?
    python tools/train_matcher.py export --work work        # then tools/bench/match.py judges it

On two idle cores `prep` takes 25 minutes and `train` 25 (a GPU is used where there is one), `finish` 5. All
can be stopped and called again. Seeds are fixed; on the same machine and versions the same weights
come out.
"""

from __future__ import annotations

import argparse
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

SPLIT_KINDS = ("undo", "leave", "follow", "cross")
DEV_PIECES = ("speed", "title", "drowning", "gameover")
FINISH_STEPS, FINISH_SEED = 400, 2


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("prep", "train", "finish", "eval", "check", "export"))
    parser.add_argument("--work", type=Path, required=True, help="folder for takes, checkpoints and logs")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="music, multitrack and midi"
    )
    parser.add_argument("--sound-font", type=Path, default=Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"))
    parser.add_argument("--jobs", type=int, default=2, help="processes of prep")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of train")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop (and save) train after this long")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    given = parser.parse_args()
    stages = {
        "prep": prep,
        "train": train,
        "finish": finish,
        "eval": evaluate,
        "check": check,
        "export": export,
    }
    stages[given.stage](given)


def prep(given: argparse.Namespace) -> None:
    """Render all songs and their degraded versions and keep their band powers."""
    from matcher import corpus

    midi = given.work / "midi"
    if not midi.exists():
        (archive,) = (given.data / "midi").glob("pop909*.tar.xz")
        with tarfile.open(archive) as packed:
            packed.extractall(midi, filter="data")
    folders = corpus.Folders(
        midi=midi / "POP909",
        multitrack=given.data / "multitrack",
        music=given.data / "music",
        sound_font=given.sound_font,
    )
    corpus.build(folders, given.work / "takes", given.jobs)
    corpus.build_items(folders, given.work / "items", given.jobs)


def train(given: argparse.Namespace) -> None:
    """Train, or go on; a line on the development songs every 500 steps goes to train.jsonl."""
    import torch

    from mastering.train import fit

    torch.set_num_threads(given.threads)
    takes = _takes(given.work, "train")
    dev = _dev_batches(given.work)
    losses: list[float] = []

    def watch(step: int, loss: float, net: fit.MatchNet) -> None:
        losses.append(loss)
        if (step + 1) % 500 == 0:
            line = {"step": step + 1, "loss": round(float(np.mean(losses[-500:])), 4)}
            line |= {name: _rounded(fit.evaluate(net, batch)) for name, batch in dev.items()}
            with (given.work / "train.jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            print(step + 1, line["loss"], {name: line[name]["mid"] for name in dev}, flush=True)

    fit.train(
        takes,
        fit.Plan(),
        given.work / "matcher.ckpt",
        watch=watch,
        seconds=60.0 * given.minutes,
        device=fit.choose_device(given.device),
    )


def finish(given: argparse.Namespace) -> None:
    """The last stage: what the compressors' layers learn from real sound; tone and width stay as they are."""
    import torch

    from mastering.train import dynamics, fit

    torch.set_num_threads(given.threads)
    torch.manual_seed(FINISH_SEED)
    net = fit.restore(given.work / "matcher.ckpt")
    items = {
        split: [
            dynamics.load_item(path) for path in sorted((given.work / "items").glob(f"{split}-*[0-9].npz"))
        ]
        for split in ("train", "dev")
    }
    print(f"{len(items['train'])} cases to train on; crest error before and after, dB")
    start = {name: value.clone() for name, value in net.state_dict().items()}
    dynamics.fit_compressors(net, items["train"], steps=FINISH_STEPS, seed=FINISH_SEED, watch=_say_every(50))
    judged = dynamics.judge(net, items["dev"])
    print({kind: {"before": round(b, 3), "after": round(a, 3)} for kind, (b, a) in judged.items()})
    better = sum(after for _, after in judged.values()) < sum(before for before, _ in judged.values())
    print("kept" if better else "not better on songs it has not seen: the compressors stay at their start")
    torch.save(net.state_dict() if better else start, given.work / "matcher.final.pt")


def _say_every(count: int) -> Callable[[int, float], None]:
    losses: list[float] = []

    def watch(step: int, loss: float) -> None:
        losses.append(loss)
        if (step + 1) % count == 0:
            print(step + 1, round(float(np.mean(losses[-count:])), 4), flush=True)

    return watch


def check(given: argparse.Namespace) -> None:
    """The nearest take of every test song: mean distance of levels and their percentiles, in dB."""
    from mastering.io.files import open_source
    from mastering.match.evidence import piece_of
    from mastering.measure.bands import audible, in_db, levels_db
    from mastering.measure.features import CHUNK_PERCENTILES, analyse

    prints = {}
    for path in sorted((given.work / "takes").glob("*[0-9].npz")):
        with np.load(path) as file:
            heard = audible(file["spectra"][0], file["spectra"][0].sum(axis=(1, 2)))
        rows = np.vstack([levels_db(heard)[0], in_db(np.percentile(heard[:, 0], CHUNK_PERCENTILES, axis=0))])
        prints[path.stem] = rows - np.median(rows[0, 2:30])
    for path in sorted(p for p in (given.data / "music").rglob("*.ogg") if p.stem not in DEV_PIECES):
        with open_source(path) as source:
            piece = piece_of(analyse(source))
        own = np.vstack([piece.mid, piece.percentiles_mid])[:, 2:30]
        far = {
            name: float(np.abs(np.maximum(rows, -60.0)[:, 2:30] - own).mean())
            for name, rows in prints.items()
        }
        nearest = min(far, key=lambda name: far[name])
        print(f"{far[nearest]:6.2f} dB  {path.stem:60} {nearest}")


def evaluate(given: argparse.Namespace) -> None:
    """Medians on the development songs, beside the closed form's."""
    from mastering.train import fit

    net = fit.restore(given.work / "matcher.ckpt")
    for name, batch in _dev_batches(given.work).items():
        print(f"{name:24}", _rounded(fit.evaluate(net, batch)))
        print(f"{'':24}", "shrinkage", _rounded(fit.baseline(batch)))


def export(given: argparse.Namespace) -> None:
    """Write presets/models/matcher.safetensors and the digest in its card."""
    import torch

    from mastering.train.export import write_model

    folder = Path(__file__).resolve().parent.parent / "presets" / "models"
    state = torch.load(given.work / "matcher.final.pt", weights_only=True)
    print(write_model(folder, "matcher", {name: value.numpy() for name, value in state.items()}))


def _takes(work: Path, split: str) -> list:
    from mastering.train.takes import load

    found = [load(path) for path in sorted((work / "takes").glob(f"{split}-*[0-9].npz"))]
    if not found:
        raise SystemExit(f"{work / 'takes'}: no takes of split '{split}': run prep first")
    return found


def _dev_batches(work: Path) -> dict:
    """Fixed development cases by family and kind."""
    from mastering.train import fit
    from mastering.train.pairs import draw_case

    takes = _takes(work, "dev")
    batches = {}
    for family in sorted({take.family for take in takes}):
        songs = [take for take in takes if take.family == family]
        for kind in SPLIT_KINDS:
            rng = np.random.default_rng(5)
            batches[f"{family} {kind}"] = fit.batch_of([draw_case(songs, rng, kind) for _ in range(100)])
    return batches


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in numbers.items()}


if __name__ == "__main__":
    main()
