"""The forward pass of HTDemucs and HDemucs, layer by layer, on channels-last maps of one item.

Layers count from the outside: the first ones of the encoder with their partners in the decoder
run fast, what they enclose (`core`) as well or by demucs's own modules.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from stems.engine.core import Core, make_core
from stems.engine.frequency import BandDecoder, BandEncoder
from stems.engine.residual import Moments, combine, row_moments
from stems.engine.support import fast_layers
from stems.engine.waveform import WaveDecoder, WaveEncoder
from stems.engine.workers import Workers, spans

__all__ = ["Hybrid"]

_EPS = 1e-5  # of the normalisation of the model's input
_BANDS = 128  # of a piece of the spectrogram


class Hybrid:
    """A callable forward pass with the prepared weights of `module`, which `support` knows."""

    def __init__(self, module: Any) -> None:
        count = fast_layers(module)
        encoder, decoder = list(module.encoder), list(module.decoder)[::-1]
        wave_encoder, wave_decoder = list(module.tencoder), list(module.tdecoder)[::-1]
        self._module = module
        self._encoders = [
            BandEncoder(encoder[k], _embedding(module) if k == 0 else None) for k in range(count)
        ]
        self._decoders = [BandDecoder(layer) for layer in decoder[:count]]
        self._wave_encoders = [WaveEncoder(layer) for layer in wave_encoder[:count]]
        self._wave_decoders = [WaveDecoder(layer) for layer in wave_decoder[:count]]
        self._core: Core = make_core(module, count)
        self._workers = Workers()

    def __call__(self, mix: Tensor) -> Tensor:
        """Separate (batch, channels, frames) to (batch, sources, channels, frames)."""
        with torch.no_grad():
            frames = mix.shape[-1]
            padded = F.pad(mix, (0, max(0, self._least_frames() - frames)))
            return torch.stack([self._item(item)[..., :frames] for item in padded])

    def _least_frames(self) -> int:
        module = self._module
        return int(module.segment * module.samplerate) if getattr(module, "use_train_segment", False) else 0

    def _item(self, mix: Tensor) -> Tensor:
        spectrum, scale, shift = self._spectrogram(mix)
        wave_shift, wave_scale = _mean_and_deviation(row_moments(mix.contiguous()[None]))
        wave = ((mix - wave_shift) / (_EPS + wave_scale)).t().contiguous()[None]
        spectrum, wave = self._layers(spectrum, wave)
        wave = wave[0].t() * wave_scale + wave_shift
        out = torch.empty(wave.shape)
        tasks = (partial(self._inverse, spectrum, scale, shift, wave, out, k) for k in range(len(out)))
        self._workers.run(tasks)
        return out.view(-1, *mix.shape)

    def _layers(self, spectrum: Tensor, wave: Tensor) -> tuple[Tensor, Tensor]:
        workers = self._workers
        skips, wave_skips, lengths = [], [], []
        for encode, encode_wave in zip(self._encoders, self._wave_encoders, strict=True):
            lengths.append(wave.shape[1])
            spectrum, wave = encode(spectrum, workers), encode_wave(wave, workers)
            skips.append(spectrum)
            wave_skips.append(wave)
        spectrum, wave = self._core(spectrum, wave, workers)
        for decode, decode_wave in zip(self._decoders[::-1], self._wave_decoders[::-1], strict=True):
            spectrum = decode(spectrum, skips.pop(), workers)
            wave = decode_wave(wave, wave_skips.pop(), lengths.pop(), workers)
        return spectrum, wave

    def _spectrogram(self, mix: Tensor) -> tuple[Tensor, float, float]:
        """The normalised spectrogram (bands, frames, channels x 2), and what undoes the normalisation."""
        spec = self._module._spec
        parts = self._workers.run(partial(spec, mix[None, k : k + 1]) for k in range(len(mix)))
        bands, frames = parts[0].shape[-2:]
        out = torch.empty(bands, frames, 2 * len(mix))
        pieces = spans(bands, _BANDS)
        measured = self._workers.run(partial(_interleave, parts, out, *piece) for piece in pieces)
        shift, scale = _mean_and_deviation(combine(measured))
        self._workers.run(partial(_normalise, out[low:high], shift, scale + _EPS) for low, high in pieces)
        return out, scale, shift

    def _inverse(
        self, spectrum: Tensor, scale: float, shift: float, wave: Tensor, out: Tensor, k: int
    ) -> None:
        values = spectrum[:, :, 2 * k : 2 * k + 2] * scale + shift
        z = torch.view_as_complex(values.contiguous())
        torch.add(self._module._ispec(z[None], wave.shape[1])[0], wave[k], out=out[k])


def _embedding(module: Any) -> Tensor | None:
    if module.freq_emb is None:
        return None
    with torch.no_grad():
        bands = torch.arange(module.freq_emb.embedding.num_embeddings)
        embedding: Tensor = module.freq_emb(bands) * module.freq_emb_scale
    return embedding


def _mean_and_deviation(measured: Moments) -> tuple[float, float]:
    mean, spread, count = measured
    return float(mean[0]), float((spread[0] / (count - 1)) ** 0.5)


def _interleave(parts: list[Tensor], out: Tensor, low: int, high: int) -> Moments:
    for k, part in enumerate(parts):
        out[low:high, :, 2 * k : 2 * k + 2] = torch.view_as_real(part[0, 0, low:high])
    return row_moments(out[low:high].view(1, -1, out.shape[2]))


def _normalise(x: Tensor, shift: float, scale: float) -> None:
    x.sub_(shift).div_(scale)
