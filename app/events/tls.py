"""The certificates for TLS with a broker."""

import ssl
from dataclasses import dataclass
from pathlib import Path


class BadCertificate(Exception):
    """A file of certificates or keys cannot be used: the sentence names it."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: the authorities for the broker's certificate, and our certificate and key.

    Without `ca` the system's authorities are used.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Read the files, or raise BadCertificate. Each connection reads them: they may have been renewed."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.sslsocket_class = _Socket
        except OSError as error:
            raise BadCertificate(
                f"KENNEL_MQTT_CA names {self.ca}, which is no file of certificates ({error})."
            ) from None
        if self.cert is not None:
            self._load(context, self.cert)
        return context

    def _load(self, context: ssl.SSLContext, cert: Path) -> None:
        """Have the context show our certificate."""
        try:
            context.load_cert_chain(cert, self.key, password="")
        except (OSError, ValueError) as error:
            raise BadCertificate(
                f"KENNEL_MQTT_CERT names {cert}, which is not a certificate and a key "
                f"that belong together ({type(error).__name__})."
            ) from None


class _Socket(ssl.SSLSocket):
    """A socket that a failed handshake closes; paho leaves it open."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  as in ssl
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise
