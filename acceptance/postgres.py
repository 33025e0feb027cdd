"""A private PostgreSQL 15 for one test run: a cluster in a folder that goes with it, on a free port of this machine."""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import urllib.parse

BIN = pathlib.Path(os.environ.get("SLUICE_POSTGRES_BIN", "/usr/lib/postgresql/15/bin"))


class Postgres:
    user, password, database = "sluice", "a pass/word", "warehouse"
    options = "-c fsync=off"

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "cluster"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        assert (BIN / "initdb").exists(), f"PostgreSQL 15 is needed in {BIN}: apt-get install postgresql-15"
        self.folder.mkdir(parents=True, exist_ok=True)
        # Its programs refuse to run as root.
        self.owner = "postgres" if os.getuid() == 0 else None
        if self.owner:
            entry = pwd.getpwnam(self.owner)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            for parent in self.folder.parents:
                if str(parent) in ("/", "/tmp"):
                    break
                parent.chmod(parent.stat().st_mode | 0o011)
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        self._run("initdb", "-D", self.data, "-U", self.user, f"--pwfile={secret}", "-A", "scram-sha-256",
                  "--no-sync", "-E", "UTF8", "--locale=C")
        self.start()
        self.sql(f"CREATE DATABASE {self.database}", database="postgres")

    def _run(self, program, *arguments, check=True):
        command = [str(BIN / program), *map(str, arguments)]
        if self.owner:
            command = ["setpriv", f"--reuid={self.owner}", f"--regid={self.owner}", "--init-groups", *command]
        return subprocess.run(command, check=check, capture_output=True, text=True, cwd=self.folder)

    def start(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= {self.options}"
        self._run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-o", options, "start")

    def stop(self, mode="immediate"):
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop", check=False)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self):
        return f"postgresql://{self.user}:{urllib.parse.quote(self.password, safe='')}@127.0.0.1:{self.port}/{self.database}"

    def sql(self, statement, database=None):
        """Runs a statement; the rows as lists of texts, in which nothing is an empty text."""
        done = subprocess.run(
            [str(BIN / "psql"), "-X", "-q", "-At", "-F", "\x1f", "-R", "\x1e", "-v", "ON_ERROR_STOP=1",
             "-c", statement],
            capture_output=True, text=True, env={
                **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": self.user,
                "PGPASSWORD": self.password, "PGDATABASE": database or self.database})
        assert done.returncode == 0, done.stderr
        text = done.stdout.removesuffix("\n")
        return [row.split("\x1f") for row in text.split("\x1e")] if text else []

    def one(self, statement):
        return self.sql(statement)[0][0]
