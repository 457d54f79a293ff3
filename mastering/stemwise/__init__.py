"""Stem-aware mastering: each stem is matched to its counterpart, the changes are added to the recording.

Separation is somebody else's (`ports.Separator`); here stems are sources of audio that sum to the
recording, whoever made them.

- `values`: StemMatch and StemsMatch: what was wanted and done for each stem, and what was left alone.
- `hearing`: stems measured. `trust`: how much of such a measurement is the stem and not its neighbours.
- `balance`: levels of stems against each other. `weighing`: a matcher's answer, as far as it is trusted.
- `matching`: all of it together, a chain for each stem.
- `resum`: the recording plus what the chains change.
- `provenance`: which separator a recipe needs, and whether the one at hand is the same.
"""
