"""Where everything lies, and how an asset is made at most once for the same recipe.

A recipe is the code version, the settings and the digests of the inputs. What was published for
the same recipe is used again; otherwise it is built aside under a lock and published whole.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import dagster as dg

from facepipe.defs.partitions import Side, names_in, sides_of
from facepipe.defs.progress import Progress, sometimes, stop_flag
from facepipe.defs.recipes import (
    MEDIA,
    RECIPE_FILE,
    Recipe,
    as_json,
    others_in,
    read_recipe,
    taken_up,
)
from facepipe.defs.run_logs import follow, logs_of
from facepipe.defs.signing import check_certificate, sign_published
from facepipe.defs.telling import Artifact, facts, plain, told_again
from facepipe.defs.unchanged import unchanged
from facepipe.errors import BadInputError, ConsentError, StoppedError
from facepipe.files import storage_errors, write_whole
from facepipe.provenance.tombstones import Tombstones
from facepipe.publishing import folder_digest, held, publish_folder
from facepipe.settings import NAME_PATTERN, checked_name

VOLATILE = frozenset({"telemetry.jsonl", "tensorboard", "*.sig"})
"""What tells timings, or who signed: kept, but no part of the data version."""
INPUT_FOLDERS: dict[Side, str] = {"identity": "identities", "target": "targets"}


class NotBuiltError(BadInputError):
    """An upstream asset has not been materialized yet."""


@dataclass(frozen=True)
class Work:
    """What a building function gets.

    Attributes:
        out: Empty folder to write the result to.
        scratch: Folder that outlives an interruption, as long as the recipe stays the same
            (but for the settings named resumable).
        recipe: What it is made from, as it will be written beside it.
        progress: To be called with the work done and the work to do.
        stop: Turns true when the run is asked to stop.
    """

    out: Path
    scratch: Path
    recipe: dict[str, Any]
    progress: Progress
    stop: Callable[[], bool]


class Store(dg.ConfigurableResource[Any]):
    """The data root: input folders, models, published assets, and unfinished work."""

    root: str

    def models(self) -> Path:
        """The folder of weights."""
        return Path(self.root, "models")

    def input_folder(self, side: Side, name: str) -> Path:
        """The folder a person put in: media and `consent.json`."""
        return Path(self.root, INPUT_FOLDERS[side], checked_name(name, side))

    def input_names(self, side: Side) -> list[str]:
        """The names of all input folders that may become partitions, sorted."""
        folder = Path(self.root, INPUT_FOLDERS[side])
        found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return [name for name in found if re.fullmatch(NAME_PATTERN, name)]

    def tombstones(self) -> Tombstones:
        """What stays of those whose data were deleted."""
        return Tombstones(Path(self.root, "tombstones"))

    def is_being_deleted(self, which: tuple[str, str], recipe: Mapping[str, Any]) -> bool:
        """Whether somebody in a partition is being deleted, or whose consent a recipe names."""
        people, consents = sides_of(*which) + others_in(recipe), set(recipe["inputs"].values())
        return any(
            (not stone.finished and (stone.side, stone.name) in people)
            or (stone.why == "revoked" and not consents.isdisjoint(stone.consents))
            for stone in self.tombstones()
        )

    def signing_keys(self) -> Path:
        """The folder of the key that signs what is made here."""
        return Path(self.root, "keys")

    def place(self, key: str, partition_key: str) -> Path:
        """Where the asset `key` of a partition is published."""
        return Path(self.root, "assets", *key.split("/"), *self._names(partition_key))

    def workplace(self, key: str, partition_key: str) -> Path:
        """Where the asset `key` of a partition is built, before it is published."""
        return Path(self.root, ".work", *key.split("/"), *self._names(partition_key))

    def get(self, key: str, partition_key: str, media_digest: str) -> Artifact:
        """What was published last, if it was made from the media that consent covers now.

        Every recipe carries the digest of the media at its root, so that nothing made from one
        person's media is used under another one's consent.

        Raises:
            NotBuiltError: Nothing yet, or only from other media.
        """
        path = self.place(key, partition_key)
        published = read_recipe(path)
        if published is None:
            raise NotBuiltError(f"{key}[{partition_key}] is not built yet: materialize it first")
        if published["inputs"].get(MEDIA) != media_digest:
            raise NotBuiltError(
                f"{key}[{partition_key}] was made from other media than lie there now: "
                f"materialize it again"
            )
        return Artifact(path, published["digest"])

    def build(
        self,
        context: dg.AssetExecutionContext,
        recipe: Recipe,
        make: Callable[[Work], None],
        describe: Callable[[Path], dict[str, Any]],
        check: Callable[[dict[str, Any]], list[dg.AssetCheckResult]] | None = None,
    ) -> dg.MaterializeResult[None]:
        """Publish what `make` writes, unless the same recipe is published already.

        Args:
            context: The asset that is being materialized.
            recipe: What decides the content.
            make: Writes the asset's files into `Work.out`.
            describe: Metadata of the published folder, for the UI.
            check: Results of the asset's checks, from that metadata as plain values.

        Raises:
            BusyError: Another process builds the same asset.
            ConsentError: The data of somebody in it are being deleted.
            StoppedError: The run was asked to stop; scratch is kept.
            StorageError: No room or no right to write.
        """
        key, partition = context.asset_key.to_user_string(), str(context.partition_key)
        follow(context.log, logs_of(self.root), context.run.run_id)
        version = context.assets_def.code_versions_by_key[context.asset_key] or ""
        reused = self.made((key, partition), as_json(recipe, version), make, context.log)
        place, artifact = self.place(key, partition), self.get(key, partition, recipe.inputs[MEDIA])
        told = told_again(context, artifact, describe) if reused else describe(place)
        result = dg.MaterializeResult(
            data_version=dg.DataVersion(artifact.digest),
            check_results=check(plain(told)) if check else None,
            metadata={**told, **facts(place, recipe, reused=reused)},
        )
        return cast(dg.MaterializeResult[None], result)  # no value: the files are the result

    def made(
        self,
        which: tuple[str, str],
        written: dict[str, Any],
        make: Callable[[Work], None],
        log: dg.DagsterLogManager,
    ) -> bool:
        """Publish what `make` writes as `which` key and partition; raises as `build`.

        Returns:
            Whether it was there already, made from the same recipe.
        """
        key, partition = which
        workplace, place = self.workplace(key, partition), self.place(key, partition)
        progress = Progress(log, key)
        with held(lock_of(workplace), f"{key}[{partition}]"):
            self._refuse_deleted(which, written)
            published = read_recipe(place)
            reused = published is not None and published["recipe_id"] == written["recipe_id"]
            if reused:
                log.info("%s[%s]: nothing changed, used again", key, partition)
                shutil.rmtree(workplace, ignore_errors=True)  # what a kill may have left
            else:
                begun = sometimes(lambda: self.is_being_deleted(which, written))

                def made(work: Work) -> None:
                    make(replace(work, stop=lambda: work.stop() or begun()))
                    self._refuse_deleted(which, written)

                self._make(progress, which, written, made)
        progress.finished(reused=reused)
        return reused

    def _refuse_deleted(self, which: tuple[str, str], recipe: Mapping[str, Any]) -> None:
        """Make nothing of somebody whose deletion has begun, whatever was allowed just before.

        It leaves its mark before it looks for locks, a build looks after locking: one sees.
        """
        if self.is_being_deleted(which, recipe):
            workplace = self.workplace(*which)
            shutil.rmtree(workplace, ignore_errors=True)
            lock_of(workplace).unlink(missing_ok=True)
            raise ConsentError(
                f"{which[0]}[{which[1]}]: somebody in it is deleted: see `facepipe consent list`"
            )

    def _make(
        self,
        progress: Progress,
        which: tuple[str, str],
        written: dict[str, Any],
        make: Callable[[Work], None],
    ) -> None:
        check_certificate()
        workplace, place = self.workplace(*which), self.place(*which)
        out, scratch = workplace / "out", workplace / f"scratch-{written['scratch_id']}"
        progress(0, 0)  # not all work reports how far it is; how long it takes counts from here
        with storage_errors(workplace), stop_flag() as stop:
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir(parents=True)
            scratch.mkdir(exist_ok=True)
            write_whole(workplace / RECIPE_FILE, json.dumps(written))  # tells who it shows
            taken_up(place, scratch, written)
            with unchanged(self, which, written):
                make(Work(out, scratch, written, progress, stop))
            digest = folder_digest(out, VOLATILE)
            sign_published(self, out, which, written["inputs"])
            write_whole(out / RECIPE_FILE, json.dumps({**written, "digest": digest}, indent=1))
            publish_folder(out, place)
            shutil.rmtree(workplace, ignore_errors=True)
            if stop():
                raise StoppedError(f"stopped after {place} was finished; run again to go on")

    @staticmethod
    def _names(partition_key: str) -> list[str]:
        return [checked_name(name, "partition") for name in names_in(partition_key)]


def lock_of(workplace: Path) -> Path:
    """The file that whoever builds in `workplace` holds."""
    return workplace.with_name(f".{workplace.name}.lock")
