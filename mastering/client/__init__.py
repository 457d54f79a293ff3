"""A client of the service, typed.

Example:
    from mastering.client import Tonmeister

    with Tonmeister("http://127.0.0.1:8440", key=None) as desk:
        song = desk.upload("song.wav")
        job = desk.wait(desk.master(song, style="warm", container="flac"))
        print(job.state, job.summary["after"]["integrated_lufs"])
        desk.download(job, "masters")

values     Song, Job, Result, ServiceError
transport  requests, and errors as ServiceError
sending    uploads that go on where they were cut off
client     Tonmeister
"""

from mastering.client.client import Tonmeister
from mastering.client.values import Job, Result, ServiceError, Song

__all__ = ["Job", "Result", "ServiceError", "Song", "Tonmeister"]
