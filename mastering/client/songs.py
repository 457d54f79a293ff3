"""Songs: sent, listed, measured, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mastering.client.answers import Analysis, Peaks
from mastering.client.sending import Sending
from mastering.client.spectrograms import Spectrogram, spectrogram_of
from mastering.client.transport import API, Calls
from mastering.client.values import Song, SongLike, id_of, read

__all__ = ["SongCalls"]


class SongCalls(Calls):
    """What can be asked about songs."""

    def upload(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> Song:
        """Send a file; where the connection breaks, it goes on at what has arrived.

        Raises:
            ServiceError: it is no audio, too large, or the service cannot be reached.
        """
        return self.song(Sending(self._transport, Path(path), name=name).run(on_progress))

    def song(self, song: SongLike) -> Song:
        """A song as it is now."""
        return read(Song, self._transport.json("GET", f"/songs/{id_of(song)}"))

    def songs(self) -> Iterator[Song]:
        """All songs, the newest first."""
        return (read(Song, item) for item in self._transport.pages("/songs", {}))

    def delete_song(self, song: SongLike) -> None:
        """Delete a song that no running job needs."""
        self._transport.ask("DELETE", f"{API}/songs/{id_of(song)}")

    def analysis(self, song: SongLike) -> Analysis:
        """A song's measurements, and curves for plots."""
        found: Analysis = self._transport.json("GET", f"/songs/{id_of(song)}/analysis")
        return found

    def peaks(self, song: SongLike, *, points: int = 2_000) -> Peaks:
        """A song's waveform in at most so many steps."""
        asked = {"points": points}
        found: Peaks = self._transport.json("GET", f"/songs/{id_of(song)}/peaks", params=asked)
        return found

    def spectrogram(self, song: SongLike, *, columns: int = 2_048) -> Spectrogram:
        """A song's levels over time and frequency in at most so many columns."""
        path = f"{API}/songs/{id_of(song)}/spectrogram"
        return spectrogram_of(self._transport.ask("GET", path, params={"columns": columns}))
