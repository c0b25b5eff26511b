"""A web server on this machine that serves what a test gives it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture
def serve():
    """Serve `content` at a URL that is returned; `stated` is the length it claims to have."""
    servers = []

    def start(content, stated=None):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(stated or len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *words):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/weights.bin"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
