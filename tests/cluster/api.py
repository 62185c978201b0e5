"""RetrievalServices on a running API server, through the official client."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from kubernetes import client

from retrieval_operator.crd import PLURAL, definition
from retrieval_operator.spec.service import GROUP, VERSION
from tests.cluster.controlplane import ControlPlane

Document = Mapping[str, Any]
_NAMESPACE = "default"
_OBJECTS = f"/apis/{GROUP}/{VERSION}/{PLURAL}"
_REFERENCE = f"/openapi/v3/apis/{GROUP}/{VERSION}"  # what kubectl explain reads
_ESTABLISH_LIMIT_S = 30.0


class Refused(Exception):
    """The API server refused an object; `message` and `causes` are its words."""

    def __init__(self, body: Document) -> None:
        self.message = str(body["message"])
        causes = body.get("details", {}).get("causes", ())
        self.paths = tuple(cause.get("field", "") for cause in causes)
        super().__init__(self.message)


class Api:
    """The few calls that tests make; every write asks for strict validation of field names."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        configuration = client.Configuration(host=plane.url)
        configuration.ssl_ca_cert = str(plane.authority)
        configuration.cert_file = str(plane.admin.certificate)
        configuration.key_file = str(plane.admin.key)
        self._client = client.ApiClient(configuration)
        self._objects = client.CustomObjectsApi(self._client)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def install(self) -> None:
        """Create our CustomResourceDefinition and return when it is served and documented."""
        extensions = client.ApiextensionsV1Api(self._client)
        extensions.create_custom_resource_definition(definition())
        deadline_s = time.monotonic() + _ESTABLISH_LIMIT_S
        while not (self._answers(_OBJECTS) and self._answers(_REFERENCE)):
            if time.monotonic() > deadline_s:
                raise RuntimeError("the CustomResourceDefinition is not served")
            time.sleep(0.05)

    def try_out(self, document: Document) -> Document:
        """What would be stored, defaults included; nothing is."""
        return self._sent(
            self._objects.create_namespaced_custom_object,
            body=document,
            dry_run="All",
            field_validation="Strict",
        )

    def create(self, document: Document) -> Document:
        """The stored object."""
        return self._sent(
            self._objects.create_namespaced_custom_object, body=document, field_validation="Strict"
        )

    def patch(self, name: str, change: Document) -> Document:
        """The stored object after a merge patch."""
        return self._sent(self._objects.patch_namespaced_custom_object, name=name, body=change)

    def patch_status(self, name: str, status: Document) -> Document:
        """The stored object after a merge patch of its status."""
        return self._sent(
            self._objects.patch_namespaced_custom_object_status,
            name=name,
            body={"status": status},
            field_validation="Strict",
        )

    def _answers(self, path: str) -> bool:
        try:
            self._plane.kubectl("get", "--raw", path)
        except RuntimeError:
            return False
        return True

    def _sent(self, call: Any, **arguments: Any) -> Document:
        where = {
            "group": GROUP,
            "version": VERSION,
            "namespace": _NAMESPACE,
            "plural": PLURAL,
        }
        try:
            answer: Document = call(**where, **arguments)
        except client.ApiException as refusal:
            raise Refused(json.loads(refusal.body)) from refusal
        return answer
