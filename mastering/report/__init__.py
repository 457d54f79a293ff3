"""What was done and why, in words, numbers and plots.

Values in, text out; nothing here opens a file (the two PNG functions of `plots` write one).

- `model`: Report, Check, Curves: the values everything here is made of.
- `summary`: the sentences a producer reads. `text`: the terminal report. `html`: the one-file document.
- `compare`: two Features side by side, as a value and as a table.
- `plots`: SVG for the document, PNG for `measure --plot` and `compare --plot`.
- `wording`, `rows`, `steps`, `tone`, `response`, `checks`: the parts those are put together from.
"""
