"""Train the learned matcher from scratch, as its card says: data, training, export.

    pip install '.[train]'                                  # and FluidSynth with a General MIDI sound font
    python tools/train_matcher.py prep  --data ../shared/data --sound-font FluidR3_GM.sf2 --work work
    python tools/train_matcher.py train --work work         # resumes after an interruption
    python tools/train_matcher.py eval  --work work         # development songs only; the test songs are
    python tools/train_matcher.py export --work work        # judged by tools/bench/match.py

`prep` takes 25 minutes on two cores, `train` about an hour and a half on one (a GPU is used where there is
one). Both can be stopped and called again. Seeds are fixed; on the same machine and versions the
same weights come out.
"""

from __future__ import annotations

import argparse
import json
import tarfile
from pathlib import Path

import numpy as np

SPLIT_KINDS = ("undo", "leave", "follow", "cross")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("prep", "train", "eval", "export"))
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
    {"prep": prep, "train": train, "eval": evaluate, "export": export}[given.stage](given)


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


def evaluate(given: argparse.Namespace) -> None:
    """Medians on the development songs, beside the closed form's."""
    from mastering.train import fit

    net = fit.restore(given.work / "matcher.ckpt")
    for name, batch in _dev_batches(given.work).items():
        print(f"{name:24}", _rounded(fit.evaluate(net, batch)))
        print(f"{'':24}", "shrinkage", _rounded(fit.baseline(batch)))


def export(given: argparse.Namespace) -> None:
    """Write presets/models/matcher.safetensors and the digest in its card."""
    from mastering.train import fit
    from mastering.train.export import write_model

    folder = Path(__file__).resolve().parent.parent / "presets" / "models"
    net = fit.restore(given.work / "matcher.ckpt")
    ref = write_model(folder, "matcher", {k: v.numpy() for k, v in net.state_dict().items()})
    print(ref)


def _takes(work: Path, split: str) -> list:
    from mastering.train.takes import load

    found = [
        load(path) for path in sorted((work / "takes").glob(f"{split}-*.npz")) if ".part" not in path.name
    ]
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
