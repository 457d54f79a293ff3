"""What the service needs of whoever puts the program together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from mastering.chain import SeparatedBy
from mastering.host.plugins.policy import Policy
from mastering.ports import Separator
from mastering.service.models import AlbumBody, ApplyBody, MasterBody, RemixBody, StemsBody

__all__ = ["NewWorkshop", "Separators", "Workshop"]


class Separators(Protocol):
    """Makes separators, wherever it is sent to: a value that crosses processes."""

    def separator(self, made_by: SeparatedBy | None = None) -> Separator:
        """The separator that a recipe's stems were made by.

        Raises:
            ParameterError: no such model.
            ModelError: its files are missing.
        """
        ...


class Workshop(Protocol):
    """Makes the requests of jobs, as the command line would for the same wishes.

    Every method may raise a TonmeisterError: a wish that cannot be fulfilled. Outputs go below `folder`,
    which need not be there yet.
    """

    def master(self, body: MasterBody, song: Path, references: Sequence[Path], folder: Path) -> Any:
        """Of one song."""
        ...

    def album(self, body: AlbumBody, songs: Sequence[Path], references: Sequence[Path], folder: Path) -> Any:
        """Of several songs that belong together."""
        ...

    def apply(self, body: ApplyBody, song: Path, folder: Path) -> Any:
        """Of a saved recipe."""
        ...

    def stems(self, body: StemsBody, song: Path, folder: Path) -> Any:
        """Of a separation."""
        ...

    def remix(self, body: RemixBody, song: Path, folder: Path) -> Any:
        """Of stems put together again."""
        ...

    def separators(self, made_by: SeparatedBy) -> Separators:
        """How a recipe's song is taken apart, as jobs do it.

        Raises:
            ParameterError: by a model that has no name here.
        """
        ...

    def stem_models(self) -> list[dict[str, Any]]:
        """Separation models that can be named: name, label, stems."""
        ...


NewWorkshop: TypeAlias = Callable[[Callable[[], Policy]], Workshop]
"""Makes a workshop that asks its argument what plug-ins may be loaded."""
