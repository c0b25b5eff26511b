"""The identities that have a part in one target's swap, each consented to and made for itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

from facepipe.defs.inputs import ConsentedPair, consented_pair
from facepipe.defs.partitions import names_in, pair_key
from facepipe.defs.recipes import OF, read_recipe
from facepipe.defs.storage import Store
from facepipe.defs.telling import Artifact
from facepipe.defs.trained_under import own_model
from facepipe.errors import BadInputError, ConsentError
from facepipe.files import sha256_of
from facepipe.provenance.allowing import check_company, check_consent
from facepipe.swapping.mapping import identities_in, wished
from facepipe.swapping.settings import SwapSettings


@dataclass(frozen=True)
class Member:
    """An identity that has a part.

    Attributes:
        pair: it and the target, consented to now.
        made: what was made of it, by what a recipe calls it.
        suffix: of the names in a recipe; empty for the identity that the swap is named after.
    """

    pair: ConsentedPair
    made: Mapping[str, Artifact]
    suffix: str

    @property
    def name(self) -> str:
        """The identity's name."""
        return self.pair.identity_name

    @property
    def digests(self) -> dict[str, str]:
        """What of it decides a swap's content, as recipes name it."""
        digests = {name: artifact.digest for name, artifact in self.made.items()}
        of = {"media": self.pair.digest, **digests}
        return {f"{name}{self.suffix}": digest for name, digest in of.items()}


def members_of(
    store: Store, partition: str, people: str, needed: Mapping[str, str], *, trained: bool
) -> list[Member]:
    """Whoever is shown by the swap of a pair, the pair's own identity first.

    Args:
        store: where everything lies.
        partition: key of the pair that the swap is named after.
        people: who gets whose face, as `SwapSettings.people`.
        needed: keys of what is needed of each identity, by what a recipe calls it.
        trained: whether each needs a model that was trained for this target.

    Raises:
        ConsentError: A record of any of them does not cover its media or this use now, or not
            together with one of the others.
        NotBuiltError: Something of one of them is not made, or was made from other media.
    """
    first, target = names_in(partition)
    found: list[Member] = []
    for name in identities_in(wished(people, first)):
        pair = consented_pair(store, str(pair_key(name, target)), "swap")
        made = {called: pair.get(key) for called, key in needed.items()}
        if trained:
            made["lora_onnx"] = own_model(pair, "pair/lora_onnx", made["profile"])
        found.append(Member(pair, made, "" if name == first else f"{OF}{name}"))
    for one, other in permutations(found, 2):
        check_company(one.pair.identity.consent, other.name)
    return found


def digests_of(members: list[Member], target: Mapping[str, Artifact]) -> dict[str, str]:
    """What of the members and of their target decides a swap's content, as recipes name it."""
    of_all = {name: digest for member in members for name, digest in member.digests.items()}
    return of_all | {name: artifact.digest for name, artifact in target.items()}


def consents_of(members: list[Member]) -> dict[str, str]:
    """The records in force: `target`, `identity`, and for a further one `identity@eve`."""
    of_all = {f"identity{member.suffix}": member.pair.identity.consent.id for member in members}
    return {**of_all, "target": members[0].pair.target.consent.id}


def as_inputs(consents: Mapping[str, str]) -> dict[str, str]:
    """The same as recipes name them: `identity_consent@eve`."""
    return {
        f"{side}_consent{of}{other}": record
        for name, record in consents.items()
        for side, of, other in [name.partition(OF)]
    }


def check_places(store: Store, partition: str, swap: SwapSettings) -> None:
    """Refuse, before hours of training, a place that the target does not have.

    Args:
        store: where everything lies.
        partition: key of the pair that the swap is named after; what is made of its sides is
            there.
        swap: settings of the swap.

    Raises:
        BadInputError: Somebody cannot be placed; see `swapping.who.parts_of`.
        ConsentError: As `pictures_in`.
    """
    from facepipe.landmarks.tracks import Landmarks
    from facepipe.swapping.engaging import TargetFiles, engaged

    pair, people = consented_pair(store, partition, "swap"), swap.people
    pictures_in(pair, people)
    smoothed = pair.get("target/smoothed_landmarks").path / "landmarks.npz"
    target = TargetFiles(
        faces=pair.get("target/faces").path,
        people=pair.get("target/people").path,
        profile=pair.get("identity/profile").path / "profile.json",
        models=store.models(),
    )
    wishes = wished(people, pair.identity_name)
    engaged(target, Landmarks.load(smoothed), wishes, swap.same_person)


def pictures_in(pair: ConsentedPair, people: str) -> dict[str, str]:
    """SHA-256 of each reference picture, as recipes name it.

    A picture shows the target's person, and only who consented may be looked for: the target's
    record must name the picture's content, as it does for each picture of the target itself.

    Raises:
        BadInputError: There is no such picture.
        ConsentError: The target's record does not cover it.
    """
    asked = wished(people, pair.identity_name)
    paths = sorted({wish.path for wish in asked if wish.kind == "picture"})
    digests = {path: _digest(Path(path)) for path in paths}
    consent = pair.target.consent
    try:
        check_consent(consent, digests, "swap", datetime.now(UTC))
    except ConsentError as error:
        raise ConsentError(f"reference picture: {error}") from error
    return {f"reference_{number}": digests[path] for number, path in enumerate(paths)}


def _digest(path: Path) -> str:
    if not path.is_file():
        raise BadInputError(f"{path}: no such picture; a reference shows the person to replace")
    return sha256_of(path)


def swapped_people(swapped: Artifact) -> str:
    """Who got whose face in a published swap, as `SwapSettings.people`."""
    recipe = read_recipe(swapped.path)
    return recipe["settings"].get("people", "") if recipe else ""
