"""A certificate authority of the sandbox's own, for clients that accept only TLS.

Enters: nothing. Leaves: a server's context, and the authority's certificate in a file while inside. Never: a key on
disk that outlives the sandbox, a certificate for another machine.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory


@dataclass(frozen=True)
class Authority:
    """`context` serves TLS as `127.0.0.1` and `localhost`; `ca_file` (PEM) is what a client must trust."""

    context: ssl.SSLContext
    ca_file: Path


@contextmanager
def authority() -> Iterator[Authority]:
    """A new authority; its file is gone afterwards."""
    import trustme  # late: it loads a cryptography library, and few ask for TLS

    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with TemporaryDirectory(prefix="cryptopipe-sandbox-") as folder:
        ca_file = Path(folder) / "ca.pem"
        ca.cert_pem.write_to_path(str(ca_file))
        yield Authority(context, ca_file)
