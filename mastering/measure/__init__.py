"""Measurement: streaming meters, joined into one value.

`features` holds that value and `analyse`; `meter` runs all meters on one stream. The meters:
`loudness` (on `kweighting`), `peaks`, `levels`, `defects`, `spectrum` (with `bandwidth`) and
`dynamics`; `blocks` and `bands` are what they share. Each takes blocks through `push`, gives its
readings with `result` at any time, and reads the same however the stream is cut. `spectrogram`
makes a picture out of a whole source.
"""
