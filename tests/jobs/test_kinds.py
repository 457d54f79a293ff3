"""Requests: known by name, written down and read again, the same or not the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mastering import library
from mastering.cli.job_kinds import KINDS
from mastering.cli.plugins.render_task import RenderTask
from mastering.cli.plugins.setup import Setup
from mastering.cli.stems.delivery import Format
from mastering.cli.stems.outputs import Place
from mastering.cli.stems.remix_material import Wish
from mastering.cli.stems.remix_task import RemixTask
from mastering.cli.stems.tasks import Settings, StemsTask
from mastering.cli.tasks import AlbumTask, ApplyTask, MasterTask, StemsOrder
from mastering.cli.watch_task import DropAlbumTask, DropTask
from mastering.codec import to_plain
from mastering.errors import ParameterError, PresetError
from mastering.host.plugins.values import WorkerLimits
from mastering.jobs.kinds import absolute, content_key, load
from mastering.jobspec import MasterJob, load_recipe, merge_delivery
from mastering.target import DeliverySpec
from stems.remix.values import Remix

_IN, _OUT = Path("in.wav"), Path("out.wav")


def _job() -> MasterJob:
    style = library.load_style("balanced")
    target = library.load_target(library.names("targets")[0])
    delivery = merge_delivery(style, target, {}, referenced=True)
    return MasterJob(references=(Path("reference.wav"),), style=style, target=target, delivery=delivery)


def _requests() -> list[tuple[str, str, Any]]:
    how = Format(container="flac", bit_depth=24)
    place = Place(root=Path("stems"), track="in", template="{stem}", container="flac")
    return [
        ("master", "short", MasterTask(source=_IN, output=_OUT, job=_job())),
        ("master", "long", MasterTask(source=_IN, output=_OUT, job=_job(), stems=StemsOrder())),
        ("album", "short", AlbumTask(pairs=((_IN, _OUT),), job=_job())),
        ("drop", "short", DropTask(master=MasterTask(source=_IN, output=_OUT, job=_job()), content="c")),
        (
            "drop-album",
            "short",
            DropAlbumTask(album=AlbumTask(pairs=((_IN, _OUT),), job=_job()), contents=("c",), take=2),
        ),
        (
            "apply",
            "short",
            ApplyTask(
                recipe=load_recipe(library.names("chains")[0]),
                source=_IN,
                output=_OUT,
                force=True,
                downmix=False,
                write_report=True,
            ),
        ),
        ("stems", "long", StemsTask(source=_IN, place=place, how=how, settings=Settings(device="auto"))),
        ("stems", "long", StemsTask(source=_IN, place=_OUT, how=how, settings=Settings(), wanted="vocals")),
        (
            "remix",
            "long",
            RemixTask(
                spec=Remix(),
                source=_IN,
                output=_OUT,
                delivery=DeliverySpec(),
                wish=Wish(quality={"overlap": 0.5}),
            ),
        ),
        (
            "render",
            "short",
            RenderTask(
                name="plug-in",
                source=_IN,
                output=_OUT,
                setup=Setup(preset=Path("a.vstpreset")),
                limits=WorkerLimits(),
                delivery=DeliverySpec(),
            ),
        ),
    ]


@pytest.mark.parametrize(("name", "lane", "request_"), _requests())
def test_every_task_survives_being_written_down(name: str, lane: str, request_: Any) -> None:
    assert KINDS.of(request_).name == name
    plain = json.loads(json.dumps(to_plain(request_)))
    assert KINDS.read(name, plain) == request_
    about = KINDS.about(request_)
    assert (about.label, about.lane) == (request_.label, lane)
    assert _IN in about.inputs


@pytest.mark.parametrize(("name", "lane", "request_"), _requests())
def test_no_path_depends_on_the_folder_one_is_in(name: str, lane: str, request_: Any) -> None:
    assert all(path.is_absolute() for path in KINDS.about(absolute(request_)).inputs)
    assert absolute(absolute(request_)) == absolute(request_)


def test_what_makes_requests_the_same(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    source.write_bytes(b"music")
    task = MasterTask(source=source, output=_OUT, job=MasterJob())
    kind = KINDS.of(task)
    key = content_key(kind, task, [source])
    assert key == content_key(kind, task, [source])
    assert key != content_key(kind, replace(task, output=_IN), [source])
    source.write_bytes(b"Music")
    assert key != content_key(kind, task, [source])


def test_unknown_kinds_and_code_that_is_not_there() -> None:
    with pytest.raises(ParameterError, match="did you mean 'master'"):
        KINDS.named("mastr")
    with pytest.raises(ParameterError, match="no kind of job"):
        KINDS.of(object())
    with pytest.raises(ParameterError, match="not there"):
        load("mastering.nothing:here")
    with pytest.raises(PresetError, match="unknown key 'sauce'"):
        KINDS.read("master", {"sauce": "in.wav"})
