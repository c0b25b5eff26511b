"""`facepipe annotate`: a page on this machine to paint and correct a target's masks."""

import secrets
import socket
import webbrowser
from contextlib import suppress
from typing import Annotated

import typer

from facepipe.cli.console import stdout
from facepipe.cli.service import LOOPBACK
from facepipe.cli.surroundings import store
from facepipe.defs.inputs import consented_media
from facepipe.defs.storage import NotBuiltError
from facepipe.errors import BadInputError
from facepipe.settings import checked_name


def register(app: typer.Typer) -> None:
    """Put this command into the application."""
    app.command("annotate")(annotate)


def annotate(
    target: str,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Paint where the face shows in frames of a target, on a local page, until Ctrl-C.

    Frames in between follow the face. The masks lie beside the target's media, in masks/.
    """
    import uvicorn

    from facepipe.cli.easel import Painting, Reel
    from facepipe.landmarks.tracks import Landmarks
    from facepipe.occlusion.painting import Easel

    here, name = store(), checked_name(target, "target")
    media = consented_media(here, "target", name, "swap")
    try:
        made = here.get("target/smoothed_landmarks", name, media.digest)
    except NotBuiltError as error:
        raise NotBuiltError(
            f"target {name!r}: where its faces are is not known yet; run: dg launch --job "
            f"target_job --partition {name}, or facepipe run IDENTITY {name}"
        ) from error
    easel = Easel(media.folder, media.paths[0].name, Landmarks.load(made.path / "landmarks.npz"))
    token = secrets.token_urlsafe(24)
    painting = Painting(
        name,
        easel,
        Reel(media.paths[0]),
        token,
        lambda: consented_media(here, "target", name, "swap"),
    )
    with _listening(port) as listener:
        own = listener.getsockname()[1]
        address = f"http://{LOOPBACK}:{own}/#{token}"
        stdout.print(address, markup=False, highlight=False, soft_wrap=True)
        if show:
            webbrowser.open(address)
        config = uvicorn.Config(
            painting.app(own), log_level="warning", access_log=False, ws="none", lifespan="off",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        with suppress(KeyboardInterrupt):  # raised anew once the last answer is given
            uvicorn.Server(config).run(sockets=[listener])
    stdout.print(f"{name}: {len(easel.painted())} painted masks", highlight=False)


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()  # who opens the page at once waits for the server rather than fail
    except OSError as error:
        listener.close()
        raise BadInputError(
            f"port {port} is taken ({error.strerror}); give another --port"
        ) from error
    return listener
