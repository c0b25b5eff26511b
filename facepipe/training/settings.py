"""How identity models and adapters are trained: objective, augmentation, size."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from facepipe.errors import SettingsError
from facepipe.training.loop_settings import LoopSettings

Architecture: TypeAlias = Literal["compact", "inswapper"]
Size: TypeAlias = Literal["s", "m", "l"]
Pixels: TypeAlias = Literal[128, 256]
_MOST_RANK = 128


@dataclass(frozen=True)
class TrainingSettings(LoopSettings):
    """How to train what draws faces; see `LoopSettings` for how a training goes on.

    Attributes:
        evaluate_every: epochs between looks at whom the held-out faces show.
        l1: weight of the mean absolute difference.
        ssim: weight of the structural term.
        lookup: weight of a pixel's distance between where textures are and should be looked up.
        mask: weight of the divergence between where a face is and should be drawn.
        identity: weight of how unlike the identity the drawn faces are, 1 - cosine, to the ArcFace
            model that made the profile. The rest of the objective knows the person by pictures
            alone, which a face can be near to and be somebody else. 0 by default, as that takes
            such a file, and a pass through its network in each step.
        adversarial: weight of a second network's verdict, which learns to tell patches of drawn
            faces from wanted ones and so finds what no other term measures, such as skin without
            pores. 0 by default: it costs that network in each step, and pays only in long
            trainings, once the rest has settled.
        eyes: weight added in the eyes.
        mouth: weight added in the mouth.
        shift_px: largest shift of picture and wanted picture together, in pixels of a 128 px
            square as everything in px here.
        turn_deg: largest rotation of both.
        zoom: largest change of size of both, as a share.
        bend_px: typical size of the smooth bending.
        light: largest change of each colour's gain, as a share; half of it is added.
        degraded: share of the faces drawn over that are blurred and JPEG-compressed, as films are
            softer than the faces learnt from; what is wanted stays sharp.
        blur_px: the strongest such blur, a Gaussian's deviation.
        jpeg_quality: the worst such compression, 1 to 100.
    """

    l1: float = 4.0  # makes it about as large as the structural term on a half-learnt face
    ssim: float = 1.0  # L1 alone settles for blurred eyes
    lookup: float = 0.5  # learnt first, and everything sharp hangs on it
    mask: float = 0.5
    identity: float = 0.0  # a MobileFace of 0.9 M numbers takes 0.18 s of a core for 5 faces
    adversarial: float = 0.0  # makes a step on a CPU 1.3 times as long
    eyes: float = 2.0  # small areas that decide who it is
    mouth: float = 1.0
    shift_px: float = 2.0
    turn_deg: float = 4.0
    zoom: float = 0.04
    bend_px: float = 2.0
    light: float = 0.12
    degraded: float = 0.25  # enough to know it; most faces of most films are seen clean
    blur_px: float = 1.2  # a face of 50 px enlarged to the network's square
    jpeg_quality: int = 40  # blocks as in films of x264's crf 30, below which few are kept

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.degraded <= 1 or not 1 <= self.jpeg_quality <= 100:
            raise SettingsError(
                f"degraded is {self.degraded} and jpeg_quality {self.jpeg_quality}; "
                f"they must lie in [0, 1] and 1 to 100"
            )


@dataclass(frozen=True)
class IdentityTrainingSettings(TrainingSettings):
    """How to train an identity model; see `TrainingSettings` for what is common.

    Attributes:
        architecture: `compact` looks faces up in the person's pictures; `inswapper` is laid out
            like inswapper_128 and paints every pixel: for weights in that layout, and a GPU.
        weights: an ONNX file laid out like inswapper_128 to start from, by its path or by the name
            it was registered under; empty starts at random. Such files know people by ArcFace
            embeddings. `inswapper` only.
        size: of the network: `s`, `m` or `l`, each about three times as costly as the one before;
            `sizes` has the figures. What a file of `weights` has comes first.
        pixels: side of the square it draws, 128 or 256, which holds all that stored faces show.
            Faces in the film that are no larger than 128 px gain nothing by 256.
        width: channels where the size's are not wanted; an even number.
        blocks: the same of its styled residual blocks.
        textures: pictures of the person that `compact` looks faces up in.
    """

    architecture: Architecture = "compact"
    weights: str = ""
    size: Size = "m"
    pixels: Pixels = 128
    width: int | None = None
    blocks: int | None = None
    textures: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in {"width": 2, "blocks": 1, "textures": 1}.items():
            number = getattr(self, name)
            if number is not None and number < least:
                raise SettingsError(f"{name} is {number}; it must be at least {least}")
        if self.width is not None and self.width % 2:
            raise SettingsError(f"width is {self.width}; an even number is needed")
        known = {
            "architecture": get_args(Architecture),
            "size": get_args(Size),
            "pixels": get_args(Pixels),
        }
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise SettingsError(
                    f"{name} is {getattr(self, name)!r}; known: {', '.join(map(str, values))}"
                )
        if self.weights and self.architecture != "inswapper":
            raise SettingsError(
                f"weights is {self.weights!r} and architecture {self.architecture!r}; "
                f"weights can be given to 'inswapper' alone"
            )

    def fixed(self) -> dict[str, object]:
        """Without `weights`: a file may move, and its hash is pinned."""
        return {name: value for name, value in super().fixed().items() if name != "weights"}


@dataclass(frozen=True)
class LoraTrainingSettings(TrainingSettings):
    """How to adapt an identity model to a target; see `TrainingSettings` for what is common.

    Attributes:
        rank: the adapter's rank, 1 to 128; WatserFace offers 4 to 128.
        rank_pattern: another rank for parts of the network, `PART=RANK` with spaces between, such
            as `blocks=32 paint=4`.
        alpha: its change is scaled by `alpha / rank`; none means `rank`.
        dora: learn the length of each output's weights apart from their direction (DoRA, Liu et
            al. 2024).
        dropout: share of the adapter's inputs left out at each step.
        taught: share of a batch that the mesh swap teaches.
        own: share of a batch that is the identity, drawn as itself; the rest is the target under
            its own embedding, where nothing is to be drawn.
    """

    learning_rate: float = 2e-3  # adapters start at no change and need a larger step than weights
    rank: int = 16
    rank_pattern: str = ""  # text, for the command line and the launchpad to take it alike
    alpha: int | None = None
    dora: bool = False
    dropout: float = 0.0  # 0.1 makes a step a third longer on CPUs, and the faces no better
    taught: float = 0.67
    own: float = 0.17

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, rank in {"rank": self.rank, **self.part_ranks()}.items():
            if not 1 <= rank <= _MOST_RANK:
                raise SettingsError(f"{name} is {rank}; it must be 1 to {_MOST_RANK}")
        if self.alpha is not None and self.alpha < 1:
            raise SettingsError(f"alpha is {self.alpha}; it must be at least 1, or none for rank")
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"dropout is {self.dropout}; it must be in [0, 1)")
        if not 0 < self.taught <= 1 or self.own < 0 or self.taught + self.own > 1:
            raise SettingsError(
                f"taught is {self.taught} and own {self.own}; taught must be above 0, "
                f"or the network would learn to change nothing, and both together at most 1"
            )

    def part_ranks(self) -> dict[str, int]:
        """`rank_pattern` as ranks by the part of the network they are for.

        Raises:
            SettingsError: It is not of the form `PART=RANK PART=RANK`.
        """
        found = [re.fullmatch(r"([\w.]+)=(-?\d+)", entry) for entry in self.rank_pattern.split()]
        ranks = {entry[1]: int(entry[2]) for entry in found if entry}
        if len(ranks) < len(found):
            raise SettingsError(
                f"rank_pattern is {self.rank_pattern!r}; PART=RANK is needed, each part once and "
                f"with spaces between, such as 'blocks=32 paint=4'"
            )
        return ranks
