"""A mail server that takes what it is sent, as other people's code speaks SMTP: with a certificate of its own, a log-in, and refusals."""

import datetime
import email
import email.policy
import ipaddress
import ssl

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(folder, name="127.0.0.1", client=None):
    """A root and a certificate by it, as files: (root, certificate, key)."""
    now = datetime.datetime.now(datetime.timezone.utc)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test root")])

    def build(subject, public, issuer_key, is_root):
        made = (x509.CertificateBuilder().subject_name(subject).issuer_name(root_name).public_key(public)
                .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
                .not_valid_after(now + datetime.timedelta(days=30))
                .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True))
        if not is_root:
            try:
                names = [x509.IPAddress(ipaddress.ip_address(name))]
            except ValueError:
                names = [x509.DNSName(name)]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(issuer_key, hashes.SHA256())

    root = build(root_name, root_key.public_key(), root_key, True)
    leaf = build(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key.public_key(), root_key, False)
    paths = [folder / f"{client or 'server'}-{part}.pem" for part in ("root", "certificate", "key")]
    paths[0].write_bytes(root.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return paths


class Mailbox:
    """`refusal(recipient)` gives an answer that is no 250, or nothing."""

    def __init__(self, folder, tls=True, refusal=None):
        self.mails, self.logins = [], []
        self.root, cert, key = certificate(folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
        outer = self

        class Handler:
            async def handle_RCPT(self, server, session, envelope, address, options):
                told = refusal(address) if refusal else None
                if told:
                    return told
                envelope.rcpt_tos.append(address)
                return "250 ok"

            async def handle_DATA(self, server, session, envelope):
                mail = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
                outer.mails.append((session.ssl is not None, envelope.mail_from, envelope.rcpt_tos, mail))
                return "250 taken"

        def log_in(server, session, envelope, mechanism, data):
            if isinstance(data, LoginPassword):
                outer.logins.append((data.login.decode(), data.password.decode()))
                return AuthResult(success=data.password == b"open sesame", handled=False)
            return AuthResult(success=False, handled=False)

        class AnyPort(Controller):
            def _trigger_server(self):
                # Which port it is is known only now.
                self.port = self.server.sockets[0].getsockname()[1]
                super()._trigger_server()

        self.controller = AnyPort(
            Handler(), hostname="127.0.0.1", port=0, authenticator=log_in, auth_require_tls=tls,
            **({"tls_context": context, "require_starttls": True} if tls else {}))
        self.controller.start()
        self.port = self.controller.port

    def close(self):
        self.controller.stop()
