"""What a model is before any file of it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Label", "Member", "ModelEntry", "RemoteFile", "Root"]

Label: TypeAlias = Literal["draft", "official", "custom"]
Root: TypeAlias = Literal["hub", "legacy", "embedded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One file that holds one network.

    Args:
        name: of the file, here and there.
        root: the server that has it; "embedded" comes with the program.
        path: below the server's root.
        size_bytes: None where it is not known.
        sha256: all 64 digits where they are known in advance, else the first ones (those that the file's
            name carries), else empty.
    """

    name: str
    root: Root
    path: str
    size_bytes: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One network of a bag: its signature, and the files any of which holds it, the preferred one first."""

    signature: str
    files: tuple[RemoteFile, ...]

    @property
    def size_bytes(self) -> int | None:
        """Size of the file that is known; all files of a member are about equally large."""
        return next((file.size_bytes for file in self.files if file.size_bytes), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model by name.

    Args:
        name: what the user types.
        label: "draft" for the embedded one, "official" for those of demucs.
        summary: one sentence for people.
        sources: the stems in the order of the network's outputs.
        members: the networks of the bag, in order; one may stand there twice.
        weights: for each member one weight per source; the mean is weighted by them.
        segment_s: overrides what each network takes at a time; None leaves it.
        licence, terms: in a word, and in sentences.
        training: what it was trained on.
        needs: a package that is not installed with tonmeister, such as "diffq"; empty for none.
        version: of the embedded model; empty for others.
    """

    name: str
    label: Label
    summary: str
    sources: tuple[str, ...]
    members: tuple[Member, ...]
    weights: tuple[tuple[float, ...], ...]
    segment_s: float | None = None
    licence: str = ""
    terms: str = ""
    training: str = ""
    needs: str = ""
    version: str = ""

    @property
    def distinct_members(self) -> tuple[Member, ...]:
        """The members without repetitions."""
        return tuple({member.signature: member for member in self.members}.values())

    @property
    def size_bytes(self) -> int | None:
        """Size of the whole download; None where one size is not known."""
        sizes = [member.size_bytes for member in self.distinct_members]
        return None if None in sizes else sum(size or 0 for size in sizes)
