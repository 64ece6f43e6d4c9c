"""ai/file against NumPy and the safetensors package: whatever they write, ours reads; whatever ours writes, they read.

compare_files.py CONVERT FOLDER: CONVERT is convert_files, FOLDER gets the files."""

import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import safetensors
import safetensors.numpy

convert, folder = sys.argv[1:]
rng = np.random.default_rng(3)
TYPES = "f8 f4 f2 i1 i2 i4 i8 u1 u2 u4 u8 ?".split()
SAFE = {"f8": "float64", "f4": "float32", "f2": "float16", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
        "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64", "?": "bool"}
NAMES = ["a", "b.c", "with space", 'quo"te', "back\\slash", "naïve", "𝄞", "[0]", "new\nline", "x" * 300]


def array(kind=None, order=None):
    kind = kind or TYPES[rng.integers(len(TYPES))]
    rank = int(rng.integers(0, 9))
    shape = tuple(int(n) for n in rng.integers(0 if rng.integers(8) == 0 else 1, 3 if rank > 4 else 6, rank))
    dtype = np.dtype(kind)
    if kind == "?":
        a = rng.integers(0, 2, shape).astype(bool)
    else:  # any bits: NaN with a payload, infinities, subnormals
        a = np.frombuffer(rng.bytes(int(np.prod(shape, dtype=int)) * dtype.itemsize), dtype).reshape(shape)
    a = a.astype(dtype.newbyteorder("<>"[rng.integers(2)])) if kind[0] == "i" or kind[0] == "u" else (
        a.byteswap().view(dtype.newbyteorder(">")) if rng.integers(2) and kind != "?" else a)
    order = order or "CF"[rng.integers(2)]
    return np.asarray(a, order=order) if rank else a


def bits(a):
    return a.dtype.newbyteorder("=").name, a.shape, np.ascontiguousarray(a.astype(a.dtype.newbyteorder("="), copy=False)
                                                                       if a.dtype.kind in "iub?" else swapped(a)).tobytes()


def swapped(a):  # a cast may quieten a NaN; moving bytes does not
    return a.byteswap().view(a.dtype.newbyteorder("=")) if a.dtype.byteorder == ">" else a


def path(name):
    return os.path.join(folder, name)


pairs, checks = [], []  # checks: (path, {name: bits})


def expect(made, to, content):
    pairs.append((made, to))
    checks.append((to, content))


for i in range(200):  # one array
    a = array()
    version = [(1, 0), (2, 0), (3, 0)][i % 3]
    with open(path(f"{i}.npy"), "wb") as f:
        np.lib.format.write_array(f, a, version=version)
    expect(path(f"{i}.npy"), path(f"{i}-out.npy"), {"": bits(a)})
for i in range(100):  # several
    named = {NAMES[k]: array() for k in rng.permutation(len(NAMES))[: rng.integers(0, 7)]}
    content = {n: bits(a) for n, a in named.items()}
    (np.savez_compressed if i % 2 else np.savez)(path(f"{i}.npz"), **named)
    expect(path(f"{i}.npz"), path(f"{i}-out.npz"), content)
    expect(path(f"{i}.npz"), path(f"{i}-out.safetensors"), content)
    native = {n: np.ascontiguousarray(swapped(a)).reshape(a.shape) for n, a in named.items()}
    safetensors.numpy.save_file(native, path(f"{i}.safetensors"), {'k"ey': "välue\n"} if i % 3 == 0 else None)
    expect(path(f"{i}.safetensors"), path(f"{i}-back.safetensors"), content)
    expect(path(f"{i}.safetensors"), path(f"{i}-back.npz"), content)
for i in range(30):  # bf16, which NumPy has not
    raw = rng.bytes(2 * 6)
    with open(path(f"bf{i}.safetensors"), "wb") as f:
        f.write(safetensors.serialize({"w": {"dtype": "bfloat16", "shape": [2, 3], "data": raw},
                                       "z": {"dtype": "int8", "shape": [3], "data": raw[:3]}}))
    expect(path(f"bf{i}.safetensors"), path(f"bf{i}-out.safetensors"), {"w": ("BF16", (2, 3), raw),
                                                                        "z": ("int8", (3,), raw[:3])})
said = subprocess.run([convert], input="".join(f"{a} {b}\n" for a, b in pairs), text=True, capture_output=True, check=True)
failures = said.stdout.splitlines()

for to, content in checks:
    try:
        if to.endswith(".npy"):
            found = {"": bits(np.load(to))}
        elif to.endswith(".npz"):
            with np.load(to) as z:
                found = {n: bits(z[n]) for n in z.files}
            with zipfile.ZipFile(to) as z:
                if z.testzip():
                    failures.append(f"{to}: zipfile finds it damaged")
        else:
            with open(to, "rb") as f:
                found = {}
                for n, t in safetensors.deserialize(f.read()):
                    name = {v: k for k, v in {"BOOL": "bool", "F64": "float64", "F32": "float32", "F16": "float16"}.items()}
                    kind = {"BOOL": "bool", "F": "float", "I": "int", "U": "uint"}
                    dtype = t["dtype"]
                    plain = dtype if dtype == "BF16" else "bool" if dtype == "BOOL" else kind[dtype[0]] + dtype[1:]
                    found[n] = plain, tuple(t["shape"]), bytes(t["data"])
        if found != content:
            failures.append(f"{to}: is not what was written")
    except Exception as problem:  # pylint: disable=broad-except
        failures.append(f"{to}: {problem!r}")

# What NumPy has and ours has not is refused with its name.
refused = {
    "complex.npy": (np.zeros(2, "c8"), "the elements are of type '<c8', which this program does not know"),
    "words.npy": (np.array(["ab"]), "the elements are of type '<U2', which this program does not know"),
    "dates.npy": (np.zeros(1, "M8[s]"), "the elements are of type '<M8[s]', which this program does not know"),
    "long.npy": (np.zeros(1, "g"), "the elements are of type '<f16', which this program does not know"),
    "fields.npy": (np.zeros(1, "f4,i4"), "descr is no simple type, but several, or one of words or objects"),
    "objects.npy": (np.array([None]), "the elements are of type '|O', which this program does not know"),
}
for name, (a, _) in refused.items():
    np.save(path(name), a, allow_pickle=True)
with zipfile.ZipFile(path("text.npz"), "w") as z:
    z.writestr("readme.txt", "no array")
with zipfile.ZipFile(path("bzip.npz"), "w", zipfile.ZIP_BZIP2) as z:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    z.writestr("a.npy", buffer.getvalue())
sentences = {name: sentence for name, (_, sentence) in refused.items()}
sentences["text.npz"] = "member 'readme.txt': its name does not end in .npy"
sentences["bzip.npz"] = "member 'a.npy': it is neither stored nor deflated"
said = subprocess.run([convert], input="".join(f"{path(n)} {path('none.npy')}\n" for n in sentences), text=True,
                      capture_output=True, check=True).stdout.splitlines()
for line, (name, sentence) in zip(said + [""] * len(sentences), sentences.items()):
    if line != f"{path(name)}: {sentence}":
        failures.append(f"expected {name}: {sentence}\n     found {line}")
said = subprocess.run([convert], input=f"{path('bf0.safetensors')} {path('none.npz')}\n", text=True, capture_output=True,
                      check=True).stdout
if said != f"{path('none.npz')}: tensor 'w' has elements of type bf16, which NumPy does not have\n":
    failures.append("bf16 for NumPy: " + said)

print("\n".join(failures[:20]) or f"{len(checks)} files are the same, {len(sentences) + 1} refused")
sys.exit(len(failures) > 0)
