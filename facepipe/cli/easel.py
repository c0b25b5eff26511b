"""The server behind `facepipe annotate`: one target's frames and masks, for one page alone.

It hears this machine only. A web page elsewhere that makes a browser call it, under whatever name
(DNS rebinding), has another `Host` or no token; the token stands in the fragment of the page's
address, which no browser sends to anybody.
"""

import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path
from threading import Lock

import cv2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facepipe.errors import FacepipeError, MediaError
from facepipe.media.decode import decode
from facepipe.occlusion.painting import MOST_BYTES, Easel

TOKEN_HEADER, ORIGIN_HEADER = "X-Facepipe-Token", "X-Facepipe-Mask"
_PAGE = Path(__file__).with_name("page")
_FILES = {"/": "index.html", "/paint.js": "paint.js", "/paint.css": "paint.css"}
_JPEG_QUALITY = 95
_KEPT_TO_ITSELF = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; script-src 'self'; style-src 'self'; "
    b"connect-src 'self'; img-src blob:; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}


class Reel:
    """The frames of one file as JPEG; going on from one to a later one decodes none twice."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._next, self._frames = 0, decode(path)  # the frame that comes next of these

    def jpeg(self, number: int) -> bytes:
        """A frame.

        Raises:
            MediaError: The file cannot be decoded, or ends before.
        """
        with self._lock:
            if number != self._next:
                self._frames = decode(self._path, first=number)
            self._next = -1
            frame = next(self._frames, None)
            if frame is None:
                raise MediaError(f"{self._path}: ends before frame {number}")
            self._next = number + 1
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        return cv2.imencode(".jpg", frame.rgb[:, :, ::-1], quality)[1].tobytes()


class Painting:
    """What the page asks for.

    Args:
        name: Of the target.
        easel: Its masks.
        reel: Its frames.
        token: What every request must tell.
        check: Raises unless the target's consent holds now.
    """

    def __init__(
        self, name: str, easel: Easel, reel: Reel, token: str, check: Callable[[], object]
    ) -> None:
        self._name, self._easel, self._reel = name, easel, reel
        self._token, self._check = token, check

    def app(self, port: int) -> Starlette:
        """The server, for this port."""
        self._origin = f"http://127.0.0.1:{port}"
        pages = [Route(place, _page(file)) for place, file in _FILES.items()]
        asked = [
            Route("/api/target", self._asked(self._target)),
            Route("/api/frames/{frame:int}", self._asked(self._frame)),
            Route("/api/masks/{frame:int}", self._asked(self._mask)),
            Route("/api/masks/{frame:int}", self._asked(self._save), methods=["PUT"]),
            Route("/api/masks/{frame:int}", self._asked(self._delete), methods=["DELETE"]),
        ]
        return Starlette(
            routes=[*pages, *asked],
            middleware=[
                Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1"], www_redirect=False),
                Middleware(_Private),
            ],
            exception_handlers={FacepipeError: _told},
        )

    def _asked(
        self, answer: Callable[[Request, bytes], Response]
    ) -> Callable[[Request], Awaitable[Response]]:
        """`answer`, in a thread, where the token, the origin and the consent allow it."""

        async def asked(request: Request) -> Response:
            told = request.headers.get(TOKEN_HEADER, "")
            if not hmac.compare_digest(told.encode(), self._token.encode()):
                raise HTTPException(403, "open the address that facepipe annotate has printed")
            if request.headers.get("Origin", self._origin) != self._origin:
                raise HTTPException(403, "this is for its own page alone")
            frame = request.path_params.get("frame", 0)
            if frame >= self._easel.count:
                raise HTTPException(404, f"there are {self._easel.count} frames")
            body = await _body(request)
            await run_in_threadpool(self._check)
            return await run_in_threadpool(answer, request, body)

        return asked

    def _target(self, request: Request, body: bytes) -> Response:
        width, height = self._easel.size_wh(0)
        about = {"name": self._name, "frames": self._easel.count, "size": [width, height]}
        return JSONResponse({**about, "painted": self._easel.painted()})

    def _frame(self, request: Request, body: bytes) -> Response:
        picture = self._reel.jpeg(request.path_params["frame"])
        return Response(picture, media_type="image/jpeg")

    def _mask(self, request: Request, body: bytes) -> Response:
        mask, origin = self._easel.mask(request.path_params["frame"])
        png = cv2.imencode(".png", mask)[1].tobytes()
        return Response(png, media_type="image/png", headers={ORIGIN_HEADER: origin})

    def _save(self, request: Request, body: bytes) -> Response:
        self._easel.save(request.path_params["frame"], body)
        return JSONResponse({"painted": self._easel.painted()})

    def _delete(self, request: Request, body: bytes) -> Response:
        self._easel.delete(request.path_params["frame"])
        return JSONResponse({"painted": self._easel.painted()})


class _Private:
    """Tells the browser to keep what it gets from every other page, and not at all afterwards."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_KEPT_TO_ITSELF.items()]}
            await send(message)

        await self._app(scope, receive, sent if scope["type"] == "http" else send)


def _page(file: str) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> Response:
        return FileResponse(_PAGE / file)

    return page


async def _body(request: Request) -> bytes:
    """What came with a request, as long as it is no more than a mask can be."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, f"more than {MOST_BYTES} bytes came")
    return bytes(body)


async def _told(request: Request, error: Exception) -> Response:
    """What an error says, in one line."""
    code = getattr(error, "exit_code", 1)
    return Response(str(error), 403 if code == 3 else 400, media_type="text/plain")
