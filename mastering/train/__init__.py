"""Training of the learned matcher: everything here may import torch, nothing here is needed to master.

curves    random gain curves: degradations that are exact on band powers
degrade   random degradations of audio: compression, expansion, saturation, clipping, bandwidth, width
takes     a song and its degraded versions as frames of band powers, kept on disk
pairs     random training cases from takes: input, reference and what mastering did between them
model     the network in torch (the one `mastering.match.network` runs in numpy)
fit       the training loop: seeds, checkpoints, resuming
personal  `tonmeister train`: fine-tune on someone's own masters
"""
