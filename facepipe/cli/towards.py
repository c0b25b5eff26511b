"""`facepipe combine --towards`: the profile of a person between two identities."""

import hashlib
from dataclasses import dataclass
from typing import Any

from facepipe.defs.inputs import ConsentedMedia, ConsentedPair, consented_media
from facepipe.defs.storage import NotBuiltError, Store
from facepipe.errors import SettingsError
from facepipe.settings import checked_name

_HALF_WAY = 0.5


@dataclass(frozen=True)
class Towards:
    """Another identity, and how far towards it.

    Attributes:
        other: Its name.
        share: More than 0 and less than 1.
    """

    other: str
    share: float

    def mixed(self, here: Store, pair: ConsentedPair) -> tuple[bytes, dict[str, Any]]:
        """The mixed person's `profile.json`, and what a model's record should say of it.

        Raises:
            ConsentError: The other's record does not cover the media, training or swapping now.
            NotBuiltError: A profile is not made.
            BadInputError: Two embedders made the profiles.
        """
        from facepipe.identity.mixing import mixed_profile
        from facepipe.identity.profile import Profile

        theirs = _to_leave(here, self.other)
        try:
            place = here.get("identity/profile", self.other, theirs.digest)
        except NotBuiltError as error:
            run = f"run: facepipe run {self.other} {pair.target_name}"
            raise NotBuiltError(f"{str(error).partition(':')[0]}; {run}") from error
        own, other = (
            Profile.load(folder / "profile.json")
            for folder in (pair.get("identity/profile").path, place.path)
        )
        content = (mixed_profile(own, other, self.share).model_dump_json(indent=1) + "\n").encode()
        return content, {
            "identity": pair.identity_name,
            "towards": self.other,
            "share": self.share,
            "identity_consent": pair.identity.consent.id,
            "towards_consent": theirs.consent.id,
            "profile_sha256": hashlib.sha256(content).hexdigest(),
        }


def checked_towards(identity: str, other: str | None, share: float | None) -> Towards | None:
    """What was asked for, if anything.

    Raises:
        SettingsError: There is a share without another identity, or it is not between 0 and 1, or
            the other is the same.
        PartitionNameError: The other's name is not allowed.
    """
    if other is None:
        if share is not None:
            raise SettingsError(f"--share is {share:g}; it needs --towards OTHER")
        return None
    chosen = _HALF_WAY if share is None else share
    if checked_name(other, "identity") == identity:
        raise SettingsError(f"--towards is {other!r}, the identity itself; give another one")
    if not 0 < chosen < 1:
        raise SettingsError(
            f"--share is {chosen:g}; it must lie between 0, which is {identity} alone, and 1, "
            f"which is {other}"
        )
    return Towards(other, chosen)


def _to_leave(here: Store, name: str) -> ConsentedMedia:
    """An identity whose likeness may leave the pipeline, as `pair_to_leave` has it for pairs."""
    consented_media(here, "identity", name, "swap")
    return consented_media(here, "identity", name, "train")
