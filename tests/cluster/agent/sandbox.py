"""A container's view of the machine, as the shell script that builds it. Pure.

The root is an overlay over the machine's own, so that the Python of the tests is what images would
hold, and a container may write where its security context lets it without leaving anything. Mount,
host name and network are the container's own; processes are seen by all. Needs root to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where the script's own programs are; the container's PATH is for its command."""
_KERNEL_FOLDERS = ("/proc", "/sys", "/dev")


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of the node that a container sees at `path`."""

    source: Path
    path: str
    is_read_only: bool = False


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Everything the script needs; `scratch` is an empty folder for the overlay."""

    network_namespace: str
    host_name: str
    scratch: Path
    mounts: tuple[Mount, ...]
    group_members: Path
    security: dict[str, Any]
    path: str
    working_folder: str = "/"
    opened: tuple[str, ...] = ()
    """Folders that a user without rights must be able to pass through."""


def wrapped(sandbox: Sandbox, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` in the sandbox, as one process all the way."""
    return [
        *entered(sandbox.network_namespace),
        *(
            "/usr/bin/env",
            f"PATH={_PATH}",
            "unshare",
            "--mount",
            "--uts",
            "--propagation",
            "private",
            "--",
        ),
        *("sh", "-ec", script(sandbox), "sh", *command),
    ]


def entered(network_namespace: str) -> list[str]:
    """The head of a command line that runs in a pod's network only."""
    return ["/usr/bin/nsenter", f"--net=/run/netns/{network_namespace}", "--"]


def script(sandbox: Sandbox) -> str:
    """Shell commands; the last replaces the shell by the container's own process.

    Standard input is whatever the agent gave until then, and nothing after: so it sees the moment.
    """
    root = sandbox.scratch / "root"
    lines = [
        f"echo $$ > {quote(str(sandbox.group_members))}",
        f"hostname {quote(sandbox.host_name)}",
        *_overlay(sandbox.scratch, root),
        *(f"chmod o+x {quote(str(root) + folder)}" for folder in sandbox.opened),
        *(line for mount in sandbox.mounts for line in _mount(mount, root)),
    ]
    if sandbox.security.get("readOnlyRootFilesystem"):
        lines.append(f"mount -o remount,bind,ro {root}")
    place = f"env --chdir={quote(sandbox.working_folder)} PATH={quote(sandbox.path)}"
    return "\n".join(
        (*lines, f'exec chroot {root} {confined(sandbox.security)} {place} "$@" < /dev/null')
    )


def closed_parents(paths: Iterable[Path]) -> tuple[str, ...]:
    """Folders above these paths that others may not pass through."""
    above = {parent for path in paths for parent in path.resolve().parents}
    return tuple(sorted(str(one) for one in above if not one.stat().st_mode & 0o001))


def _overlay(scratch: Path, root: Path) -> list[str]:
    layers = f"lowerdir=/,upperdir={scratch}/upper,workdir={scratch}/work"
    return [
        f"mount -t tmpfs tmpfs {scratch}",
        f"mkdir {scratch}/upper {scratch}/work {root}",
        f"mount -t overlay overlay -o {layers} {root}",
        *(f"mount --rbind {folder} {root}{folder}" for folder in _KERNEL_FOLDERS),
    ]


def _mount(mount: Mount, root: Path) -> list[str]:
    """Links are followed inside the root: /var/run is one, to the machine's own /run."""
    inside = quote(mount.path)
    place = f'"{root}$(chroot {root} realpath --canonicalize-missing {inside})"'
    if mount.source.is_dir():
        made = f"mkdir -p {place}"
    else:
        made = f'mkdir -p "$(dirname {place})" && touch {place}'
    lines = [made, f"mount --bind {quote(str(mount.source))} {place}"]
    return [*lines, f"mount -o remount,bind,ro {place}"] if mount.is_read_only else lines


def confined(security: Mapping[str, Any]) -> str:
    """setpriv with the user and the rights that the security context leaves."""
    words = ["setpriv", "--pdeathsig=KILL"]
    if "runAsUser" in security:
        words.append(f"--reuid={security['runAsUser']}")
        words.append(f"--regid={security.get('runAsGroup', 0)}")
        groups = [str(security[key]) for key in ("fsGroup",) if key in security]
        words.append(f"--groups={','.join(groups)}" if groups else "--clear-groups")
    if security.get("allowPrivilegeEscalation") is False:
        words.append("--no-new-privs")
    if "ALL" in (security.get("capabilities") or {}).get("drop", ()):
        words += ["--bounding-set=-all", "--inh-caps=-all"]
    return " ".join((*words, "--"))
