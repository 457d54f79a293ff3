"""Stem separation and remixing. Reserved: `mastering.audio.Stems` is the value it will hand over."""
