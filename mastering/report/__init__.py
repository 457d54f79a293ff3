"""What was done and why, in words, numbers and plots.

Values in, text out; nothing here opens a file (the PNG functions of `plots` write one).

- `model`: Report, Check, Curves: the values everything here is made of.
- `summary`: the sentences a producer reads. `text`: the terminal report. `html`: the one-file document.
- `compare`: two Features side by side, as a value and as a table.
- `plots`: SVG for the document, PNG of the equaliser, and for `measure --plot` and `compare --plot`.
- `shares`: how much of a difference was matched, left, and how sure that is; `judgement`, `amounts` and
  `certainty` say it in words, `judged` as a table.
- `stems`: single stems in words and for the JSON document; `stempage` as HTML.
- `wording`, `rows`, `steps`, `tone`, `response`, `checks`, `provenance`: the parts of all those.
"""
