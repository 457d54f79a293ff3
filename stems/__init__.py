"""Stems: a recording taken apart, and put together again.

Taking apart
    separate   Separator: what the rest of the project calls    separation  what it gives
    identity   which model is meant, without PyTorch            settings    how; names of cache entries
    survey     the first pass: digest and level                 layout      channels, one to eight
    work       filling a cache entry, resumably                 overlap     overlap-add, holding one segment
    cache      what was separated before                        raw, locks  its files, and who holds them
    device     CPU and GPUs, and too little memory
    models     names to verified networks                       engine      the fast forward pass on CPU
Putting together
    remix      stems to a new mix
"""

import os

__all__: list[str] = []

# PyTorch's threads wait for one another after every operation. Waiting by spinning takes the core that the
# last of them needs: beside other work separation was ten times slower. Read when PyTorch is loaded; what the
# user has set stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
