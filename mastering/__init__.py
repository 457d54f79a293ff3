"""Tonmeister's core: measure, match, master and deliver music.

Floors, low to high; each module imports only from floors above it in this list:
`errors`, `units` - `audio`, `chain`, `target` - `dsp` - `measure` - `ports`, `codec`,
`library` - `io`, `host` - `match`, `report` - `pipeline`, `delivery` - `cli`.
"""
