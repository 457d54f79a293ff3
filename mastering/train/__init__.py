"""Training of the learned matcher; nothing here is needed to master. Model, fit, dynamics, tune import torch.

curves    random gain curves: degradations that are exact on band powers
degrade   random degradations of audio: compression, expansion, saturation, clipping, bandwidth, width
takes     a song and its degraded versions as frames of band powers, kept on disk
stretches what a matcher measures of any frames of a take, after curves on its bands
pairs     random training cases from takes: input, reference and what mastering did between them
model     the network in torch (the one `mastering.match.network` runs in numpy)
fit       the training loop: seeds, checkpoints, resuming
dynamics  the last stage: the compressors, through the exact twin and on real renders
export    weights and their card to files
personal  `tonmeister train`: fine-tune on someone's own masters; its parts are masters (what a folder
          holds), alike (the same music twice), prepare (takes of them), house (cases of actual use),
          tune (the loop), corridor (the style), tables and places (what is written, and where)
"""
