"""The training loop: steps, epochs, states; whatever is trained.

A run can end anywhere. After each epoch, and when asked to stop after any step, everything the
next step depends on is on disk, and a run that finds it goes on as if nothing had happened.
"""

import logging
import math
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from facepipe.errors import DivergedError, SettingsError, StoppedError
from facepipe.training.average import RunningAverage, shown, trainable
from facepipe.training.compiling import trial_loss
from facepipe.training.critic import critic_of
from facepipe.training.diary import Diary, NoDiary
from facepipe.training.forward import forward_pass
from facepipe.training.loop_settings import LoopSettings
from facepipe.training.report import EpochReport, RunFacts, TrainingSummary, telemetry_line
from facepipe.training.resuming import Parts
from facepipe.training.saves import Saves
from facepipe.training.schedule import fall_of, rate_at
from facepipe.training.stepping import Stepper
from facepipe.training.task import Task, Workplace

_log = logging.getLogger(__name__)
_MOST_ROLLBACKS = 3
_WORSE = 1.25  # a saturated output is 1.3 to 3 times as far off as an untrained one; held-out
# losses of a sound training stay below it from the first epoch on


def train(task: Task, settings: LoopSettings, place: Workplace) -> TrainingSummary:
    """Train until `settings.epochs` are done, going on from what `place.scratch` holds.

    Afterwards `place.scratch` holds the weights, `best/`, `previews/`, `state/`, `history.jsonl`,
    `evaluation.json`, `telemetry.jsonl` and `tensorboard/`, all but the last two the same however
    often the training was interrupted or made longer. `best/` is of the epoch with the lowest loss
    on held-out faces, and `evaluation.json` of those weights.

    Raises:
        StoppedError: `place.stop` said so; the state is saved.
        BusyError: Another training works in the same scratch folder.
        DivergedError: The loss stopped being a number, or became worse than before training, a
            fourth time.
        SettingsError: The state was made under other settings, from other data or for a longer
            training, a batch does not fit into the device's memory, or a term of the objective
            needs a file that is not there.
    """
    with place.held(), torch.random.fork_rng(devices=place.gpus()):
        try:
            with closing(_Training(task, settings, place)) as training:
                return training.run()
        except torch.OutOfMemoryError as error:
            half = "half " if place.ranks.count == 1 else ""
            raise SettingsError(
                f"the device's memory does not hold {half}a batch of {settings.batch_size} faces; "
                f"lower batch_size, and raise accumulate by as much to learn the same, or set the "
                f"device's checkpointing (FACEPIPE_CHECKPOINTING=1)"
            ) from error


