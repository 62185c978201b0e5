"""A real etcd and kube-apiserver as plain processes on 127.0.0.1, for one test run.

Nothing here needs root, a container or a network. The API server does everything a cluster's does
to our objects: schema, defaults, CEL, server-side apply, status, RBAC. No controllers run.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import tools
from tests.cluster.pki import Authority, KeyPair
from tests.cluster.process import free_port, running, wait_until

_HOST = "127.0.0.1"
_SERVICE_RANGE = "10.96.0.0/16"
_FIRST_SERVICE = "10.96.0.1"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """How to reach a running API server as its administrator."""

    url: str
    authority: Path
    admin: KeyPair
    kubeconfig: Path

    def kubectl(self, *arguments: str) -> str:
        """What kubectl prints; a failure raises with what it said."""
        command = (
            str(tools.ensure("kubectl")),
            f"--kubeconfig={self.kubeconfig}",
            f"--cache-dir={self.kubeconfig.parent / 'kubectl-cache'}",
        )
        done = subprocess.run((*command, *arguments), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """A ready API server for the length of a `with` block; `folder` gets data and logs."""
    authority = Authority(folder / "pki")
    with _etcd(folder) as etcd_url, _api_server(folder, authority, etcd_url) as url:
        admin = authority.client("admin", ["system:masters"])
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(url, authority, admin)))
        yield ControlPlane(url, authority.certificate, admin, kubeconfig)


@contextmanager
def _etcd(folder: Path) -> Iterator[str]:
    url, peer_url = f"http://{_HOST}:{free_port()}", f"http://{_HOST}:{free_port()}"
    log = folder / "etcd.log"
    arguments = [
        "--name=test",
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",  # the data need not survive the test
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=test={peer_url}",
        "--log-level=warn",
    ]
    with running(tools.ensure("etcd"), arguments, log) as process:
        wait_until(lambda: _answers(f"{url}/health"), process, log)
        yield url


@contextmanager
def _api_server(folder: Path, authority: Authority, etcd_url: str) -> Iterator[str]:
    port = free_port()
    log = folder / "kube-apiserver.log"
    server = authority.server("kube-apiserver", [_HOST, _FIRST_SERVICE])
    tokens = authority.signing_keys("service-accounts")
    arguments = [
        f"--etcd-servers={etcd_url}",
        f"--secure-port={port}",
        f"--bind-address={_HOST}",
        f"--advertise-address={_HOST}",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={server.certificate}",
        f"--tls-private-key-file={server.key}",
        f"--client-ca-file={authority.certificate}",
        "--authorization-mode=Node,RBAC",
        f"--service-cluster-ip-range={_SERVICE_RANGE}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={tokens.certificate}",
        f"--service-account-signing-key-file={tokens.key}",
        "--allow-privileged=true",
        "--profiling=false",
    ]
    url = f"https://{_HOST}:{port}"
    with running(tools.ensure("kube-apiserver"), arguments, log) as process:
        wait_until(lambda: _answers(f"{url}/readyz", authority.certificate), process, log)
        yield url


def _kubeconfig(url: str, authority: Authority, user: KeyPair) -> dict[str, object]:
    def encoded(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    cluster = {"server": url, "certificate-authority-data": encoded(authority.certificate)}
    credentials = {
        "client-certificate-data": encoded(user.certificate),
        "client-key-data": encoded(user.key),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": credentials}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    }


def _answers(url: str, authority: Path | None = None) -> bool:
    """Whether a health endpoint says 200; no proxy is asked."""
    context = ssl.create_default_context(cafile=authority) if authority else None
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False
