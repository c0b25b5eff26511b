"""The training loop: steps, epochs, states; whatever is trained.

A run can end anywhere. After each epoch, and when asked to stop after any step, everything the
next step depends on is on disk, and a run that finds it goes on as if nothing had happened.
"""

import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facepipe.errors import DivergedError, StoppedError
from facepipe.files import storage_errors, write_whole
from facepipe.training.average import RunningAverage, trainable
from facepipe.training.grids import save_png
from facepipe.training.losses import loss_parts
from facepipe.training.progress import Progress
from facepipe.training.report import (
    EpochReport,
    RunFacts,
    TrainingSummary,
    history_lines,
    telemetry_line,
)
from facepipe.training.resuming import capture, check_same, restore
from facepipe.training.schedule import planned, rate_at
from facepipe.training.settings import TrainingSettings
from facepipe.training.state import load_snapshot, save_snapshot
from facepipe.training.task import Task, Workplace

_MOST_ROLLBACKS = 3


def train(task: Task, settings: TrainingSettings, place: Workplace) -> TrainingSummary:
    """Train until `settings.epochs` are done, going on from what `place.scratch` holds.

    Afterwards `place.scratch` holds the weights, `best/`, `previews/`, `state/`, `history.jsonl`
    and `telemetry.jsonl`.

    Raises:
        StoppedError: `place.stop` said so; the state is saved.
        DivergedError: The loss stopped being a number a fourth time.
        SettingsError: The state was made under other settings or from other data.
    """
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        return _Training(task, settings, place).run()


