#!/usr/bin/env python3
"""Writes what each image is made of: an SPDX 2.3 document, and the notices that its licences ask for.

Made from deps/lock and the link maps, so a component is named where its code is linked in, and nowhere else.
usage: tools/sbom/sbom.py BUILD OUT     BUILD holds a folder for each machine, OUT gets tutti.spdx.json and NOTICES.txt
"""

import datetime
import hashlib
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGES = {  # what is shipped, and for which machine it was built
    "watch": "cortex-m4/products/watch/watch.elf",
    "car": "riscv64/products/car/car.elf",
    "tv": "aarch64/products/tv/tv.elf",
    "tutti-node": "linux/products/linux/tutti-node",
    "tutti": "linux/cli/tutti",
    "tutti-switch": "linux/tools/switch/tutti-switch",
}
# Licences as their authors state them, by Debian source package.
STATED = {
    "picolibc": "BSD-3-Clause",
    "gcc": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "glibc": "LGPL-2.1-or-later",
    "zlib": "Zlib",
}


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def linked(map_path):
    """The archives and shared libraries of which something is in the image, as a link map tells."""
    text = map_path.read_text(errors="replace")
    members = text.split("\nDiscarded input sections", 1)[0].split("\nMemory Configuration", 1)[0]
    archives = set(re.findall(r"^(\S.*\.a)\(", members, re.MULTILINE))
    shared = set(re.findall(r"^LOAD (\S.*\.so[.0-9]*)$", text, re.MULTILINE))
    return archives, {path for path in shared if pathlib.Path(path).read_bytes()[:4] == b"\x7fELF"}  # others are scripts


def debian_package(path):
    """(source package, binary package, version) of a file of Debian's."""
    real = pathlib.Path(path).resolve()
    for candidate in (real, path, str(real).removeprefix("/usr")):
        owner = run("dpkg-query", "-S", str(candidate)).split("\n")[0]
        if ": " in owner:
            name = owner.split(": ")[0].split(",")[0].split(":")[0]
            source, version = run("dpkg-query", "-W", "-f=${source:Package} ${Version}", name).split(" ")
            return source, name, version
    sys.exit(f"sbom: {path} is linked in and belongs to no Debian package: it needs a row in deps/lock")


def plain_source(source):
    """gcc-12, gcc-arm-none-eabi and gcc-riscv64-unknown-elf are one compiler's library."""
    return "gcc" if re.match(r"gcc(-|$)", source) else source


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Document:
    def __init__(self):
        self.version = (ROOT / "VERSION").read_text().strip()
        described = run("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*") if (ROOT / ".git").exists() else ""
        self.commit = described or "unknown"
        seconds = run("git", "-C", str(ROOT), "log", "-1", "--format=%ct") if described else ""
        self.created = datetime.datetime.fromtimestamp(int(seconds or 0), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.packages, self.relations, self.notices = {}, [], {}

    def add(self, name, version, licence, where, **more):
        key = f"SPDXRef-{re.sub('[^A-Za-z0-9.]+', '-', name)}"
        self.packages[key] = {
            "SPDXID": key, "name": name, "versionInfo": version, "downloadLocation": where, "filesAnalyzed": False,
            "licenseConcluded": licence, "licenseDeclared": licence, "copyrightText": "NOASSERTION", **more,
        }
        return key

    def relate(self, one, kind, other):
        self.relations.append({"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other})

    def add_debian(self, path):
        source, name, version = debian_package(path)
        plain = plain_source(source)
        copyright_file = pathlib.Path("/usr/share/doc") / name / "copyright"
        if copyright_file.exists():
            self.notices[name] = copyright_file.read_text(errors="replace")
        return self.add(name, version, STATED.get(plain, "NOASSERTION"), "NOASSERTION", supplier="Organization: Debian",
                        externalRefs=[{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                       "referenceLocator": f"pkg:deb/debian/{name}@{version}"}])

    def add_locked(self, build):
        """The sources of deps/lock that are unpacked, but for those of tests: {archive that they are built into: their package}."""
        archives = {}
        for line in (ROOT / "deps/lock").read_text().splitlines():
            name, *rest = line.split() or ["#"]
            folder = build / "deps" / name
            if name.startswith("#") or not folder.exists() or folder.resolve().name != f"{name}-{rest[0]}":
                continue
            version, suite, digest, *group = rest
            if group:  # an image has none of it
                continue
            archives[f"libtt_{name}.a"] = self.add(
                name, version, "BSD-3-Clause" if name == "lwip" else "NOASSERTION", "NOASSERTION",
                checksums=[{"algorithm": "SHA256", "checksumValue": digest}],
                sourceInfo=f"Debian source package of {suite}; the checksum is of its orig tarball",
                supplier="Organization: Debian")
            self.notices[name] = "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("COPYING*")))
        return archives

    def add_image(self, name, path, ours, locked):
        key = self.add(name, self.version, "Apache-2.0", "NOASSERTION", copyrightText="2026 The Tutti authors",
                       comment=f"commit {self.commit}", packageFileName=path.name,
                       primaryPackagePurpose="APPLICATION" if "linux" in str(path) else "FIRMWARE",
                       checksums=[{"algorithm": "SHA256", "checksumValue": sha256(path)}])
        self.relate(key, "GENERATED_FROM", ours)
        archives, shared = linked(path.with_name(path.name + ".map"))
        found = set()
        for archive in archives:
            if not archive.startswith("/"):
                if pathlib.Path(archive).name in locked:
                    found.add(("STATIC_LINK", locked[pathlib.Path(archive).name]))
            else:
                found.add(("STATIC_LINK", self.add_debian(archive)))
        for library in shared:
            found.add(("DYNAMIC_LINK", self.add_debian(library)))
        for kind, other in sorted(found):
            self.relate(key, kind, other)
        return key

    def text(self):
        return json.dumps({
            "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
            "name": f"tutti-{self.version}", "documentNamespace": f"https://tutti.invalid/spdx/{self.version}/{self.commit}",
            "creationInfo": {"created": self.created, "creators": ["Organization: The Tutti authors", "Tool: tools-sbom"]},
            "packages": list(self.packages.values()), "relationships": self.relations,
        }, indent=1) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    build, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    document = Document()
    ours = document.add("tutti-source", document.version, "Apache-2.0", "NOASSERTION", copyrightText="2026 The Tutti authors",
                        comment=f"commit {document.commit}")
    document.relate("SPDXRef-DOCUMENT", "DESCRIBES", ours)
    locked = document.add_locked(build)
    for name, path in IMAGES.items():
        if not (build / path).exists():
            sys.exit(f"sbom: {build / path} is missing: build it with  make images")
        document.relate("SPDXRef-DOCUMENT", "DESCRIBES", document.add_image(name, build / path, ours, locked))
    out.mkdir(parents=True, exist_ok=True)
    (out / "tutti.spdx.json").write_text(document.text())
    rule = "=" * 78
    (out / "NOTICES.txt").write_text("".join(
        f"{rule}\n{name}\n{rule}\n\n{text.strip()}\n\n" for name, text in sorted(document.notices.items())))
    print(f"{out}/tutti.spdx.json: {len(document.packages)} packages; {out}/NOTICES.txt: the notices of {', '.join(sorted(document.notices))}")


main()
