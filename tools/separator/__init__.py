"""Training of the embedded separator.

`tracks` groups, `songs` prepares, `mixtures` draws, `learning` trains, `export` writes.
"""
