"""A receiver of webhooks as somebody would write it, that verifies with other people's libraries and answers as a test tells it."""

import http.server
import json
import threading
import time

import standardwebhooks
import svix


class Receiver:
    """Listens on a port of loopback. `answer(request)` gives a status, or (status, headers, body); `request` is what came."""

    def __init__(self, answer=None):
        self.answer = answer or (lambda request: 204)
        self.requests, self.lock = [], threading.Lock()
        self.secrets = []
        self.refused = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                request = {"at": time.time(), "path": self.path, "headers": dict(self.headers.items()), "body": body}
                request["id"] = self.headers["webhook-id"]
                request["json"] = json.loads(body)
                outer.verify(request)
                with outer.lock:
                    outer.requests.append(request)
                    request["number"] = len(outer.requests)
                told = outer.answer(request)
                status, headers, content = told if isinstance(told, tuple) else (told, {}, b"")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"

    def verify(self, request):
        """Every secret that a receiver may have must do, with either library."""
        for secret in self.secrets:
            for library in (standardwebhooks.Webhook, svix.Webhook):
                try:
                    library(secret).verify(request["body"], request["headers"])
                except Exception as error:  # whatever a library throws is a refusal
                    self.refused.append((library.__module__, request["id"], repr(error)))

    def ids(self):
        with self.lock:
            return [request["id"] for request in self.requests]

    def events(self):
        with self.lock:
            return [request["json"]["data"] for request in self.requests]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
