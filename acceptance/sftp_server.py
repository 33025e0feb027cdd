"""A private OpenSSH server for one test run: a host key, a user's key and a folder of its own, on a free port of this machine."""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import time

SSHD = pathlib.Path(os.environ.get("SLUICE_SSHD", "/usr/sbin/sshd"))


class SFTPServer:
    def __init__(self, folder):
        assert SSHD.exists(), f"OpenSSH's server is needed at {SSHD}: apt-get install openssh-server"
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o700)
        self.root = self.folder / "files"
        self.root.mkdir()
        for name in ("host", "other", "user", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name], check=True)
        (self.folder / "authorized").write_text((self.folder / "user.pub").read_text())
        self.user = pwd.getpwuid(os.getuid()).pw_name
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        if os.getuid() == 0:
            # Where it gives up its rights after the log-in.
            pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.process = None
        self.start()

    def start(self, key="host"):
        config = self.folder / "config"
        config.write_text(f"""
ListenAddress 127.0.0.1
Port {self.port}
HostKey {self.folder / key}
AuthorizedKeysFile {self.folder / "authorized"}
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp -d {self.root}
""")
        self.process = subprocess.Popen(
            [str(SSHD), "-D", "-e", "-f", str(config)], stderr=open(self.folder / "log", "ab"), start_new_session=True)
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return self
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def key(self, name="user"):
        return (self.folder / name).read_text()

    def known(self, name="host"):
        """The host's key as ssh-keyscan prints it."""
        return f"[127.0.0.1]:{self.port} " + " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
