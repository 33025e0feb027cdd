"""A receiver of rows over HTTP, as somebody would write it who leaves out what came before."""

import http.server
import json
import threading


class Taker:
    """Takes rows over HTTP, each request once by its `Idempotency-Key`, and fails as a test tells it."""

    def __init__(self):
        self.taken, self.lock = {}, threading.Lock()
        # Called before a request is taken; answers a status, None to take it, or "lost" to take it and answer nothing.
        self.trouble = lambda: None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                trouble = outer.trouble()
                if trouble in (None, "lost"):
                    with outer.lock:
                        outer.taken.setdefault(self.headers["idempotency-key"], body)
                if trouble == "lost":
                    self.close_connection = True
                    return
                self.send_response(trouble or 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/rows/with-a-key-in-its-path"

    @property
    def rows(self):
        with self.lock:
            return [json.loads(line) for body in self.taken.values() for line in body.splitlines()]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
