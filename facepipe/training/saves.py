"""Which saved state a training goes on from, and what happens to those it does not."""

import logging
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor

from facepipe.errors import SettingsError, VerificationError
from facepipe.training.loop_settings import LoopSettings
from facepipe.training.progress import Progress
from facepipe.training.ranks import Ranks
from facepipe.training.resuming import (
    Parts,
    all_random_states,
    capture,
    differences,
    fits,
    random_states,
    restore,
)
from facepipe.training.schedule import fall_of, least_epochs
from facepipe.training.state import (
    Snapshot,
    forget_after,
    forget_before,
    load_snapshot,
    save_snapshot,
)

_log = logging.getLogger(__name__)


class Saves:
    """The states of one training.

    Args:
        folder: where they lie.
        parts: what changes from step to step.
        settings: how to train.
        pinned: what a state cannot simply be used without: settings, hashes of data and base.
        ranks: the processes that train together; the first alone writes, and decides.

    Attributes:
        notes: what happened to earlier states.
        at_step: the step of the newest one.
    """

    def __init__(
        self,
        folder: Path,
        parts: Parts,
        settings: LoopSettings,
        pinned: dict[str, Any],
        ranks: Ranks,
    ) -> None:
        self.folder, self.parts, self.settings, self.pinned = folder, parts, settings, pinned
        self.ranks, self.fall = ranks, fall_of(settings)
        self.notes: list[str] = []
        self.at_step = -1

    def save(self, progress: Progress) -> None:
        """Keep the present state.

        Raises:
            StorageError: The disk is full or the folder may not be written to.
        """
        mine = random_states(self.parts.generator, self.ranks.rank)
        everybodys = self.ranks.gathered(mine)
        if self.ranks.is_first:
            self._write(progress, {name: each[name] for each in everybodys for name in each})
        self.ranks.wait()  # none may go, and be taken for dead, before the state is there
        self.at_step = progress.step

    def begin(self) -> Progress:
        """Put the state to go on from into the parts; how far it was.

        Raises:
            SettingsError: It belongs to other data or settings, or to a longer training.
        """
        return self.ranks.leading(self._begun, self._followed)

    def back(self) -> Progress:
        """Put the newest state into the parts once more; how far it was.

        Raises:
            VerificationError: No whole state is left.
        """
        return self.ranks.leading(self._gone_back, self._followed)

    def _write(self, progress: Progress, chance: dict[str, Tensor]) -> None:
        save_snapshot(self.folder, capture(progress, self.parts, self.pinned, chance))

    def _followed(self) -> Progress:
        """As the first process begins or goes back, who leaves no other state than its own."""
        snapshot, _ = load_snapshot(self.folder)
        return Progress() if snapshot is None else self._restored(snapshot)

    def _begun(self) -> Progress:
        newest, self.notes = load_snapshot(self.folder)
        if newest is None:
            if self.notes:
                self._note("no whole state is left: starting anew")
            return self._anew()
        changed = differences(newest.record, self.pinned)
        if changed:
            return self._changed(newest, changed)
        if self._is_on_way(newest.record):
            return self._taken_up(newest)
        snapshot = self._loaded()
        if snapshot is None:
            return self._too_long(newest)
        self._note(
            f"back from step {newest.step} to step {snapshot.step}, where the rate still held, "
            f"to train for {self.settings.epochs} epochs"
        )
        return self._taken_up(snapshot)

    def _gone_back(self) -> Progress:
        snapshot = self._loaded()
        if snapshot is None:
            raise VerificationError(f"{self.folder} holds no whole state to go back to")
        return self._taken_up(snapshot)

    def _is_on_way(self, record: dict[str, Any]) -> bool:
        return Progress.from_record(record["progress"]).is_on_way_to(self.fall)

    def _loaded(self) -> Snapshot | None:
        """The newest whole state that this training would have come by."""
        snapshot, notes = load_snapshot(self.folder, self._is_on_way)
        self.notes += notes
        return snapshot

    def _taken_up(self, snapshot: Snapshot) -> Progress:
        forget_after(self.folder, snapshot.name)
        return self._restored(snapshot)

    def _restored(self, snapshot: Snapshot) -> Progress:
        self.at_step = snapshot.step
        return restore(snapshot, self.parts, self.ranks.rank)

    def _changed(self, newest: Snapshot, changed: dict[str, str]) -> Progress:
        what = ", ".join(f"{name} ({how})" for name, how in changed.items())
        if self.settings.on_change == "restart":
            self._note(f"starting anew: the saved training had another {what}")
            return self._anew()
        if self.settings.on_change == "refuse":
            raise SettingsError(
                f"the saved training cannot go on with another {what}; put them back, "
                f"or set on_change to 'continue' or 'restart'"
            )
        if "steps_per_epoch" in changed or not fits(newest, self.parts.network):
            raise SettingsError(
                f"the saved training cannot be continued with another {what}: its network or its "
                f"epochs are of another size; put them back, or set on_change to 'restart'"
            )
        return self._next_stage(newest, what)

    def _next_stage(self, newest: Snapshot, what: str) -> Progress:
        """Go on where the rate last held, and keep no state that knows only the old data."""
        snapshot, _ = load_snapshot(self.folder, self._may_begin_a_stage)
        if snapshot is None:
            return self._too_long(newest)
        progress = self._taken_up(snapshot)
        progress.stage += 1
        progress.best_epoch, progress.best, self.parts.average.best = 0, {}, {}
        progress.notes.append(
            f"stage {progress.stage} goes on from step {progress.step} with another {what}"
        )
        _log.warning(progress.notes[-1])
        self._write(progress, all_random_states(snapshot))
        forget_before(self.folder)
        return progress

    def _may_begin_a_stage(self, record: dict[str, Any]) -> bool:
        progress = Progress.from_record(record["progress"])
        return progress.fall is None and progress.is_on_way_to(self.fall)

    def _too_long(self, newest: Snapshot) -> Progress:
        per_epoch = self.settings.steps_per_epoch
        done = Progress.from_record(newest.record["progress"])
        least = least_epochs(done.tried if done.fall is None else done.fall.start, per_epoch)
        said = (
            f"the saved training is at step {done.step}; {self.settings.epochs} epochs would "
            f"have begun to end at step {self.fall.start}"
        )
        if self.settings.on_change == "restart":
            self._note(f"starting anew: {said}")
            return self._anew()
        raise SettingsError(f"{said}; set epochs to at least {least}, or on_change to 'restart'")

    def _anew(self) -> Progress:
        forget_after(self.folder, "")
        shutil.rmtree(self.folder.parent / "best", ignore_errors=True)
        return Progress()

    def _note(self, text: str) -> None:
        self.notes.append(text)
        _log.warning(text)
