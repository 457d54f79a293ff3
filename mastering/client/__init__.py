"""A client of the service, typed.

Example:
    from mastering.client import Tonmeister

    with Tonmeister("http://127.0.0.1:8440", key=None) as desk:
        song = desk.upload("song.wav")
        job = desk.wait(desk.master(song, style="warm", container="flac"))
        print(job.state, job.summary["after"]["integrated_lufs"])
        desk.download(job, "masters")

values     Song, Job, Result, Link, ServiceError
options    what requests take besides: MasterOptions, Adjust, ...
answers    what the service tells besides: About, Analysis, ...
transport  requests, and errors as ServiceError
sending    uploads that go on where they were cut off
downloads  results that go on where they were cut off
streams    events
spectrograms    levels as bytes, and what they mean
songs, orders, jobs, recipes, plugins, shares    the methods, by what they are about
client     Tonmeister: all of them
"""

from mastering.client.client import Tonmeister
from mastering.client.options import Adjust, DeliveryOptions, Insert, MasterOptions, StemChange, ToneBand
from mastering.client.values import Job, Link, Result, ServiceError, Song

__all__ = [
    "Adjust",
    "DeliveryOptions",
    "Insert",
    "Job",
    "Link",
    "MasterOptions",
    "Result",
    "ServiceError",
    "Song",
    "StemChange",
    "ToneBand",
    "Tonmeister",
]
