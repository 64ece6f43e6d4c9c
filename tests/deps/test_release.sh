#!/bin/sh
# What a release needs: every file has its licence stated (reuse lint), and the list of what each image is made of is a
# sound SPDX document that names what is in it, and nothing else.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$TUTTI_BUILD/release-tools-1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
skip() {
    echo "skipped: $1"
    exit 77
}
fail() {
    echo "test_release: $1"
    failed=1
}

for machine in cortex-m4 riscv64 aarch64; do
    [ -d "$TUTTI_BUILD/$machine/products" ] || skip "there is no build for $machine: make images"
done
"$root/tools/sbom/sbom.py" "$TUTTI_BUILD" "$scratch/sbom" >"$scratch/said" || fail "no list: $(cat "$scratch/said")"
/usr/bin/python3 - "$scratch/sbom/tutti.spdx.json" "$root" <<'END' || failed=1
import hashlib, json, pathlib, sys

document, root = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2])
packages = {p["SPDXID"].removeprefix("SPDXRef-"): p for p in document["packages"]}
links = {}
for r in document["relationships"]:
    if r["relationshipType"].endswith("_LINK"):
        links.setdefault(r["spdxElementId"].removeprefix("SPDXRef-"), set()).add(r["relatedSpdxElement"].removeprefix("SPDXRef-"))
watch = root / "build/cortex-m4/products/watch/watch.elf"
expected = {
    "the watch's parts": (links["watch"], {"lwip", "picolibc-arm-none-eabi", "gcc-arm-none-eabi"}),
    "the switch's parts": ("lwip" in links["tutti-switch"], False), # it passes frames, and reads none
    "the command's parts": ({"lwip", "zlib1g"} <= links["tutti"], True),
    "lwIP's licence": (packages["lwip"]["licenseDeclared"], "BSD-3-Clause"),
    "lwIP's checksum": (packages["lwip"]["checksums"][0]["checksumValue"] in (root / "deps/lock").read_text(), True),
    "a checksum": (packages["watch"]["checksums"][0]["checksumValue"], hashlib.sha256(watch.read_bytes()).hexdigest()),
    "the version": (packages["watch"]["versionInfo"], (root / "VERSION").read_text().strip()),
    "unknown licences": ([p["name"] for p in packages.values() if p["licenseDeclared"] == "NOASSERTION"], []),
}
wrong = [f"{what}: {got}, expected {wanted}" for what, (got, wanted) in expected.items() if got != wanted]
sys.exit("\n".join(wrong) or 0)
END
for name in lwip picolibc-arm-none-eabi; do
    grep -qx "$name" "$scratch/sbom/NOTICES.txt" || fail "no notices of $name"
done
[ "$(head -n 1 "$root/CHANGELOG.md")" = "# Changelog" ] && grep -q "^## $(cat "$root/VERSION")\b" "$root/CHANGELOG.md" ||
    fail "CHANGELOG.md has no section of $(cat "$root/VERSION")"

if [ ! -f "$folder/complete" ]; then
    rm -rf "$folder"
    /usr/bin/python3 -m venv "$folder" >"$folder.log" 2>&1 || skip "no Python virtual environment (python3-venv): see $folder.log"
    timeout 200 "$folder/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
        reuse==5.0.2 spdx-tools==0.8.5 >>"$folder.log" 2>&1 ||
        skip "reuse 5.0.2 and spdx-tools 0.8.5 cannot be installed from the package index: see $folder.log"
    touch "$folder/complete"
fi
"$folder/bin/pyspdxtools" --infile "$scratch/sbom/tutti.spdx.json" || fail "the list is no SPDX 2.3"
mkdir "$scratch/tree" # as it is given away: without what was built
tar -C "$root" --exclude=./build --exclude=./.git -c . | tar -C "$scratch/tree" -x
"$folder/bin/reuse" --root "$scratch/tree" lint --quiet || { "$folder/bin/reuse" --root "$scratch/tree" lint; fail "reuse lint"; }
[ $failed -eq 0 ] && echo "licences are stated, and what the images are made of"
exit $failed
