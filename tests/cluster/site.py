"""Where one lab lives: its folder, its ports on 127.0.0.1, its certificates and kubeconfigs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.pki import Authority, KeyPair
from tests.support.ports import free_ports

HOST = "127.0.0.1"
SERVICE_RANGE = "10.96.0.0/16"
POD_RANGE = "10.244.0.0/16"
_FIRST_SERVICE = "10.96.0.1"
_LISTENERS = (
    "etcd",
    "etcd-peer",
    "apiserver",
    "controller-manager",
    "scheduler",
    "kwok",
    "kserve-webhook",
    "kserve-probe",
)


@dataclass(frozen=True, slots=True)
class Site:
    """What every server of a lab is told; it stays the same when servers are restarted.

    `server` is the one certificate that all of them show, `tokens` signs ServiceAccount tokens.
    """

    folder: Path
    ports: Mapping[str, int]
    authority: Authority
    server: KeyPair
    tokens: KeyPair

    def address(self, listener: str) -> str:
        """Host and port of a listener."""
        return f"{HOST}:{self.ports[listener]}"

    @property
    def url(self) -> str:
        """The API server."""
        return f"https://{self.address('apiserver')}"

    def kubeconfig(
        self, user: str, credentials: KeyPair | str | None = None, server: str | None = None
    ) -> Path:
        """A kubeconfig file for a user.

        Args:
            user: The user's name in certificates and of the file.
            credentials: A certificate or a bearer token; a new certificate where absent.
            server: Another address than the API server's own, such as a proxy's.
        """
        path = self.folder / f"{user.replace(':', '-')}.kubeconfig"
        pair = credentials or self.authority.client(user)
        cluster = {
            "server": server or self.url,
            "certificate-authority-data": _encoded(self.authority.certificate),
        }
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": cluster}],
            "users": [{"name": user, "user": _credentials(pair)}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(document))
        return path


def site(folder: Path) -> Site:
    """A new lab's place in an empty folder."""
    authority = Authority(folder / "pki")
    return Site(
        folder=folder,
        ports=dict(zip(_LISTENERS, free_ports(len(_LISTENERS)), strict=True)),
        authority=authority,
        server=authority.server("server", [HOST, _FIRST_SERVICE]),
        tokens=authority.signing_keys("service-accounts"),
    )


def _credentials(pair: KeyPair | str) -> dict[str, str]:
    if isinstance(pair, str):
        return {"token": pair}
    return {
        "client-certificate-data": _encoded(pair.certificate),
        "client-key-data": _encoded(pair.key),
    }


def _encoded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
