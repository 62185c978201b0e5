"""Where the API server is and who we are: from the pod's ServiceAccount, else from a kubeconfig."""

from __future__ import annotations

import os
from typing import Any

from kubernetes import config
from kubernetes.client import Configuration

from retrieval_operator.errors import NotLoggedIn

_CONNECTIONS = 32


def configuration() -> Any:
    """A `kubernetes.client.Configuration`; a ServiceAccount's token is read again each minute.

    KUBECONFIG, where it is set, wins over the ServiceAccount.

    Raises:
        NotLoggedIn: There is neither.
    """
    found = Configuration()
    try:
        if os.environ.get("KUBECONFIG"):
            config.load_kube_config(client_configuration=found)
        else:
            _from_pod_or_home(found)
    except (config.ConfigException, OSError) as error:
        raise NotLoggedIn(str(error)) from error
    found.connection_pool_maxsize = _CONNECTIONS
    found.retries = False  # the queue retries, and knows for how long
    return found


def current_namespace() -> str:
    """The namespace of the kubeconfig's current context; `default` where it names none."""
    try:
        _, current = config.list_kube_config_contexts()
    except (config.ConfigException, OSError):
        return "default"
    return str((current.get("context") or {}).get("namespace") or "default")


def _from_pod_or_home(found: Any) -> None:
    try:
        config.load_incluster_config(client_configuration=found)
    except config.ConfigException:
        config.load_kube_config(client_configuration=found)
