"""What makes a synthetic person: sixty numbers drawn from a seed."""

from dataclasses import dataclass, field, fields

import numpy as np

from facepipe.synthetic.fields import Rgb

CAST = (6, 43, 7, 18, 20, 12)
"""Seeds of six people who look well apart, and in whom MediaPipe finds a face in every frame."""

SKINS: tuple[Rgb, ...] = (
    (226, 182, 158), (214, 164, 132), (190, 138, 106), (154, 104, 76), (112, 74, 54),
    (232, 196, 178),
)  # fmt: skip
HAIRS: tuple[Rgb, ...] = (
    (34, 26, 22), (74, 48, 30), (176, 134, 80), (120, 58, 30), (150, 146, 142), (20, 18, 20),
)  # fmt: skip
IRISES: tuple[Rgb, ...] = (
    (84, 52, 30), (70, 104, 138), (88, 112, 70), (54, 34, 22), (110, 124, 132),
)  # fmt: skip
CLOTHES: tuple[Rgb, ...] = (
    (60, 74, 104), (120, 44, 48), (52, 92, 76), (190, 186, 176), (44, 44, 50), (150, 110, 60),
)  # fmt: skip


def _span(low: float, high: float) -> dict[str, tuple[float, float]]:
    return {"span": (low, high)}


@dataclass(frozen=True)
class Identity:
    """One person. Lengths are in head units of 10 cm, positions relative to between the eyes.

    Fields with a span are drawn uniformly from it by `sample`.
    """

    seed: int
    skin_rgb: Rgb
    hair_rgb: Rgb
    iris_rgb: Rgb
    cloth_rgb: Rgb
    hair_long: bool
    glasses: bool
    freckles: int
    moles: int
    beard: float
    width: float = field(metadata=_span(0.90, 1.12))
    height: float = field(metadata=_span(0.93, 1.08))
    jaw: float = field(metadata=_span(0.78, 1.05))
    chin: float = field(metadata=_span(-0.03, 0.09))
    chin_gap: float = field(metadata=_span(0.36, 0.45))
    lip_gap: float = field(metadata=_span(0.25, 0.34))
    cheek: float = field(metadata=_span(0.0, 0.09))
    eye_x: float = field(metadata=_span(0.28, 0.35))
    eye_w: float = field(metadata=_span(0.138, 0.178))
    eye_h: float = field(metadata=_span(0.09, 0.155))
    eye_tilt: float = field(metadata=_span(-0.025, 0.04))
    brow_y: float = field(metadata=_span(0.19, 0.27))
    brow_thick: float = field(metadata=_span(0.014, 0.055))
    brow_arch: float = field(metadata=_span(-0.02, 0.06))
    nose_w: float = field(metadata=_span(0.78, 1.45))
    nose_out: float = field(metadata=_span(0.75, 1.3))
    mouth_w: float = field(metadata=_span(0.20, 0.30))
    lip_full: float = field(metadata=_span(0.65, 1.6))
    lip_red: float = field(metadata=_span(0.0, 1.0))
    blush: float = field(metadata=_span(0.0, 0.6))
    eye_shadow: float = field(metadata=_span(0.1, 0.7))
    wrinkle: float = field(metadata=_span(0.0, 1.0))
    hairline: float = field(metadata=_span(-0.85, -0.58))
    hair_lift: float = field(metadata=_span(0.02, 0.10))
    fringe: float = field(metadata=_span(-0.04, 0.13))
    parting: float = field(metadata=_span(-0.12, 0.12))

    @staticmethod
    def sample(seed: int) -> "Identity":
        """The person that belongs to `seed`, always the same one."""
        rng = np.random.default_rng(seed)
        hair_long = bool(rng.random() < 0.45)
        skin_rgb = _tinted(_pick(rng, SKINS), rng)
        return Identity(
            seed=seed,
            hair_long=hair_long,
            skin_rgb=skin_rgb,
            hair_rgb=_pick(rng, HAIRS),
            iris_rgb=_pick(rng, IRISES),
            cloth_rgb=_pick(rng, CLOTHES),
            glasses=bool(rng.random() < 0.25),
            freckles=int(rng.integers(60, 220)) * int(rng.random() < 0.35),
            moles=int(rng.integers(0, 5)),
            beard=0.0 if hair_long or rng.random() < 0.4 else float(rng.uniform(0.2, 0.9)),
            **{
                trait.name: _drawn(rng, trait.metadata["span"])
                for trait in fields(Identity)
                if trait.metadata
            },
        )

    @property
    def crown_y(self) -> float:
        """Top of the skull."""
        return -1.16 * self.height

    @property
    def bottom_y(self) -> float:
        """Lowest point of the head, under the chin."""
        return 1.13 * self.height

    @property
    def mouth_y(self) -> float:
        """The line of the closed mouth."""
        return self.bottom_y - self.chin_gap

    @property
    def nose_y(self) -> float:
        """The tip of the nose."""
        return self.mouth_y - self.lip_gap


def _drawn(rng: np.random.Generator, span: tuple[float, float]) -> float:
    return float(rng.uniform(*span))


def _pick(rng: np.random.Generator, table: tuple[Rgb, ...]) -> Rgb:
    return table[int(rng.integers(len(table)))]


def _tinted(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    red, green, blue = (float(channel * rng.uniform(0.95, 1.03)) for channel in rgb)
    return red, green, blue
