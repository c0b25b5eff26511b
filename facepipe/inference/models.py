"""Weight files by name: fetched once, checked by hash each time, recorded in MODELS.lock."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facepipe.errors import BadInputError, ModelFileError, VerificationError
from facepipe.files import sha256_of, whole_file
from facepipe.inference.fetching import Progress, download, unpack_member
from facepipe.inference.lock import LockedModel, lock, measured, read_lock
from facepipe.inference.registry import (
    FACE_LANDMARKER,
    REGISTRY,
    ModelFile,
    accepted_hashes,
)
from facepipe.settings import checked_name

_ARCHIVE_BYTES = 400_000_000  # buffalo_l.zip has 289 MB


@dataclass(frozen=True)
class ModelState:
    """A model and whether it is here; fields as in `ModelFile` and `LockedModel`."""

    name: str
    file: str
    state: Literal["here", "absent", "altered"]
    purpose: str
    url: str
    size: int
    sha256: str
    licence: str
    source: str
    trained_on: str


def ensure_model(
    name: str,
    folder: Path,
    *,
    accept_licence: bool = False,
    on_progress: Progress = lambda done, total: None,
) -> Path:
    """The path of a model's file in `folder`, fetched if it is not there.

    Offline and quick where the file is there and whole. An altered file is removed and refused.

    Args:
        name: A name of the registry, or one given to `register_model`.
        folder: The models folder.
        accept_licence: The user has accepted the licence, for models that need it.
        on_progress: Called with bytes done and in all (0 if unknown).

    Raises:
        BadInputError: No model has this name.
        ModelFileError: It is altered, can neither be fetched nor built, or its licence is not
            accepted.
    """
    if name not in REGISTRY:
        return _registered(name, folder)
    model = REGISTRY[name]
    path = folder / model.file
    if path.is_file():
        digest = sha256_of(path)
        if digest in accepted_hashes(model):
            _note(model, path)
            return path
        if digest != model.sha256:  # the official landmark file, put there by hand, is a part
            path.unlink()
            raise ModelFileError(
                f"{path}: altered (sha256 {digest}), so it was removed; run `facepipe models "
                f"fetch {name}` for a whole one"
            )
    if model.needs_acceptance and not accept_licence:
        raise ModelFileError(
            f"{name}: its licence is {model.licence!r}; accept it with `facepipe models fetch "
            f"{name} --accept-licence`, or put {model.file} into {folder}"
        )
    lock(folder, _fetch(model, path, on_progress))
    return path


def register_model(name: str, path: Path, licence: str, folder: Path) -> Path:
    """Copy the user's own weight file into `folder` and record its hash under `name`.

    Raises:
        ModelFileError: There is no such file.
        BadInputError: The name is the registry's, or not allowed.
    """
    if checked_name(name, "model") in REGISTRY:
        raise BadInputError(f"{name!r} is a model facepipe knows; choose another name")
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file; give the weight file to register")
    kept = folder / f"{name}{path.suffix}"
    if not (kept.exists() and kept.samefile(path)):
        with whole_file(kept) as aside:
            shutil.copyfile(path, aside)
    lock(folder, measured(name, kept, licence, f"registered from {path.name}"))
    return kept


def list_models(folder: Path) -> list[ModelState]:
    """Every known and registered model, with what is here of it."""
    locked = read_lock(folder)
    known = [_state_of(model, folder, locked.get(model.name)) for model in REGISTRY.values()]
    others = [locked[name] for name in sorted(locked) if name not in REGISTRY]
    return known + [_registered_state(entry, folder) for entry in others]


def verify_model(name: str, folder: Path) -> str:
    """One line that says the file of `name` is whole.

    Raises:
        BadInputError: No model has this name.
        ModelFileError: It is not here.
        VerificationError: It is not the file that was recorded.
    """
    states = {state.name: state for state in list_models(folder)}
    if name not in states:
        raise _unknown(name, folder)
    state = states[name]
    path = folder / state.file
    if state.state == "absent":
        raise ModelFileError(f"{name}: not here; run `facepipe models fetch {name}`")
    if state.state == "altered":
        raise VerificationError(
            f"{path}: sha256 is {sha256_of(path)}, recorded is {state.sha256}; delete it and run "
            f"`facepipe models fetch {name}`"
        )
    return f"{name}: {path.name} is whole (sha256 {state.sha256}, {state.licence})"


def verify_models(folder: Path, name: str | None = None) -> list[str]:
    """The line of `verify_model` for one model, or for every one that is here."""
    if name is not None:
        return [verify_model(name, folder)]
    here = [state.name for state in list_models(folder) if state.state != "absent"]
    return [verify_model(each, folder) for each in here] or ["no models are here yet"]


def _note(model: ModelFile, path: Path) -> None:
    """Record a file that was put there by hand."""
    if model.name not in read_lock(path.parent):
        lock(path.parent, measured(model.name, path, model.licence, model.source))


def _fetch(model: ModelFile, path: Path, on_progress: Progress) -> LockedModel:
    built_from = ""
    if model is FACE_LANDMARKER:
        # MediaPipe takes a second to import, which a look at the folder should not
        from facepipe.inference.landmark_source import obtain_bundle

        built_from = obtain_bundle(path, on_progress).built_from
    elif model.member:
        try:
            _fetch_member(model, path, on_progress)
        except ModelFileError as error:
            raise ModelFileError(
                f"{error}; by hand: put {model.file} of that archive into {path.parent}"
            ) from error
    return measured(model.name, path, model.licence, model.source, built_from)


def _fetch_member(model: ModelFile, path: Path, on_progress: Progress) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        archive = Path(scratch) / "archive.zip"
        download(model.url, archive, sha256="", most_bytes=_ARCHIVE_BYTES, on_progress=on_progress)
        unpack_member(archive, model.member, path, sha256=model.sha256)


def _unknown(name: str, folder: Path) -> BadInputError:
    names = sorted({*REGISTRY, *read_lock(folder)})
    return BadInputError(f"no model is called {name!r}; known are {', '.join(names)}")


def _registered(name: str, folder: Path) -> Path:
    locked = read_lock(folder)
    if name not in locked:
        raise _unknown(name, folder)
    path = folder / locked[name].file
    if not path.is_file():
        raise ModelFileError(f"{path}: missing; register {name} again")
    if (digest := sha256_of(path)) != locked[name].sha256:
        raise ModelFileError(
            f"{path}: altered (sha256 {digest}, recorded {locked[name].sha256}); register it again"
        )
    return path


def _state_of(model: ModelFile, folder: Path, recorded: LockedModel | None) -> ModelState:
    path = folder / model.file
    digest, state = recorded.sha256 if recorded else model.sha256, "absent"
    if path.is_file():
        found = sha256_of(path)
        whole = found in accepted_hashes(model)
        digest, state = (found, "here") if whole else (digest, "altered")
    return ModelState(
        name=model.name,
        file=model.file,
        state=state,
        purpose=model.purpose,
        url=model.url,
        size=path.stat().st_size if state == "here" else model.size,
        sha256=digest,
        licence=model.licence,
        source=model.source,
        trained_on=model.trained_on,
    )


def _registered_state(entry: LockedModel, folder: Path) -> ModelState:
    path = folder / entry.file
    state = "absent"
    if path.is_file():
        state = "here" if sha256_of(path) == entry.sha256 else "altered"
    return ModelState(
        name=entry.name,
        file=entry.file,
        state=state,
        purpose="registered by the user",
        url="",
        size=entry.bytes,
        sha256=entry.sha256,
        licence=entry.licence,
        source=entry.source,
        trained_on="not stated",
    )
