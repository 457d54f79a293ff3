"""Speaker layouts, and the downmix of more than two channels to stereo.

ITU-R BS.775-4, table 2: left = L + 0.7071 C + 0.7071 Ls, right likewise; the LFE is left
out. Not in that table, so decided here: side and back speakers count alike (0.7071), a
single back centre feeds both sides at -6 dB (0.5), front speakers beside the centre stay on
their side at -3 dB, height speakers are folded like surrounds. Nothing is scaled down:
float samples cannot overflow, and the level is the mastering's business.

Where a file does not name its speakers, the usual order for the number of channels holds:
that of WAV and FLAC, or that of Ogg (Vorbis I, section 4.3.9) for Ogg files.
"""

from __future__ import annotations

import numpy as np

from mastering.audio import Samples

__all__ = ["downmix_matrix", "speakers_of_mask", "usual_speakers"]

# The bits of dwChannelMask, from the lowest.
_MASK_ORDER = "FL FR FC LFE BL BR FLC FRC BC SL SR TC TFL TFC TFR TBL TBC TBR"
_WAV_ORDER = {
    1: "FC",
    2: "FL FR",
    3: "FL FR FC",
    4: "FL FR BL BR",
    5: "FL FR FC BL BR",
    6: "FL FR FC LFE BL BR",
    7: "FL FR FC LFE BC SL SR",
    8: "FL FR FC LFE BL BR SL SR",
}
_OGG_ORDER = {
    3: "FL FC FR",
    5: "FL FC FR BL BR",
    6: "FL FC FR BL BR LFE",
    7: "FL FC FR SL SR BC LFE",
    8: "FL FC FR SL SR BL BR LFE",
}
_MINUS_3_DB = 0.5**0.5
_LEFT = {"FL": 1.0, "DL": 1.0, "FLC": _MINUS_3_DB, "BL": _MINUS_3_DB, "SL": _MINUS_3_DB, "WL": _MINUS_3_DB}
_LEFT |= {"TFL": _MINUS_3_DB, "TBL": _MINUS_3_DB, "TSL": _MINUS_3_DB}
_BOTH = {"FC": _MINUS_3_DB, "TFC": _MINUS_3_DB, "TC": 0.5, "BC": 0.5, "TBC": 0.5, "LFE": 0.0, "LFE2": 0.0}


def usual_speakers(channels: int, *, ogg: bool = False) -> tuple[str, ...]:
    """Speaker names in the usual order for a number of channels; () where there is none (more than 8).

    >>> usual_speakers(6)
    ('FL', 'FR', 'FC', 'LFE', 'BL', 'BR')
    """
    order = (_OGG_ORDER if ogg else {}).get(channels) or _WAV_ORDER.get(channels, "")
    return tuple(order.split())


def speakers_of_mask(mask: int, channels: int) -> tuple[str, ...]:
    """Speaker names of a WAV's dwChannelMask; () where it does not name every channel."""
    names = tuple(name for bit, name in enumerate(_MASK_ORDER.split()) if mask >> bit & 1)
    return names if len(names) == channels and mask < 1 << len(_MASK_ORDER.split()) else ()


def downmix_matrix(speakers: tuple[str, ...]) -> Samples | None:
    """Matrix float32 [2, channels] that turns these speakers into stereo; None for an unknown speaker.

    >>> downmix_matrix(("FL", "FR", "LFE")).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    matrix = np.zeros((2, len(speakers)), np.float32)
    for column, name in enumerate(speakers):
        mirrored = name[:-1] + "L" if name.endswith("R") else name.replace("RC", "LC")
        if name in _BOTH:
            matrix[:, column] = _BOTH[name]
        elif name in _LEFT:
            matrix[0, column] = _LEFT[name]
        elif mirrored in _LEFT:
            matrix[1, column] = _LEFT[mirrored]
        else:
            return None
    return matrix if speakers else None
