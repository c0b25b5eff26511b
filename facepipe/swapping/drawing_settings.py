"""What draws the faces, and how finely; needs no heavy library."""

from dataclasses import dataclass

from facepipe.errors import SettingsError

LORA, MESH = "lora", "mesh"
"""The two swappers that are made of the pair's own material."""


@dataclass(frozen=True)
class DrawingSettings:
    """What draws the faces.

    Attributes:
        swapper: What draws the faces: lora (the pair's trained model), mesh (the identity's own
            pictures, bent; needs no training), or a model from elsewhere, by its path or by the
            name it is registered under: an ONNX file in the inswapper contract, which draws whom
            the profile names and wants one made with embedder=arcface, or a DFM, which draws its
            own person, whom the identity must be.
        weight: How much of the identity a model in the inswapper contract draws, 0 to 1: 0.5 is
            neutral, 0 leaves more of the target's own face, 1 goes beyond the identity, away from
            the target. A compact model draws its person alike under any weight.
        morph: How far a DFM that can be told goes to its person, 0 to 1.
        boost: How many times finer than its own squares a model draws, 1 (as it is) to 8: at 128 px
            2 gives 256, 4 gives 512, 8 gives 1024, in boost times boost as much time. The mesh and
            DFMs draw as finely as they can already.
        expression: How far the drawn eyes and lips are moved to where the target's are, 0 (not at
            all) to 1. Their landmarks come nearer by half; likeness to the identity suffers a
            little, whose eyes and lips are of another shape.
        enhancer: A face enhancer (GFPGAN, CodeFormer, GPEN and others of their contract) that draws
            the swapped face more sharply, by its path or by the name it is registered under; empty
            for none. It knows nothing of the identity, and takes its time.
        enhancer_blend: How much of what the enhancer draws is shown, 0 to 1.
        enhancer_fidelity: For an enhancer that can be told, as CodeFormer: 0 draws the finest face,
            1 keeps to the one it is given.
        batch: Faces given to the model at once, 1 or more.
    """

    swapper: str = LORA
    weight: float = 0.5
    morph: float = 1.0
    boost: int = 1
    expression: float = 0.0
    enhancer: str = ""
    enhancer_blend: float = 0.8
    enhancer_fidelity: float = 0.5
    batch: int = 8

    def __post_init__(self) -> None:
        if not self.swapper:
            raise SettingsError(
                "swapper is empty: it must be lora, mesh, a model's path, or a registered name"
            )
        check_range("weight", self.weight, 0, 1)
        check_range("morph", self.morph, 0, 1)
        check_range("boost", self.boost, 1, 8)
        if self.boost > 1 and self.swapper == MESH:
            raise SettingsError("boost is for models: with swapper=mesh it must be 1")
        check_range("expression", self.expression, 0, 1)
        check_range("enhancer_blend", self.enhancer_blend, 0, 1)
        check_range("enhancer_fidelity", self.enhancer_fidelity, 0, 1)
        check_range("batch", self.batch, 1, 1024)


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Raise `SettingsError` unless a number lies between two others, ends included."""
    if not least <= value <= most:
        raise SettingsError(f"{name} is {value}: it must lie between {least} and {most}")