class _Training:
    def __init__(self, task: Task, settings: TrainingSettings, place: Workplace) -> None:
        self.task, self.settings, self.place = task, settings, place
        learning = list(trainable(task.network).values())
        self.optimizer: Any = place.accelerator.prepare(
            torch.optim.AdamW(
                learning,
                settings.learning_rate,
                betas=(0.5, 0.99),  # the short memory that image generators are trained with
                weight_decay=settings.weight_decay,
                fused=place.accelerator.device.type != "mps",  # a loop over tensors costs a fifth
            )
        )
        self.average = RunningAverage(task.network, settings.ema)
        self.generator = torch.Generator().manual_seed(settings.seed)
        torch.manual_seed(settings.seed)
        self.progress = Progress()
        self.pinned: dict[str, Any] = {**settings.fixed(), **task.pinned()}
        self.notes: list[str] = []
        self.saved_step = -1
        self.seconds, self.steps_timed = 0.0, 0

    @property
    def total(self) -> int:
        return self.settings.epochs * self.settings.steps_per_epoch

    def run(self) -> TrainingSummary:
        self._resume()
        progress = self.progress
        progress.stretches = planned(progress.stretches, progress.step, self.total)
        if progress.step == 0:
            self._save_state()  # what a first epoch that diverges goes back to
        while self.progress.step < self.total:
            moved_on = self._step_or_back()
            if moved_on and self.progress.step % self.settings.steps_per_epoch == 0:
                self._end_epoch()
            if self.progress.step < self.total and self.place.stop():
                self._halt()
        self._finish()
        return self._summary()

    def _resume(self) -> None:
        snapshot, notes = load_snapshot(self.place.scratch / "state")
        self.notes += notes
        if snapshot is not None:
            check_same(snapshot.record, self.pinned)
            self.progress = restore(
                snapshot, self.task.network, self.optimizer, self.average, self.generator
            )
            self.saved_step = snapshot.step

    def _step_or_back(self) -> bool:
        """True after a step, false after a return to an earlier state."""
        started = time.perf_counter()
        parts = self._step()
        if parts is None:
            self._roll_back()
            return False
        self.progress.add(parts)
        self.average.follow(self.task.network, self.progress.step)
        self.seconds += time.perf_counter() - started
        self.steps_timed += 1
        return True

    def _step(self) -> dict[str, float] | None:
        """One optimizer step; its losses, or nothing if the loss or gradient is not a number."""
        accelerator, network = self.place.accelerator, self.task.network
        network.train()
        for group in self.optimizer.param_groups:
            rate = rate_at(self.progress.step, self.progress.stretches, self.settings)
            group["lr"] = rate * self.progress.rate_scale
        batch = self.task.batch(self.generator)
        with accelerator.autocast():
            drawn = network(batch.target, batch.source)
        parts = loss_parts(drawn, batch, self.settings)
        values = {name: float(part.detach()) for name, part in parts.items()}
        if not torch.isfinite(parts["loss"]):
            return None
        self.optimizer.zero_grad()
        accelerator.backward(parts["loss"])
        norm: Tensor | None = accelerator.clip_grad_norm_(
            network.parameters(), self.settings.clip_norm
        )
        # in fp16 an infinite gradient is ordinary: the scaler skips the step and scales down
        if accelerator.scaler is None and norm is not None and not torch.isfinite(norm):
            return None
        self.optimizer.step()
        return values

    def _roll_back(self) -> None:
        failed = self.progress
        if failed.rollbacks >= _MOST_ROLLBACKS:
            raise DivergedError(
                f"the loss stopped being a number at step {failed.step + 1}, after "
                f"{_MOST_ROLLBACKS} returns to an earlier state at half the rate; "
                f"lower learning_rate (it is {self.settings.learning_rate})"
            )
        self._resume()
        self.progress.rollbacks = failed.rollbacks + 1
        self.progress.rate_scale = failed.rate_scale / 2
        self.notes.append(
            f"the loss stopped being a number at step {failed.step + 1}; "
            f"back to step {self.progress.step} at half the rate"
        )
        self._save_state()

    def _end_epoch(self) -> None:
        epoch = self.progress.step // self.settings.steps_per_epoch
        self.task.network.eval()
        with self.average.shown(self.task.network), torch.no_grad():
            held_out = self.task.judge()
            losses, is_best = self.progress.close_epoch(epoch, held_out)
            if is_best:
                self.task.save(self.place.scratch / "best")
            preview = self._preview(epoch)
        self._save_state()
        self._tell(epoch, losses, held_out, is_best=is_best, preview=preview)

    def _preview(self, epoch: int) -> Path | None:
        if epoch % self.settings.preview_every and epoch != self.settings.epochs:
            return None
        path = self.place.scratch / "previews" / f"epoch_{epoch:04d}.png"
        save_png(path, self.task.preview())
        return path

    def _tell(
        self,
        epoch: int,
        losses: dict[str, float],
        held_out: dict[str, float],
        *,
        is_best: bool,
        preview: Path | None,
    ) -> None:
        pace = self._pace()
        report = EpochReport(
            epoch, self.settings.epochs, losses, held_out, is_best,
            pace, pace * (self.total - self.progress.step), preview,
        )  # fmt: skip
        history = self.progress.history
        write_whole(self.place.scratch / "history.jsonl", history_lines(history))
        line = telemetry_line(report, self._facts(), [row["loss"] for row in history])
        telemetry = self.place.scratch / "telemetry.jsonl"
        with storage_errors(telemetry), telemetry.open("a") as file:
            file.write(line + "\n")
        self.place.on_epoch(report)

    def _save_state(self) -> None:
        snapshot = capture(
            self.progress, self.task.network, self.optimizer, self.average, self.generator
        )
        snapshot.record["pinned"] = self.pinned
        save_snapshot(self.place.scratch / "state", snapshot)
        self.saved_step = self.progress.step

    def _halt(self) -> None:
        if self.saved_step != self.progress.step:
            self._save_state()
        raise StoppedError(
            f"stopped after step {self.progress.step} of {self.total}, saved; "
            f"run the same again to go on from there"
        )

    def _finish(self) -> None:
        with self.average.shown(self.task.network):
            self.task.save(self.place.scratch)
        write_whole(self.place.scratch / "history.jsonl", history_lines(self.progress.history))

    def _pace(self) -> float:
        return self.seconds / self.steps_timed if self.steps_timed else float("nan")

    def _facts(self) -> RunFacts:
        frames_used, rank = self.task.facts()
        return RunFacts(
            frames_used,
            self.settings.batch_size,
            self.place.accelerator.device.type,
            rank,
            sum(p.numel() for p in trainable(self.task.network).values()),
            sum(p.numel() for p in self.task.network.parameters()),
        )

    def _summary(self) -> TrainingSummary:
        facts, progress = self._facts(), self.progress
        return TrainingSummary(
            epochs=progress.step // self.settings.steps_per_epoch,
            steps=progress.step,
            history=progress.history,
            best_epoch=progress.best_epoch,
            best=progress.best,
            trainable_params=facts.trainable_params,
            total_params=facts.total_params,
            frames_used=facts.frames_used,
            seconds_per_step=self._pace(),
            rollbacks=progress.rollbacks,
            notes=self.notes,
        )