class _Training:
    def __init__(self, task: Task, settings: LoopSettings, place: Workplace) -> None:
        self.task, self.settings, self.place, self.ranks = task, settings, place, place.ranks
        adam = torch.optim.AdamW(
            list(trainable(task.network).values()),
            settings.learning_rate,
            betas=(0.5, 0.99),  # the short memory that image generators are trained with
            weight_decay=settings.weight_decay,
            fused=place.accelerator.device.type != "mps",  # a loop over tensors costs a fifth
        )
        seed = settings.seed + self.ranks.rank  # each process draws faces of its own
        torch.manual_seed(seed)
        self.average = RunningAverage(task.network, settings.ema)
        chance = torch.Generator().manual_seed(seed)
        parts = Parts(
            task.network, place.accelerator.prepare(adam), self.average, chance,
            critic_of(settings, place.accelerator.device),
        )  # fmt: skip
        trial = trial_loss(task, settings, place.accelerator)
        run = forward_pass(task.network.train(), place.device, self.ranks, trial)
        self.stepper = Stepper(task, parts, settings, place.accelerator, run)
        pinned: dict[str, Any] = {
            **settings.fixed(), **task.pinned(), **self.stepper.pinned(), **self.ranks.pinned()
        }  # fmt: skip
        self.saves = Saves(place.scratch / "state", parts, settings, pinned, self.ranks)
        self.diary = Diary(place.scratch) if self.ranks.is_first else NoDiary()
        self.fall, self.total = fall_of(settings), fall_of(settings).end
        self.seconds, self.steps_timed = 0.0, 0

    def run(self) -> TrainingSummary:
        for note in self.task.notes():
            _log.warning(note)
        self.progress = self.saves.begin()
        self.diary.back_to(self._epoch(), self.progress.history)
        if self.saves.at_step < 0:
            self.progress.untrained = self.ranks.told(self._judged)["loss"]
            self.saves.save(self.progress)  # what a first epoch that diverges goes back to
        while self.progress.step < self.total:
            if self._step() and self.progress.step % self.settings.steps_per_epoch == 0:
                self._end_epoch()
            if self.progress.step < self.total and self.ranks.any(self.place.stop()):
                self._halt()
        self.evaluation = self.ranks.told(self._finish)
        return self._summary()

    def close(self) -> None:
        self.stepper.close()
        self.diary.close()

    def _step(self) -> bool:
        """True after a step, false after a return to an earlier state."""
        started, progress = time.perf_counter(), self.progress
        progress.tried = max(progress.tried, progress.step + 1)
        if progress.step >= self.fall.start:
            progress.fall = self.fall
        rate = rate_at(progress.step, self.fall, self.settings) * progress.rate_scale
        losses = self.stepper.take(progress, rate)
        if losses is None:
            self._roll_back(f"the loss stopped being a number at step {progress.step + 1}")
            return False
        progress.add(losses)
        self.average.follow(progress.step)
        self.seconds += time.perf_counter() - started
        self.steps_timed += 1
        return True

    def _roll_back(self, why: str) -> None:
        failed = self.progress
        if failed.rollbacks >= _MOST_ROLLBACKS:
            raise DivergedError(
                f"{why}, after {_MOST_ROLLBACKS} returns to an earlier state at half the rate; "
                f"lower learning_rate (it is {self.settings.learning_rate})"
            )
        self.progress = self.saves.back()
        self.diary.back_to(self._epoch(), self.progress.history)
        self.progress.fall, self.progress.tried = failed.fall, failed.tried
        self.progress.split = failed.split
        self.progress.rollbacks = failed.rollbacks + 1
        self.progress.rate_scale = failed.rate_scale / 2
        self.progress.notes = [
            *failed.notes, f"{why}; back to step {self.progress.step} at half the rate",
        ]  # fmt: skip
        self.saves.save(self.progress)

    def _end_epoch(self) -> None:
        epoch, held_out = self._epoch(), self.ranks.told(self._judged)
        # not the other way round, so that no number counts as worse
        if not held_out["loss"] <= _WORSE * self.progress.untrained:
            self._roll_back(
                f"the loss on held-out faces is {held_out['loss']:.3g} after epoch {epoch}, worse "
                f"than {self.progress.untrained:.3g} before training"
            )
            return
        held_out |= self.ranks.told(lambda: self._examined(epoch))
        losses, is_best = self.progress.close_epoch(epoch, held_out)
        if is_best:
            self.average.remember()
        pace = self._pace()
        report = EpochReport(
            epoch, self.settings.epochs, losses, held_out, is_best,
            pace, pace * (self.total - self.progress.step), self._preview(epoch),
        )  # fmt: skip
        history = self.progress.history
        self.diary.tell(telemetry_line(report, self._facts(), [row["loss"] for row in history]))
        self.diary.add(history)
        # last: what was written before it is taken back by a run that does not find this state
        self.saves.save(self.progress)
        self.place.on_epoch(report)

    def _judged(self) -> dict[str, float]:
        """Held-out numbers of the averaged weights."""
        self.task.network.eval()
        with shown(self.task.network, self.average.weights), torch.no_grad():
            return self.task.judge()

    def _examined(self, epoch: int) -> dict[str, float]:
        """Further held-out numbers, where it is time for them."""
        if epoch % self.settings.evaluate_every and epoch != self.settings.epochs:
            return {}
        with shown(self.task.network, self.average.weights), torch.no_grad():
            return self.task.examination.of(self.task.network)

    def _preview(self, epoch: int) -> Path | None:
        is_due = epoch % self.settings.preview_every == 0 or epoch == self.settings.epochs
        if not is_due or not self.ranks.is_first:
            return None
        with shown(self.task.network, self.average.weights), torch.no_grad():
            return self.diary.show(epoch, self.task.preview())

    def _halt(self) -> None:
        if self.saves.at_step != self.progress.step:
            self.saves.save(self.progress)
        raise StoppedError(
            f"stopped after step {self.progress.step} of {self.total}, saved; "
            f"run the same again to go on from there"
        )

    def _finish(self) -> dict[str, Any]:
        """Write what was learnt, and how good it is."""
        scratch = self.place.scratch
        for weights, folder in (
            (self.average.weights, scratch),
            (self.average.best, scratch / "best"),
        ):
            with shown(self.task.network, weights):
                self.task.save(folder)
        network, examination = self.task.network.eval(), self.task.examination
        with shown(network, self.average.best), torch.no_grad():
            drawn = {**self.task.judge(), **examination.of(network)}
        self.diary.write_timelapse()
        return self.diary.write_evaluation(self.progress.best_epoch, drawn, examination.of_wanted())

    def _epoch(self) -> int:
        return self.progress.step // self.settings.steps_per_epoch

    def _pace(self) -> float:
        return self.seconds / self.steps_timed if self.steps_timed else math.nan

    def _facts(self) -> RunFacts:
        frames_used, rank = self.task.facts()
        return RunFacts(
            frames_used,
            self.settings.batch_size * self.ranks.count,
            self.place.accelerator.device.type,
            rank,
            sum(p.numel() for p in trainable(self.task.network).values()),
            sum(p.numel() for p in self.task.network.parameters()),
        )

    def _summary(self) -> TrainingSummary:
        facts, progress = self._facts(), self.progress
        return TrainingSummary(
            epochs=self._epoch(),
            steps=progress.step,
            history=progress.history,
            best_epoch=progress.best_epoch,
            best=progress.best,
            evaluation=self.evaluation,
            trainable_params=facts.trainable_params,
            total_params=facts.total_params,
            frames_used=facts.frames_used,
            seconds_per_step=self._pace(),
            rollbacks=progress.rollbacks,
            notes=[*self.task.notes(), *self.saves.notes, *progress.notes],
        )
