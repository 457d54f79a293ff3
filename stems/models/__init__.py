"""Separation models: names to verified files to modules that run.

    entries    ModelEntry, Member, RemoteFile: the values
    catalog    list_models, find_model: what presets/models/separators.toml says
    store      locate: where files are, and what to do where they are not
    facts      facts_of: all that is known of a model's files
    digests    SHA-256 of a file and what it must be
    transfer   one file over HTTP: resumed, counted, checked
    exclusive  one download into a folder at a time
    downloader download: the files of a model, once
    verifier   verify: every file of a model against its digest
    weights    safetensors headers, without torch
    packages   a file as class, arguments and state; nothing in it is executed
    modules    a package as a module
    bags       YAML bags of local files
    loader     load: LoadedModel

Torch is imported only inside `load`.
"""

from __future__ import annotations

from stems.models.catalog import find_model, list_models
from stems.models.downloader import Progress, download
from stems.models.entries import Member, ModelEntry, RemoteFile
from stems.models.facts import FileFacts, facts_of
from stems.models.loader import LoadedModel, load
from stems.models.store import LocatedFile, ModelFiles, folders, locate
from stems.models.verifier import FileCheck, verify

__all__ = [
    "FileCheck",
    "FileFacts",
    "LoadedModel",
    "LocatedFile",
    "Member",
    "ModelEntry",
    "ModelFiles",
    "Progress",
    "RemoteFile",
    "download",
    "facts_of",
    "find_model",
    "folders",
    "list_models",
    "load",
    "locate",
    "verify",
]
