"""The command lines of etcd, kube-apiserver, kube-controller-manager and kube-scheduler.

They are those of a cluster's, on 127.0.0.1 and without a leader election. Nothing needs root.
"""

from __future__ import annotations

import json

from tests.cluster import tools
from tests.cluster.process import Command, answers
from tests.cluster.site import HOST, POD_RANGE, SERVICE_RANGE, Site


def etcd(site: Site) -> Command:
    """The store. Its data outlive a restart of the process, not one of the machine."""
    url, peer_url = (f"http://{site.address(name)}" for name in ("etcd", "etcd-peer"))
    return Command(
        name="etcd",
        program=tools.ensure("etcd"),
        arguments=(
            "--name=lab",
            f"--data-dir={site.folder / 'etcd'}",
            "--unsafe-no-fsync",  # a lab's data need not survive the machine
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer_url}",
            f"--initial-advertise-peer-urls={peer_url}",
            f"--initial-cluster=lab={peer_url}",
            "--log-level=warn",
        ),
        is_ready=lambda: answers(f"{url}/health"),
    )


def api_server(site: Site) -> Command:
    """The API server: schemas, CEL, server-side apply, RBAC and admission as in a cluster."""
    return Command(
        name="apiserver",
        program=tools.ensure("kube-apiserver"),
        arguments=(
            f"--etcd-servers=http://{site.address('etcd')}",
            f"--secure-port={site.ports['apiserver']}",
            f"--bind-address={HOST}",
            f"--advertise-address={HOST}",
            "--endpoint-reconciler-type=none",
            *_certificate(site),
            f"--client-ca-file={site.authority.certificate}",
            "--authorization-mode=Node,RBAC",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={site.tokens.certificate}",
            f"--service-account-signing-key-file={site.tokens.key}",
            "--kubelet-preferred-address-types=InternalIP",
            "--allow-privileged=true",
            "--profiling=false",
        ),
        is_ready=lambda: answers(f"{site.url}/readyz", site.authority.certificate),
        patience_s=2.0,  # it would wait a minute for watches to end
    )


def controller_manager(site: Site) -> Command:
    """Deployments, garbage collection, namespaces and ServiceAccounts."""
    return Command(
        name="controller-manager",
        program=tools.ensure("kube-controller-manager"),
        arguments=(
            *_connection(site, "system:kube-controller-manager", "controller-manager"),
            f"--kubeconfig={site.kubeconfig('system:kube-controller-manager')}",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={site.tokens.key}",
            f"--root-ca-file={site.authority.certificate}",
            f"--cluster-cidr={POD_RANGE}",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            "--allocate-node-cidrs=true",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            "--profiling=false",
        ),
        is_ready=_probe(site, "controller-manager", "healthz"),
    )


def scheduler(site: Site) -> Command:
    """The scheduler, which tries a pod that found no place again after one second."""
    configuration = {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {
            "kubeconfig": str(site.kubeconfig("system:kube-scheduler")),
            "qps": 200,
            "burst": 400,
        },
        "leaderElection": {"leaderElect": False},
        "podInitialBackoffSeconds": 1,
        "podMaxBackoffSeconds": 1,
    }
    path = site.folder / "scheduler.json"
    path.write_text(json.dumps(configuration))
    return Command(
        name="scheduler",
        program=tools.ensure("kube-scheduler"),
        arguments=(
            f"--config={path}",
            *_connection(site, "system:kube-scheduler", "scheduler"),
        ),
        is_ready=_probe(site, "scheduler", "readyz"),
    )


def _connection(site: Site, user: str, listener: str) -> tuple[str, ...]:
    kubeconfig = site.kubeconfig(user)
    return (
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--secure-port={site.ports[listener]}",
        f"--bind-address={HOST}",
        *_certificate(site),
    )


def _certificate(site: Site) -> tuple[str, str]:
    return (
        f"--tls-cert-file={site.server.certificate}",
        f"--tls-private-key-file={site.server.key}",
    )


def _probe(site: Site, listener: str, path: str):
    url = f"https://{site.address(listener)}/{path}"
    return lambda: answers(url, site.authority.certificate)
