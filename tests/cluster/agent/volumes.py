"""The folders behind a pod's volumes, filled from the API server and kept up to date.

ConfigMaps, Secrets, tokens and fields of the pod are written as the kubelet writes them: a new
folder, then one link that is renamed, so that a reader sees all of the old or all of the new.
Source: kubelet pkg/volume/util/atomic_writer.go.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.cluster.agent.environment import Facts, MissingReference, decoded
from tests.cluster.agent.kube import Kube, Refused
from tests.cluster.agent.sandbox import Mount

_NOW = "..data"
_TOKEN_S = 3600
_WRITTEN = ("configMap", "secret", "projected", "downwardAPI")


class Volumes:
    """The volumes of one pod, below `folder`."""

    def __init__(self, pod: Mapping[str, Any], folder: Path, kube: Kube) -> None:
        self._pod = pod
        self._folder = folder
        self._kube = kube
        self._named = {one["name"]: one for one in pod["spec"].get("volumes", ())}
        self._claims: dict[str, Path] = {}
        self._tokens: dict[str, str] = {}

    async def write(self, facts: Facts) -> None:
        """Fill every folder, and change those whose source has changed.

        Raises:
            MissingReference: A ConfigMap, Secret or claim is not there.
        """
        for name, volume in self._named.items():
            source = next((key for key in _WRITTEN if key in volume), None)
            if "persistentVolumeClaim" in volume:
                self._claims[name] = await self._claimed(volume["persistentVolumeClaim"])
            elif source:
                files = await self._files(volume, facts)
                write_atomically(self._folder / name, files)
            elif "emptyDir" in volume:
                self._open_folder(self._folder / name)

    def mounts(self, container: Mapping[str, Any]) -> tuple[Mount, ...]:
        """Where a container sees them."""
        return tuple(
            self._mount(written, self._named[written["name"]])
            for written in container.get("volumeMounts", ())
        )

    def _mount(self, written: Mapping[str, Any], volume: Mapping[str, Any]) -> Mount:
        path, name = written["mountPath"], written["name"]
        if "hostPath" in volume:
            source = Path(volume["hostPath"]["path"])
        else:
            source = self._claims.get(name, self._folder / name)
        is_written = any(key in volume for key in _WRITTEN)
        return Mount(
            source / written.get("subPath", ""), path, bool(written.get("readOnly")) or is_written
        )

    def _open_folder(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)

    async def _claimed(self, reference: Mapping[str, Any]) -> Path:
        """The folder of a claim that is bound to a hostPath volume."""
        namespace, name = self._pod["metadata"]["namespace"], reference["claimName"]
        path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}"
        claim = await self._kube.get(path)
        bound = claim["spec"].get("volumeName")
        if not bound:
            raise MissingReference(f'persistentvolumeclaim "{name}" is not bound')
        volume = await self._kube.get(f"/api/v1/persistentvolumes/{bound}")
        return Path(volume["spec"]["hostPath"]["path"])

    async def _files(self, volume: Mapping[str, Any], facts: Facts) -> dict[str, bytes]:
        sources: Iterable[Mapping[str, Any]] = (volume.get("projected") or {}).get(
            "sources", (volume,)
        )
        found: dict[str, bytes] = {}
        for source in sources:
            found |= await self._source(source, facts)
        return found

    async def _source(self, source: Mapping[str, Any], facts: Facts) -> dict[str, bytes]:
        if "serviceAccountToken" in source:
            wanted = source["serviceAccountToken"]
            return {wanted["path"]: (await self._token(wanted)).encode()}
        if "downwardAPI" in source:
            items = source["downwardAPI"].get("items", ())
            return {
                one["path"]: facts.field(one["fieldRef"]["fieldPath"]).encode() for one in items
            }
        if "secret" in source:
            reference = source["secret"]
            name = reference.get("secretName") or reference.get("name")
            return await self._texts("secrets", name, reference)
        return await self._texts("configmaps", source["configMap"]["name"], source["configMap"])

    async def _texts(self, kind: str, name: str, reference: Mapping[str, Any]) -> dict[str, bytes]:
        namespace = self._pod["metadata"]["namespace"]
        try:
            document = await self._kube.get(f"/api/v1/namespaces/{namespace}/{kind}/{name}")
        except Refused as refusal:
            if reference.get("optional"):
                return {}
            raise MissingReference(f'{kind[:-1]} "{name}" not found') from refusal
        texts = decoded(kind, document)
        items = reference.get("items")
        paths = {one["key"]: one["path"] for one in items} if items else {key: key for key in texts}
        return {path: texts[key].encode() for key, path in paths.items() if key in texts}

    async def _token(self, wanted: Mapping[str, Any]) -> str:
        """One token for the life of the pod, bound to it."""
        known = json.dumps(wanted, sort_keys=True)
        if known not in self._tokens:
            metadata, spec = self._pod["metadata"], self._pod["spec"]
            account = spec.get("serviceAccountName", "default")
            path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
            pod = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"]}
            body: dict[str, Any] = {
                "expirationSeconds": wanted.get("expirationSeconds", _TOKEN_S),
                "boundObjectRef": {**pod, "uid": metadata["uid"]},
            }
            if "audience" in wanted:
                body["audiences"] = [wanted["audience"]]
            answer = await self._kube.post(path, {"spec": body})
            self._tokens[known] = answer["status"]["token"]
        return self._tokens[known]


def write_atomically(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Let the folder hold exactly these files; False where it does already."""
    folder.mkdir(parents=True, exist_ok=True)
    now = folder / _NOW
    if now.exists() and _read(now) == dict(files):
        return False
    new = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    new.chmod(0o755)
    for path, content in files.items():
        (new / path).parent.mkdir(parents=True, exist_ok=True)
        (new / path).write_bytes(content)
        (new / path).chmod(0o644)
    old = now.resolve() if now.exists() else None
    _point(now, new.name)
    _link(folder, {path.partition("/")[0] for path in files})
    if old:
        shutil.rmtree(old)
    return True


def _read(folder: Path) -> dict[str, bytes]:
    real = folder.resolve()
    return {
        str(file.relative_to(real)): file.read_bytes() for file in real.rglob("*") if file.is_file()
    }


def _point(link: Path, target: str) -> None:
    scratch = link.with_name(f"{link.name}_tmp")
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(target)
    scratch.replace(link)


def _link(folder: Path, names: set[str]) -> None:
    """A link for each visible name, through the one that is renamed."""
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{_NOW}/{name}")
    for entry in folder.iterdir():
        if entry.is_symlink() and not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
