"""What a swap could not be made with is refused before hours of training, not after them."""

from pathlib import Path

import dagster as dg

from facepipe.defs.declaring import given_to, over_published
from facepipe.defs.foreign_models import LANDMARKER, model_file, swapping_model
from facepipe.defs.inputs import ConsentedMedia, consented_media
from facepipe.defs.names import SWAP
from facepipe.defs.occlusion_general import named_occluder
from facepipe.defs.partitions import names_in
from facepipe.defs.storage import Store
from facepipe.swapping.settings import SwapSettings


def named_models(settings: SwapSettings, models: Path) -> dict[str, Path | None]:
    """The file of each model that a swap's settings name, by what a recipe calls it.

    Raises:
        BadInputError: There is no such file, and no such model.
        ModelFileError: It is missing or altered, or the swapper's is in no known contract.
    """
    return {
        "model": swapping_model(settings.swapper, models),
        "enhancer": model_file(settings.enhancer, models),
        "face_parser": model_file(settings.face_parser, models),
        "bundle": model_file(LANDMARKER if settings.expression > 0 else "", models),
    }


def check_swap(store: Store, target: ConsentedMedia, settings: SwapSettings) -> None:
    """Refuse a swap whose models cannot be opened or whose encoder is not there.

    Raises:
        SettingsError: The encoder is not there, or takes no video of this kind.
        BadInputError: There is no such file, and no such model.
        ModelFileError: A model is missing, damaged, altered or of another contract.
    """
    from facepipe.media.canvas import Canvas
    from facepipe.media.encoders import check_encoder
    from facepipe.media.probe import probe
    from facepipe.swapping.film import cut_of, shown_as

    check_encoder(
        Canvas(shown_as(probe(target.paths[0]), cut_of(settings))).form, settings.encoding()
    )
    named = named_models(settings, store.models())
    # what reads them loads onnxruntime
    if enhancer := named["enhancer"]:
        from facepipe.swapping.enhancer import FaceEnhancer

        FaceEnhancer(enhancer, settings.enhancer_blend, device="cpu")
    if parser := named["face_parser"]:
        from facepipe.swapping.parsing import FaceParser

        FaceParser(parser, device="cpu")
    if occluder := named_occluder(store, settings.occlusion):
        from facepipe.occlusion.occluder import read_layout

        read_layout(occluder)


def check_swap_after(context: dg.AssetExecutionContext, store: Store) -> None:
    """The same for the swap that the run of a training makes in the end, if it makes one."""
    if dg.AssetKey(SWAP.split("/")) not in context.job_def.asset_layer.selected_asset_keys:
        return
    partition = str(context.partition_key)
    given = given_to(context.run, SWAP.replace("/", "__"))
    settings = over_published(store.place(SWAP, partition), SwapSettings, given)
    target = consented_media(store, "target", names_in(partition)[1], "train")
    check_swap(store, target, settings)
