# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's archive through apt, with lists and cache of its own, as if the machine were of another architecture.

The machine's own package lists, cache and foreign architectures stay as they are: nothing is installed, and
dpkg is not involved. Only the mirror is taken from the machine's apt sources, and the suite is always
bookworm, the last one with i386 kernels. apt verifies the archive's signature; every package is verified once
more by its SHA-256.
"""

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SUITE = "bookworm"
MIRROR = "PATCHVISOR_DEBIAN_MIRROR"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SOURCES = Path("/etc/apt")
UPDATE_SECONDS, DOWNLOAD_SECONDS = 120, 240

CONFIGURATION = """\
#clear APT::Architectures;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Dir::State "{folder}/state";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
"""


class Unavailable(Exception):
    """What was asked for cannot be had on this machine now; a sentence with the reason."""


@dataclass(frozen=True)
class Listed:
    """A package as the archive's index describes it."""

    name: str
    version: str
    sha256: str


def mirror() -> str:
    """The address of a Debian archive: from the environment, else from the machine's own apt sources."""
    if given := os.environ.get(MIRROR):
        return given
    files = [SOURCES / "sources.list", *sorted((SOURCES / "sources.list.d").glob("*.[ls][io][su]*"))]
    for file in files:
        if file.suffix not in (".list", ".sources") or not file.is_file():
            continue
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            found = re.search(r"[a-z+]+:\S*/debian/?(?=\s|$)", line)
            if found and not line.lstrip().startswith("#"):
                return found[0]
    raise Unavailable(f"this machine's apt has no Debian archive among its sources (set {MIRROR})")


class PrivateApt:
    """apt-get and apt-cache on a folder of our own."""

    def __init__(self, folder: Path, architecture: str = "i386") -> None:
        if shutil.which("apt-get") is None:
            raise Unavailable("there is no apt-get on this machine")
        self.folder, self.architecture = folder, architecture
        self._configuration = folder / "apt.conf"
        source = f"[signed-by={KEYRING}] {mirror()}" if KEYRING.exists() else mirror()
        for part in ("state/lists/partial", "cache/archives/partial", "packages"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "state/status").touch()
        (folder / "sources.list").write_text(f"deb {source} {SUITE} main\n", encoding="utf-8")
        configuration = CONFIGURATION.format(folder=folder, architecture=architecture)
        self._configuration.write_text(configuration, encoding="utf-8")

    def update(self) -> None:
        """Fetch the package lists (9 MB)."""
        self._run("apt-get", "update", seconds=UPDATE_SECONDS)

    def newest(self, package: str) -> Listed:
        """The package of this name, where N stands for any number; of several, the one with the highest."""
        wanted = re.compile(numbered(package))
        names = [name for name in self._run("apt-cache", "pkgnames").split() if wanted.fullmatch(name)]
        if not names:
            raise Unavailable(f"{SUITE} has no such package for {self.architecture}")
        return self._listed(max(names, key=_natural))

    def _listed(self, name: str) -> Listed:
        shown = self._run("apt-cache", "--no-all-versions", "show", name)
        fields = dict(re.findall(r"^(Version|SHA256): (\S+)$", shown, re.MULTILINE))
        if fields.keys() != {"Version", "SHA256"}:
            raise Unavailable(f"the archive's index describes {name} without version or SHA-256")
        return Listed(name, fields["Version"], fields["SHA256"])

    def download(self, package: Listed) -> bytes:
        """The package file, verified."""
        folder = self.folder / "packages"
        for old in folder.glob(f"{package.name}_*"):
            old.unlink()
        self._run("apt-get", "download", f"{package.name}={package.version}", seconds=DOWNLOAD_SECONDS)
        files = list(folder.glob(f"{package.name}_*.deb"))
        if len(files) != 1:
            raise Unavailable(f"apt-get download left {len(files)} files for {package.name}")
        data = files[0].read_bytes()
        files[0].unlink()
        if hashlib.sha256(data).hexdigest() != package.sha256:
            raise Unavailable(f"the SHA-256 of {files[0].name} is not the one in the archive's index")
        return data

    def _run(self, program: str, *arguments: str, seconds: int = 60) -> str:
        command = [program, "-q", "-c", str(self._configuration), *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=self.folder / "packages",
                env={**os.environ, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{program} {arguments[0]} did not end within {seconds} seconds") from None
        if done.returncode:
            errors = [line[3:] for line in done.stderr.splitlines() if line.startswith("E: ")]
            raise Unavailable(
                f"{program} {arguments[0]} failed: {errors[0].rstrip('.') if errors else done.returncode}"
            )
        return done.stdout


def numbered(text: str) -> str:
    """A regular expression for a text in which N stands for any number."""
    return re.escape(text).replace("N", r"\d+")


def _natural(name: str) -> list[int | str]:
    """A sort key in which 6.1.0-50 is above 6.1.0-9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
