"""Train the embedded separator from scratch, as its card says: songs, training, export.

pip install .                                           # and FluidSynth with General MIDI sound fonts
python tools/train_separator.py prep   --data ../shared/data --work work
python tools/train_separator.py train  --work work --without 3.Sodium --until 4000   # the fold
python tools/train_separator.py train  --work work      # goes on with all songs, resumes after a stop
python tools/train_separator.py export --work work
"""

from __future__ import annotations

import argparse
import tarfile
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("prep", "train", "export"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sound-font", type=Path, action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--name", default="draft", help="name of the checkpoint")
    parser.add_argument(
        "--without", action="append", default=[], help="leave a multitrack out and judge on it"
    )
    parser.add_argument("--until", type=int, default=100_000)
    parser.add_argument("--decay-from", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop (and save) train after this long")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--to", type=Path, help="export here instead of to presets/models/draft.safetensors")
    given = parser.parse_args()
    {"prep": prep, "train": train, "export": export}[given.stage](given)


def prep(given: argparse.Namespace) -> None:
    from separator import songs

    midi = given.work / "midi"
    if not midi.exists():
        with tarfile.open(next((given.data / "midi").glob("pop909-*.tar.xz"))) as archive:
            archive.extractall(given.work / "unpacked", filter="data")
        (given.work / "unpacked").rename(midi)
    first = next(midi.rglob("beat_midi.txt")).parent.parent
    folders = songs.Folders(
        multitrack=given.data / "multitrack",
        voice=given.data / "voice",
        samples=given.data / "samples",
        midi=first,
        sound_fonts=tuple(given.sound_font),
    )
    for line in songs.prepare(folders, given.work / "songs", given.jobs):
        print(line, flush=True)


def train(given: argparse.Namespace) -> None:
    import torch
    from separator import learning, mixtures

    torch.set_num_threads(given.threads)
    device = given.device if given.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    plan = learning.Plan(
        until=given.until,
        decay_from=given.decay_from,
        minutes=given.minutes,
        device=device,
    )
    songs = mixtures.load_songs(given.work / "songs", tuple(given.without))
    run = learning.Run(plan, given.work / f"{given.name}.pt")
    judged = mixtures.stretches(given.work / "songs", given.without[0]) if given.without else None
    run.train(songs, judged)


def export(given: argparse.Namespace) -> None:
    from separator.export import write

    checkpoint = given.work / f"{given.name}.pt"
    if given.to is not None:
        print(write(checkpoint, given.to))
        return
    models = Path(__file__).resolve().parent.parent / "presets" / "models"
    print(write(checkpoint, models / "draft.safetensors", models / "draft.toml"))


if __name__ == "__main__":
    main()
