"""Generation: a small procedural band of our own that writes, plays and mixes a piece.

`piece` is the door (`render_piece`); `compose` writes a `score.Score` from `harmony`, `melody`,
`rhythm` and `arrange`; `render` plays it with `synth`. The same seed gives the same samples.
"""
