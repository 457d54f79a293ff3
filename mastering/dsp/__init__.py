"""Plain signal processing: arrays and keywords in, arrays out; knows nothing above it."""
