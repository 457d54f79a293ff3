"""Measurement: loudness, peaks, spectrum, dynamics and stereo, joined by `features.analyse`."""
