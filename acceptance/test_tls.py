"""TLS served directly: real handshakes, certificates renewed while the server runs, and no plain text beyond the machine."""

import http.client
import json
import os
import socket
import ssl
import subprocess

import pytest

from sluice import Sluice, cli, until


def certificate(folder, name):
    """A certificate for this machine that signs itself, and its key."""
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", chain],
        check=True, capture_output=True)
    return chain, key


@pytest.fixture
def secure(tmp_path):
    chain, key = certificate(tmp_path, "first")
    server = Sluice(tmp_path / "data").start("--tls-certificate", str(chain), "--tls-key", str(key))
    server.chain, server.key_file = chain, key
    yield server
    server.stop()


def connect(server, roots):
    context = ssl.create_default_context(cafile=roots)
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    return context.wrap_socket(raw, server_hostname="localhost")


def shown(server):
    """What the certificate that a new connection is given says, without trust in it."""
    return ssl.get_server_certificate(("127.0.0.1", server.port))


def test_requests_by_tls(secure, tmp_path):
    context = ssl.create_default_context(cafile=secure.chain)
    connection = http.client.HTTPSConnection("localhost", secure.port, context=context)
    body = json.dumps({"events": [{"identity": "ann", "event": "Seen"}] * 100})
    for _ in range(3):
        connection.request("POST", "/v1/events", body=body, headers={"Authorization": f"Bearer {secure.write_key}"})
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["accepted"]) == (200, 100)
    assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")
    # The command line over the network, which trusts what it is told to.
    server = ["--server", f"https://localhost:{secure.port}", "--key", secure.secret_key]
    trusting = {"SLUICE_CA_FILE": str(secure.chain)}
    assert "ann" in cli("people", "find", "ann", *server, env=trusting).stdout
    refused = cli("people", "find", "ann", *server, code=69)
    assert "SLUICE_CA_FILE" in refused.stderr, refused.stderr
    # Plain HTTP at the same port is nothing.
    plain = http.client.HTTPConnection("127.0.0.1", secure.port, timeout=30)
    with pytest.raises((http.client.HTTPException, OSError)):
        plain.request("GET", "/healthz")
        plain.getresponse()


def test_old_protocols_are_refused(secure):
    context = ssl.create_default_context(cafile=secure.chain)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", secure.port), timeout=30) as raw, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(raw, server_hostname="localhost")


def test_a_renewed_certificate_is_taken_up(secure, tmp_path):
    kept = connect(secure, secure.chain)
    before = shown(secure)
    # A file that is none leaves everything as it is, and the log says so.
    good = secure.chain.read_bytes()
    secure.chain.write_bytes(b"nothing\n")
    assert until(lambda: "the one before stays" in secure.log.read_text())
    assert shown(secure) == before
    secure.chain.write_bytes(good)
    chain, key = certificate(tmp_path, "second")
    os.replace(key, secure.key_file)
    os.replace(chain, secure.chain)
    assert until(lambda: shown(secure) != before)
    connect(secure, secure.chain).close()
    # Whoever was connected still is.
    kept.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert kept.recv(100).startswith(b"HTTP/1.1 200")
    kept.close()


def test_a_body_that_does_not_come(secure):
    waiting = connect(secure, secure.chain)
    waiting.sendall(
        b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + secure.write_key.encode()
        + b"\r\nContent-Length: 1000\r\n\r\n{")
    waiting.settimeout(300)
    assert waiting.recv(1000).startswith(b"HTTP/1.1 408")
    # A caller who leaves in the middle of a request is no fault of the server's.
    leaving = connect(secure, secure.chain)
    leaving.sendall(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                    + secure.write_key.encode() + b"\r\nContent-Length: 1000\r\n\r\n{")
    leaving.close()
    secure.stop()
    assert '"level":"error"' not in secure.log.read_text()


def test_plain_text_stays_on_the_machine(tmp_path):
    folder = Sluice(tmp_path / "data")
    refused = cli("serve", "--data", folder.data, "--listen", "0.0.0.0:0", code=64)
    assert "--tls-certificate" in refused.stderr and "--plain-http" in refused.stderr
    assert "both" in cli("serve", "--data", folder.data, "--tls-key", "x", code=64).stderr
    chain, _ = certificate(tmp_path, "one")
    _, other = certificate(tmp_path, "two")
    wrong = cli("serve", "--data", folder.data, "--tls-certificate", chain, "--tls-key", other, code=1)
    assert str(other) in wrong.stderr and "not the key" in wrong.stderr
    missing = cli("serve", "--data", folder.data, "--tls-certificate", tmp_path / "none", "--tls-key", other, code=1)
    assert "No such file" in missing.stderr
    server = folder.start("--plain-http")
    server.stop()
