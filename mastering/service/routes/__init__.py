"""The routes, one module for each part of the API."""

from mastering.service.routes import (
    about,
    archives,
    events,
    jobs,
    media,
    ops,
    page,
    plugins,
    recipes,
    results,
    shares,
    songs,
    spectrograms,
    uploads,
)

__all__ = ["ROUTERS"]

ROUTERS = (
    about.router,
    uploads.router,
    songs.router,
    jobs.router,
    events.router,
    results.router,
    archives.router,
    media.router,
    spectrograms.router,
    recipes.router,
    plugins.router,
    shares.router,
    ops.router,
    page.router,
)
"""The page comes last: it takes what nobody else does."""
