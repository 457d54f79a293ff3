"""Data only: styles, delivery targets and chains, read through `mastering.library`."""
