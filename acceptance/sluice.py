"""The program under test: a data folder, its server as a real process, its command line, and its HTTP API."""

import csv
import http.client
import json
import os
import pathlib
import select
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = pathlib.Path(os.environ.get("SLUICE_PROGRAM", ROOT / ".build/release/sluice"))

# A value may hold 32 KiB and more; Python's reader stops at 128 KiB otherwise.
csv.field_size_limit(1 << 24)

# What a server is started with whose webhooks go to this machine.
ALLOWED = ("--allow-private", "127.0.0.0/8")

# The program with a clock that tests set ahead: of 'make unit' or 'make build-testing'.
TESTING = next(
    (path for path in (
        pathlib.Path(os.environ.get("SLUICE_TESTING_PROGRAM", ROOT / ".build/sluice-testing")),
        ROOT / ".build-testing/release/sluice") if path.exists()), None)

# What takes longer, in seconds, will never come. Far more than anything needs, since the machine may be slow and busy; the
# command line itself waits ten minutes for a store that lags behind.
PATIENCE = 300
COMMAND_PATIENCE = 900


def until(found, patience=PATIENCE, pause=0.05):
    """Asks again and again until the answer is true, and returns it; once patience is over, the last answer."""
    end = time.monotonic() + patience
    while not (answer := found()) and time.monotonic() < end:
        time.sleep(pause)
    return answer


def environment():
    """The environment without anything that points at another Sluice."""
    return {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}


def cli(*arguments, code=0, stdin=None, env=None, text=True, timeout=COMMAND_PATIENCE):
    """Runs a command; fails the test if it does not exit with `code`."""
    done = subprocess.run(
        [str(PROGRAM), *map(str, arguments)], input=stdin, capture_output=True, text=text,
        env={**environment(), **(env or {})}, timeout=timeout)
    assert done.returncode == code, (
        f"sluice {' '.join(map(str, arguments))}\nexited with {done.returncode}, wanted {code}\n"
        f"stdout: {done.stdout[-2000:]!r}\nstderr: {done.stderr[-2000:]!r}")
    return done


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Sluice:
    """A data folder and, while it runs, its server."""

    program = PROGRAM

    def __init__(self, folder, program=PROGRAM):
        self.program = program
        self.data = pathlib.Path(folder)
        self.keys = json.loads(cli("init", "--data", self.data, "--json").stdout)
        self.process = None
        self.port = None
        self.log = self.data.parent / (self.data.name + ".log")

    @property
    def write_key(self):
        return self.keys["write_key"]

    @property
    def secret_key(self):
        return self.keys["secret_key"]

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.host}"

    def start(self, *flags):
        """Starts the server on a free port and waits for its line."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.program), "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", "--json", *flags],
                stdout=subprocess.PIPE, stderr=log, env=environment())
        told, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if told else b""
        assert line, f"the server did not start:\n{self.log.read_text()[-3000:]}"
        self.port = json.loads(line)["port"]
        return self

    def kill(self):
        """SIGKILL, as a power cut would look to the process."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def stop(self, code=0):
        """A graceful stop; everything accepted is stored before it ends."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
        got = self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process = None
        assert code is None or got == code, f"the server exited with {got}:\n{self.log.read_text()[-3000:]}"

    def request(self, method, path, body=None, key="secret", headers=None, timeout=PATIENCE):
        """One request on a connection of its own."""
        all_headers = dict(headers or {})
        if key == "secret":
            all_headers["Authorization"] = f"Bearer {self.secret_key}"
        elif key == "write":
            all_headers["Authorization"] = f"Bearer {self.write_key}"
        elif key is not None:
            all_headers["Authorization"] = f"Bearer {key}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            all_headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=all_headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def collect(self, *events):
        """Sends native items; returns the reply."""
        answer = self.request("POST", "/v1/events", {"events": list(events)}, key="write")
        assert answer.status == 200, answer.body
        return answer.json

    def export(self, dataset, *flags, name="out.csv"):
        """Exports through the command line; returns the rows of the CSV as dictionaries."""
        path = self.data.parent / name
        self.cli("export", dataset, "--out", path, *flags)
        return read_csv(path)

    def cli(self, *arguments, **keywords):
        """A command on this data folder."""
        return cli(*arguments, "--data", self.data, **keywords)


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
