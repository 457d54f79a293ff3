"""The page that `tonmeister serve` shows: plain files, served as they lie here.

There is no build: ES modules, style sheets, a font and wavesurfer.js as published, under one digest of their
contents, so that a browser may keep them for ever and never mixes two versions.
"""

from mastering.service.page.files import DIGEST, Asset, find_asset, index_html

__all__ = ["DIGEST", "Asset", "find_asset", "index_html"]
