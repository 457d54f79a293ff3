"""The routes, one module for each part of the API."""

from mastering.service.routes import about, events, jobs, page, results, songs, uploads

__all__ = ["ROUTERS"]

ROUTERS = (
    about.router,
    uploads.router,
    songs.router,
    jobs.router,
    events.router,
    results.router,
    page.router,
)
"""The page comes last: it takes what nobody else does."""
