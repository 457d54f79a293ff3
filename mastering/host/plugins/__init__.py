"""External plug-ins: found, remembered, and run where they can hurt nobody.

- `bundles`, `policy`, `catalog`, `scan`: what is installed, what may be loaded, what is known about it.
- `worker` (the child's side): `confine`, `plainvalues`; `wire` and `shared` are how both sides talk.
- `process` (this side): one plug-in in one process; `stream` runs audio through it; `host` keeps processes
  warm.
- `stage`: a plug-in as a step of a chain; `spool` keeps its sound; `checks` is what it
  must not do to it.
- `setting`: "threshold=-18 dB" as a person types it; `presets`: .vstpreset files; `instrument`: notes to
  sound.

Nothing here imports pedalboard but `worker`: a plug-in's code never runs in this process.
"""

from __future__ import annotations

__all__: list[str] = []
