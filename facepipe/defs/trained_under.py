"""A model is used with the profile it was trained under, or not at all.

Media alone do not tell them apart: a profile made again with another embedder is of the same media,
and its numbers mean nothing to a model that learnt those of the one before.
"""

from facepipe.defs.inputs import ConsentedPair
from facepipe.defs.recipes import read_recipe
from facepipe.defs.storage import NotBuiltError
from facepipe.defs.telling import Artifact


def own_model(pair: ConsentedPair, key: str, profile: Artifact) -> Artifact:
    """The model `key` that a pair has, if the profile it was trained under is `profile`.

    Raises:
        NotBuiltError: There is none, or it was trained under another one.
    """
    model = pair.get(key)
    if _profile_of(pair, model) != profile.digest:
        raise NotBuiltError(
            f"{key} of {pair.partition_key} was trained under another profile than "
            f"identity/profile[{pair.identity_name}] is now, made with {_embedder(profile)}; run: "
            f"facepipe run {pair.identity_name} {pair.target_name} "
            f"--set pair/swapped_video.swapper=lora"
        )
    return model


def _profile_of(pair: ConsentedPair, model: Artifact) -> str | None:
    """The digest of the profile a model or, where it is exported, its adapter was trained under."""
    made_from = _inputs(model)
    if "lora_checkpoint" not in made_from:
        return made_from.get("profile")
    adapter = pair.get("pair/lora_checkpoint")
    return (
        _inputs(adapter).get("profile") if adapter.digest == made_from["lora_checkpoint"] else None
    )


def _inputs(artifact: Artifact) -> dict[str, str]:
    recipe = read_recipe(artifact.path)
    return recipe["inputs"] if recipe else {}


def _embedder(profile: Artifact) -> str:
    from facepipe.identity.embedding import described_record, embedder_record
    from facepipe.identity.profile import Profile

    return described_record(embedder_record(Profile.load(profile.path / "profile.json")))
