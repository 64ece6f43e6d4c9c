"""docs/limits.md names every TT_*_MAX of include/tutti, with the value that the sources have, and tests that exist."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = "include", "base", "codec", "storage", "bus", "node", "service", "platform", "os", "ai", "sim", "cli", "tools"
DEFINE = re.compile(r"^#\s*define (TT_[A-Z0-9_]+_MAX)[ \t]+(?:\\\n)?([^\n]*)", re.M)
ROW = re.compile(r"^\| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", re.M)


def expression(text):
    text = re.sub(r"//.*", "", text).strip()
    return re.sub(r"\((?:size_t|int64_t|uint32_t|uint64_t)\)", "", text).replace("1u", "1")


def main():
    found, public = {}, set()
    for folder in FOLDERS:
        for at, _, files in os.walk(os.path.join(ROOT, folder)):
            for name in files:
                if not name.endswith((".h", ".c")):
                    continue
                with open(os.path.join(at, name), encoding="utf-8") as file:
                    for constant, value in DEFINE.findall(file.read()):
                        found.setdefault(constant, set()).add(expression(value))
                        if folder == "include":
                            public.add(constant)

    def value_of(constant):
        (text,) = found[constant]
        for other in re.findall(r"TT_[A-Z0-9_]+", text):
            text = text.replace(other, str(value_of(other)))
        return int(eval(text, {"__builtins__": {}}))

    with open(os.path.join(ROOT, "docs", "limits.md"), encoding="utf-8") as file:
        page = file.read()
    failures, stated = [], set()
    for limit, value, reached, tests in ROW.findall(page):
        if limit == "limit":
            continue
        constant = re.match(r"`(TT_[A-Z0-9_]+_MAX)`", limit)
        if constant:
            name = constant.group(1)
            stated.add(name)
            if name not in found:
                failures.append(f"{name} is in no source")
            elif value.replace(",", "") != str(value_of(name)):
                failures.append(f"{name} is {value_of(name)}, and the page says {value}")
        if not reached:
            failures.append(f"what happens at this limit is not said: {limit}")
        paths = re.findall(r"`([^`]*)`", tests)
        for path in paths:
            if not os.path.isfile(os.path.join(ROOT, path)):
                failures.append(f"there is no test {path}: {limit}")
        if not paths:
            failures.append(f"no test is named: {limit}")
    failures += [f"{name} is not on the page" for name in sorted(public - stated)]
    print("\n".join(failures) or f"{len(stated)} constants are as the page says")
    sys.exit(len(failures) > 0)


main()
