"""`facepipe run | status | demo`: from raw media to the swap report, and where things stand."""

import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from facepipe.cli.choosing import choose_settings, with_assignments, with_places
from facepipe.cli.console import following, stderr, stdout
from facepipe.cli.inputs import add_input
from facepipe.cli.orphans import orphans
from facepipe.cli.running import Pair, checked_device, run_pair
from facepipe.cli.surroundings import dagster_instance, store
from facepipe.defs.partitions import pair_key
from facepipe.defs.presets import DEMO_PRESETS
from facepipe.settings import checked_name
from facepipe.swapping.mapping import WAYS

DEMO_PEOPLE = {"demo_ada": 6, "demo_ben": 43}
"""The demo's cast: identity and target, by seed of the synthetic renderer."""
MADE = (
    "identity/frames", "identity/landmarks", "identity/smoothed_landmarks", "identity/faces",
    "identity/profile", "identity/checkpoint", "identity/onnx", "target/frames",
    "target/landmarks", "target/smoothed_landmarks", "target/faces", "target/people",
    "target/occlusion_masks", "target/xseg_checkpoint", "target/xseg_onnx",
    "pair/lora_checkpoint", "pair/lora_onnx", "pair/swapped_video", "pair/swap_report",
)  # fmt: skip
DEMO_SECONDS = {"demo_ada": 6.0, "demo_ben": 4.0}


def register(app: typer.Typer) -> None:
    """Put these commands into the application."""
    app.command("run")(run)
    app.command("status")(status)
    app.command("demo")(demo)


SetOption = Annotated[
    list[str], typer.Option("--set", metavar="KEY.OPTION=VALUE", help="Override a setting.")
]


def run(
    identity: str,
    target: str,
    preset: Annotated[str | None, typer.Option(help="quick, production or maximum.")] = None,
    assignments: SetOption = [],  # noqa: B006  typer reads the default, nothing writes to it
    places: Annotated[
        list[str],
        typer.Option("--map", metavar="IDENTITY=PLACE", help=f"Whose face who gets: {WAYS}."),
    ] = [],  # noqa: B006  as above
    device: Annotated[
        str | None, typer.Option(help="auto, cuda, mps or cpu; default: FACEPIPE_DEVICE, or auto.")
    ] = None,
) -> None:
    """Make everything from raw media to the swap report; only what is stale.

    Give several people of one video a face each with --map, once per person: further identities
    are made as far as the swap needs them.
    """
    checked_name(identity, "identity")
    checked_name(target, "target")
    settings = with_places(choose_settings(preset, assignments), places)
    make_pair(Pair(identity, target, settings, checked_device(device)))


def make_pair(pair: Pair) -> None:
    """Run a pair with progress on stderr, then show what was made on stdout."""
    started = time.monotonic()
    with dagster_instance() as instance, following() as listener:
        run_pair(instance, pair, listener)
    show_result(pair.identity, pair.target)
    stderr.print(f"done in {time.monotonic() - started:.0f} s", highlight=False)


def show_result(identity: str, target: str) -> None:
    """Print what a pair's run made, where, and how good it is."""
    here, key = store(), pair_key(identity, target)
    report_folder = here.place("pair/swap_report", key)
    report = json.loads((report_folder / "report.json").read_text())
    table = Table("measure", "value", title=f"{identity} → {target}")
    for name, value in _flat(report):
        table.add_row(name, f"{value:.4g}" if isinstance(value, float) else str(value))
    stdout.print(table)
    partitions = {"identity": identity, "target": target, "pair": key}
    for asset, partition in ((key, partitions[key.split("/")[0]]) for key in MADE):
        place = here.place(asset, partition)
        if place.is_dir():
            _say(f"{asset}: {place}")
    _say(f"swapped video: {here.place('pair/swapped_video', key) / 'swapped.mp4'}")
    _say(f"contact sheet: {report_folder / 'contact_sheet.png'}")


def _say(line: str) -> None:
    stdout.print(line, markup=False, highlight=False, soft_wrap=True)


def _flat(report: dict[str, object], prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, value in report.items():
        rows += (
            _flat(value, f"{prefix}{name} ")
            if isinstance(value, dict)
            else [(prefix + name, value)]
        )
    return rows


def status(
    identity: Annotated[str | None, typer.Argument()] = None,
    target: Annotated[str | None, typer.Argument()] = None,
) -> None:
    """Show what is materialized, stale, missing or failed, and why."""
    from facepipe.cli.standing import standing

    table = Table("asset", "partition", "state", "why")
    with dagster_instance() as instance:
        for row in standing(instance, store(), identity, target):
            table.add_row(row.asset, row.partition, row.state, row.why)
        lost = list(orphans(instance, store()))
    stdout.print(table)
    for what, fix in lost:
        stderr.print(f"{what}: {fix}", markup=False, highlight=False, soft_wrap=True)


def demo(
    quick: Annotated[bool, typer.Option("--quick", help="Train for a minute only.")] = False,
) -> None:
    """Render two synthetic people, swap one's face onto the other, and show the result."""
    from facepipe.cli.models import NEEDED, fetch_model

    fetch_model(NEEDED)
    for (name, seed), side in zip(DEMO_PEOPLE.items(), ("identity", "target"), strict=True):
        with tempfile.TemporaryDirectory() as folder:
            _render(Path(folder), name, seed)
            add_input(side, name, [Path(folder, f"{name}.mp4")], Path(folder, "consent.json"))
    identity, target = DEMO_PEOPLE
    preset = DEMO_PRESETS["demo_quick" if quick else "demo"]
    make_pair(Pair(identity, target, with_assignments(preset, [])))


def _render(folder: Path, name: str, seed: int) -> None:
    from facepipe.provenance.consent import new_consent, write_consent
    from facepipe.synthetic.clips import write_clip
    from facepipe.synthetic.motion import MotionSettings
    from facepipe.synthetic.scene import Clip

    # Calm heads: what a short training can learn to draw sharply.
    motion = MotionSettings(yaw_deg=12, pitch_deg=6, roll_deg=5, sway=0.5)
    frames = round(DEMO_SECONDS[name] * 25)
    clip = Clip(seeds=(seed,), size=320, frames=frames, fps=25.0, motion=motion)
    stderr.print(f"rendering {name}, {clip.frames} frames", highlight=False)
    write_clip(clip, folder / f"{name}.mp4")
    granted = datetime(2026, 1, 1, tzinfo=UTC)
    record = new_consent(
        subject=f"{name} (synthetic)",
        granted_by="facepipe demo",
        scope=["train", "swap", "publish"],
        expires_at=granted + timedelta(days=36500),
        media=[folder / f"{name}.mp4"],
        contact="none: nobody real is shown",
        granted_at=granted,
    )
    write_consent(record, folder / "consent.json")
