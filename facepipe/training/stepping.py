"""One optimizer step: draw, forward, backward, accumulate, clip."""

import logging
import math
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from facepipe.training.ahead import Ahead, has_free_core
from facepipe.training.average import trainable
from facepipe.training.forward import ForwardPass
from facepipe.training.likeness import likeness_of
from facepipe.training.loop_settings import LoopSettings
from facepipe.training.progress import Progress
from facepipe.training.resuming import Parts, random_states, set_random_states
from facepipe.training.task import Lesson, Task

_log = logging.getLogger(__name__)


class Stepper:
    """Takes the steps of one training.

    Args:
        task: what is trained.
        parts: what changes from step to step.
        settings: how to train.
        accelerator: where.
        run: the network's forward pass, if it is not simply called.

    Raises:
        SettingsError: A term of the objective needs an ArcFace file, and none made the profile.
        ModelFileError: Nothing can be learnt through the file there is.
        VerificationError: torch makes something else of it than onnxruntime.
    """

    def __init__(
        self,
        task: Task,
        parts: Parts,
        settings: LoopSettings,
        accelerator: Accelerator,
        run: ForwardPass | None = None,
    ) -> None:
        self.task, self.parts, self.settings = task, parts, settings
        self.accelerator, self.run = accelerator, run or ForwardPass(parts.network)
        self.likeness = likeness_of(task.examination, settings)
        self.learning = list(trainable(parts.network).values())
        can_draw_ahead = has_free_core(accelerator.device, self.run.ranks.count)
        self.ahead = Ahead(task.batch) if can_draw_ahead else None
        self.draw = self.ahead.draw if self.ahead else task.batch

    def close(self) -> None:
        """Take no further steps."""
        if self.ahead:
            self.ahead.close()

    def pinned(self) -> dict[str, str]:
        """What a state cannot be used without, beside the task's own."""
        return self.likeness.pinned() if self.likeness else {}

    def take(self, progress: Progress, rate: float) -> dict[str, float] | None:
        """Learn from `accumulate` batches; mean losses, or nothing where one is not a number.

        Where the device's memory runs out, the step is taken again with every batch in two
        halves, and so are all later ones: `progress.split`, and a note, say so.

        Raises:
            torch.OutOfMemoryError: Halves were too large as well.
        """
        for group in self.parts.optimizer.param_groups:
            group["lr"] = rate
        if not self.parts.network.training:  # with adapters, to say it again takes milliseconds
            self.parts.network.train()
        chance = random_states(self.parts.generator)
        try:
            return self._taken(progress.split, rate)
        except torch.OutOfMemoryError:
            # the others of several processes wait for this one's gradients already
            if progress.split > 1 or self.settings.batch_size < 2 or self.run.ranks.count > 1:
                raise
        # outside of `except`: the error holds on to what filled the memory
        self.parts.optimizer.zero_grad()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        set_random_states(self.parts.generator, chance)
        progress.split = 2
        progress.notes.append(
            f"the device's memory did not hold a batch of {self.settings.batch_size}: "
            f"from step {progress.step + 1} on each goes through the network in two halves"
        )
        _log.warning(progress.notes[-1])
        return self._taken(progress.split, rate)

    def _taken(self, split: int, rate: float) -> dict[str, float] | None:
        accelerator, critic = self.accelerator, self.parts.critic
        self.parts.optimizer.zero_grad()
        if critic is not None:
            critic.begin(rate)
        values: dict[str, float] = {}
        for number, (batch, share) in enumerate(self._micro_batches(split), 1):
            with self.run.adding_up(number == split * self.settings.accumulate):
                with accelerator.autocast():
                    drawn = self.run(*batch.inputs)
                losses, objective = self._losses(drawn, batch)
                if critic is not None:
                    losses["discriminator"] = critic.learn(drawn, batch, share)
                for name, loss in losses.items():
                    values[name] = values.get(name, 0.0) + share * float(loss.detach())
                accelerator.backward(objective * share)
        # not before: processes that wait for each other's gradients must all come by here
        values = self.run.ranks.mean(values)
        if not all(math.isfinite(value) for value in values.values()):
            return None
        # in fp16 an infinite gradient is ordinary: the scaler skips the step and scales down
        if not math.isfinite(self._clipped_norm()) and accelerator.scaler is None:
            return None
        self.parts.optimizer.step()
        if critic is not None:
            self.run.ranks.average_gradients(critic.network)
            critic.step()
        return values

    def _clipped_norm(self) -> float:
        """The gradients' norm before they are scaled down to `clip_norm`, where it is above."""
        self.accelerator.unscale_gradients(self.parts.optimizer)
        learning = [p for p in self.learning if p.grad is not None]
        norm = get_total_norm([p.grad for p in learning if p.grad is not None])
        if not norm <= self.settings.clip_norm:
            clip_grads_with_norm_(learning, self.settings.clip_norm, norm)
        return float(norm)

    def _losses(self, drawn: Any, batch: Any) -> tuple[dict[str, Tensor], Tensor]:
        """The terms by name, and what is to become less.

        `loss` is of the pictures alone, as it is on held-out faces, so that the two compare.
        """
        losses = self.task.losses(drawn, batch)
        objective = losses["loss"]
        if self.likeness is not None:
            losses["identity"] = self.likeness(drawn, batch)
            objective = objective + self.likeness.weight * losses["identity"]
        if self.parts.critic is not None:
            losses["adversarial"] = self.parts.critic.deceived(drawn, batch)
            objective = objective + self.parts.critic.weight * losses["adversarial"]
        return losses, objective

    def _micro_batches(self, split: int) -> Iterator[tuple[Any, float]]:
        """What goes through the network at once, and its share of the step."""
        for _ in range(self.settings.accumulate):
            batch = self.draw(self.parts.generator)
            count = len(batch.target)
            for part in torch.arange(count).tensor_split(split):
                first, last = int(part[0]), int(part[-1])
                share = len(part) / count / self.settings.accumulate
                yield _some(batch, slice(first, last + 1)), share


def _some(batch: Lesson, part: slice) -> Lesson:
    if part == slice(0, len(batch.target)):
        return batch
    return replace(
        batch, **{field.name: getattr(batch, field.name)[part] for field in fields(batch)}
    )
