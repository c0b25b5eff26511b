"""A trained pair on the faces it never learnt from, judged by a model that facepipe does not use.

    python -m facepipe_tests.benchmarks.held_out DATA_ROOT IDENTITY TARGET [--without teacher]

prints whom the mesh swap and the trained network show, and writes a sheet of both. `--without
teacher` first trains the pair's adapter again as long, but never on what the mesh swap shows.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from facepipe.arrays import FloatArray, RgbImages
from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile
from facepipe.landmarks.landmarker import FaceFinder
from facepipe.media.png import save_png
from facepipe.training import lora
from facepipe.training.adapter import load_adapter, merged
from facepipe.training.batches import Part, as_they_are, some_of
from facepipe.training.checkpoint import best_of
from facepipe.training.device import DeviceSettings
from facepipe.training.evaluation import flicker, landmark_errors, similarities
from facepipe.training.grids import grid
from facepipe.training.jobs import LoraJob
from facepipe.training.judging import draw_all
from facepipe.training.losses import Batch
from facepipe.training.settings import LoraTrainingSettings
from facepipe_tests.benchmarks.bare import CPU
from facepipe_tests.real import Judge

SHOWN, LOOKED_AT = 8, 48
"""Rows of the sheet, and faces whose landmarks are found again."""


@dataclass(frozen=True)
class Trained:
    """A pair that was trained in a data root."""

    root: Path
    identity: str
    target: str

    def place(self, key: str) -> Path:
        """Where an asset of the pair, or of one side of it, is published."""
        names = {"identity": [self.identity], "target": [self.target]}
        side = key.split("/")[0]
        return self.root.joinpath(
            "assets", *key.split("/"), *names.get(side, [self.identity, self.target])
        )

    def job(self) -> LoraJob:
        """The adapter's training, as it was."""
        recipe = json.loads((self.place("pair/lora_checkpoint") / ".recipe.json").read_text())
        return LoraJob(
            base=self.place("identity/checkpoint"),
            faces=self.place("identity/faces"),
            profile=self.place("identity/profile") / "profile.json",
            target_faces=self.place("target/faces"),
            models=self.root / "models",
            settings=LoraTrainingSettings(**recipe["settings"]),
        )


class Untaught(lora.LoraTask):
    """Learns to draw the identity as itself and to leave the target alone; no mesh swap."""

    def batch(self, generator: torch.Generator) -> Batch:
        """Half of each."""
        whole = self.settings
        self.settings = replace(whole, taught=1e-9, own=0.5, batch_size=whole.batch_size + 1)
        try:
            batch = super().batch(generator)  # the one face that is taught at least comes first
        finally:
            self.settings = whole
        return Batch(**{name: value[1:] for name, value in vars(batch).items()})


def train_untaught(pair: Trained, out: Path) -> None:
    """Train the pair's adapter without its teacher."""
    taught, lora.LoraTask = lora.LoraTask, Untaught
    try:
        scratch = out.with_name(f"{out.name}.scratch")
        scratch.mkdir(parents=True, exist_ok=True)
        pair.job()(device=DeviceSettings("cpu", threads=1), scratch=scratch, out=out)
    finally:
        lora.LoraTask = taught


@dataclass(frozen=True, eq=False)
class Examined:
    """Held-out faces of a pair's target, and what became of them."""

    person: lora.Person
    batch: Batch
    index: torch.Tensor
    drawn: torch.Tensor


def examined(pair: Trained, adapter: Path) -> Examined:
    """Draw every held-out face of the target."""
    job = pair.job()
    base, settings = best_of(job.base), job.settings
    network: nn.Module = merged(load_adapter(base, best_of(adapter)))
    profile, faces = Profile.load(job.profile), FaceSet.load(job.faces)
    squares = lora.load_faces(FaceSet.load(job.target_faces), settings.held_out_every)
    source = lora.checked_embedding(profile.embedding, "identity")
    mesh = lora.average_mesh(squares)
    person = lora.Person(squares, source, lora.lookups(squares, mesh))
    index = squares.judged
    swaps = lora.mesh_swaps(faces, squares)
    batch = as_they_are(Part(person, index, source, swaps), settings, CPU)
    return Examined(person, batch, index, draw_all(network, batch).rgb)


def people_of(pair: Trained, judge: Judge) -> dict[str, FloatArray]:
    """The mean of each side's faces, as the judge sees them."""
    sides = {"identity": "identity/faces", "target": "target/faces"}
    return {name: _mean(pair.place(key), judge) for name, key in sides.items()}


def _mean(folder: Path, judge: Judge) -> FloatArray:
    squares = lora.load_faces(FaceSet.load(folder), 5)
    mean = embedded(_crops(lora.network_square(squares.rgb)), judge).mean(0)
    return mean / np.linalg.norm(mean)


def _crops(squares: torch.Tensor) -> RgbImages:
    found = (squares * 255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)
    return np.ascontiguousarray(found[:, :112, 8:120])


def embedded(crops_rgb: RgbImages, judge: Judge) -> FloatArray:
    """Unit vectors of ArcFace-aligned faces `(N, 112, 112, 3)`."""
    return np.stack([judge.embed_crop(crop) for crop in crops_rgb])


def numbers(found: Examined, drawn: torch.Tensor, pair: Trained, judge: Judge) -> dict[str, float]:
    """Whom drawn faces show, how far their landmarks are off, how much they flicker."""
    people = people_of(pair, judge)
    told = similarities(drawn, people, lambda crops: embedded(crops, judge))
    faces, some = found.person.faces, some_of(torch.arange(len(drawn)), LOOKED_AT)
    bundle = pair.root / "models" / "face_landmarker.task"
    with FaceFinder(bundle, 1, moving=False) as finder:
        errors = landmark_errors(
            drawn[some],
            faces.rgb[found.index[some]],
            faces.points_px[found.index[some]],
            lambda picture: finder.find(picture, 0.0)[0],
        )
    run = torch.isin(found.index, faces.judged_run)
    points = faces.points_px[faces.judged_run] - np.array([16, 16, 0], np.float32)
    return {
        **told,
        "landmark_error_iod": float(np.mean(errors)),
        "flicker_ratio": flicker(drawn[run], found.batch.target[run], points),
    }


def main() -> None:
    """Print the table and write the sheet."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("identity")
    parser.add_argument("target")
    parser.add_argument("--without", choices=["teacher"])
    parser.add_argument("--sheet", type=Path, default=Path("held_out.png"))
    given = parser.parse_args()
    pair, judge = Trained(given.root.absolute(), given.identity, given.target), Judge()
    adapter = pair.place("pair/lora_checkpoint")
    if given.without:
        adapter = given.sheet.with_suffix(".adapter").absolute()
        train_untaught(pair, adapter)
    found = examined(pair, adapter)
    rows = {"mesh swap": found.batch.wanted, "network": found.drawn}
    told = {name: numbers(found, drawn, pair, judge) for name, drawn in rows.items()}
    table = Table("faces", str(len(found.index)), *told["network"])
    for name, values in told.items():
        table.add_row(name, "", *(f"{value:.3f}" for value in values.values()))
    Console(width=200).print(table)
    few = some_of(torch.arange(len(found.drawn)), SHOWN)
    columns = [found.batch.target[few], found.batch.wanted[few], found.drawn[few]]
    sheet = grid(columns)
    save_png(given.sheet, cv2.resize(sheet, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))


if __name__ == "__main__":
    main()
