#!/usr/bin/env python3
"""Breaks a room on purpose, one small change at a time, and asks which changes the tests see (docs/testing.md).

A mutant counts if it compiles with the build's warnings and its object code differs from the original's and
from every other mutant's. It is killed when a test of behaviour that uses the object fails, or runs for three
times its own time and two seconds, twice in a row. The tests of this machine go first, the quickest of them
first; those under the sanitizers and on other machines follow for what survived.

Nothing is written outside of build/mutate: each worker links in a folder of links to the builds. Every
answer is kept there as soon as it is known, under a key made of all that it depends on, so that an interrupted
run goes on where it was, and a run after a change asks again only what the change can alter.
"""

import argparse
import ctypes
import fcntl
import hashlib
import itertools
import json
import math
import multiprocessing
import os
import random
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mutants import mutants  # noqa: E402

MACHINES = ("linux", "linux-asan", "cortex-m4", "netduinoplus2", "ast1030", "riscv64", "aarch64")
# What these tests look at is not behaviour: includes, layout, sizes of frames, documents, benches' lines. Or
# they run builds that know nothing of the mutant.
NO_BEHAVIOUR = re.compile(r"test_(floors|format|frames|deps|docs|fuzz|mutate|bench_.*)$|again_")
MEMORY_BYTES_MAX = 4 << 30  # of address space; QEMU reserves one gigabyte and more
FILE_BYTES_MAX = 2 << 30  # test_checkpoint makes one beyond 1 GiB, a hole
EQUIVALENT_PERCENT_MAX = 5


def digest(*parts):
    return hashlib.sha256(b"\0".join(p if isinstance(p, bytes) else str(p).encode() for p in parts)).hexdigest()[:24]


class Build:
    """One build folder: how objects become programs, read from Ninja, and the commands for that."""

    def __init__(self, machine, folder):
        self.machine, self.folder = machine, folder
        self.inputs, self.programs, self.sources, self.said = {}, {}, {}, {}
        text = (folder / "build.ninja").read_text().replace("$\n", "")
        for outputs, rule, rest in re.findall(r"^build ([^:\n]*): (\S+)([^\n]*)$", text, re.M):
            inputs = [word for word in rest.split(" || ")[0].split() if word != "|"]
            for output in outputs.split():
                self.inputs[output] = inputs
            if "EXECUTABLE_LINKER" in rule:
                self.programs[outputs.split()[0]] = Path(outputs.split()[0]).name.removesuffix(".elf")
        for entry in json.loads((folder / "compile_commands.json").read_text()):
            words = shlex.split(entry["command"])
            self.sources.setdefault(entry["file"], []).append((words[words.index("-o") + 1], words))

    def chain(self, program, objects):
        """What must be made again, in order, to have `program` with other `objects`; empty if it does not use them."""
        changed, order = set(objects), []

        def visit(output):
            for needed in self.inputs.get(output, ()):
                visit(needed)
            if output not in changed and any(n in changed for n in self.inputs.get(output, ())):
                changed.add(output)
                order.append(output)

        visit(program)
        return order

    def command(self, output):
        if output not in self.said:
            command = ["ninja", "-C", str(self.folder), "-t", "commands", "-s", output]
            self.said[output] = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        return self.said[output]


class Test:
    """A test of ctest's list, and the programs that it runs: those that its command or its script names."""

    def __init__(self, entry, builds, machine):
        self.name = entry["name"] if machine == "linux" else f"{entry['name']} ({machine})"
        self.command = entry["command"]
        properties = {p["name"]: p["value"] for p in entry["properties"]}
        self.environment = dict(word.split("=", 1) for word in properties.get("ENVIRONMENT", ()))
        self.folder = properties["WORKING_DIRECTORY"]
        self.labels = properties.get("LABELS", ["unit"])
        self.programs = []  # of (machine, program)
        self.scripts = [w for w in self.command if Path(w).suffix in (".sh", ".py") and Path(w).is_file()]
        for build in builds:
            program = os.path.relpath(self.command[0], build.folder)
            if program in build.programs:
                self.programs = [(build.machine, program)]
                return
        words = {Path(word).name for word in self.command[1:]}
        if not any(words & set(b.programs.values()) for b in builds):
            words = set(re.findall(r"[\w-]+", " ".join(Path(s).read_text() for s in self.scripts)))
        named = [m for m in MACHINES if m in self.command] or [machine, "cortex-m4", "netduinoplus2", "riscv64", "aarch64"]
        self.programs = [(b.machine, p) for b in builds if b.machine in named for p, name in b.programs.items() if name in words]

    @property
    def alone(self):  # a script may use a port or a folder of a fixed name
        return "unit" not in self.labels and not self.command[0].endswith("/run_image.sh")


def collect_tests(builds):
    tests = []
    for build in builds:
        if not build.machine.startswith("linux"):
            continue
        command = ["ctest", "--test-dir", str(build.folder), "--show-only=json-v1"]
        said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for entry in said["tests"]:
            if "command" not in entry or NO_BEHAVIOUR.match(entry["name"]):
                continue
            test = Test(entry, builds, build.machine)
            if build.machine == "linux" or test.labels == ["unit"]:
                tests.append(test)
    return tests


def patience():
    """How much longer than by itself something may take, since others work here, too."""
    return max(1.0, 2 * os.getloadavg()[0] / os.cpu_count())


class Worker:
    """A folder of links to the builds, in which one mutant at a time is compiled, linked and tried."""

    def __init__(self, root, build_root, builds, number):
        self.root, self.build_root, self.builds = root, build_root, {b.machine: b for b in builds}
        self.folder = build_root / "mutate" / f"worker{number}"
        self.scratch = Path(tempfile.gettempdir()) / f"tutti-mutate-{os.getpid()}"
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: what a test leaves behind becomes our child
        shutil.rmtree(self.folder, ignore_errors=True)
        for build in builds:
            for path, folders, files in os.walk(build.folder):
                here = self.folder / build.machine / os.path.relpath(path, build.folder)
                here.mkdir(parents=True, exist_ok=True)
                for name in files:
                    os.symlink(os.path.join(path, name), here / name)
        for complete in build_root.glob("*/complete"):  # what tests install once, such as NumPy
            os.symlink(complete.parent, self.folder / complete.parent.name)
        self.made = []  # (machine, file) that are not links now

    def restore(self):
        for machine, name in self.made:
            at = self.folder / machine / name
            at.unlink(missing_ok=True)
            at.symlink_to(self.builds[machine].folder / name)
        self.made = []

    def compile(self, file, text, machine, flags=()):
        """Compiles the broken `file` for a machine, all objects made of it; False if one does not."""
        source = self.folder / "source" / file
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        for name, words in self.builds[machine].sources[str(self.root / file)]:
            words = [str(source) if w == str(self.root / file) else w for w in words]
            words += [f"-fmacro-prefix-map={self.folder}/source/=", "-iquote", str((self.root / file).parent), *flags]
            self.made.append((machine, name))
            (self.folder / machine / name).unlink(missing_ok=True)
            if subprocess.run(words, cwd=self.folder / machine, capture_output=True, check=False).returncode != 0:
                return False
        return True

    def fingerprint(self, file, text, machine):
        """A digest of the first object's code, without debug information; "" if the text does not compile."""
        try:
            if not self.compile(file, text, machine, ("-g0",)):
                return ""
            return digest((self.folder / machine / self.made[0][1]).read_bytes())
        finally:
            self.restore()

    def link(self, outputs, machine):
        for output in outputs:
            if (machine, output) in self.made:
                continue
            self.made.append((machine, output))
            (self.folder / machine / output).unlink(missing_ok=True)
            if subprocess.run(self.builds[machine].command(output), shell=True, cwd=self.folder / machine,
                              capture_output=True, check=False).returncode != 0:
                return False
        return True

    def run(self, test, limit_s, waits=1.0):
        """(exit status, seconds); the status is None if the limit of the processors' time, of one process, passed
        first, or `waits` times as long."""
        cpu_s = math.ceil(limit_s * os.cpu_count())

        def place(text):
            return text.replace(str(self.build_root), str(self.folder))

        sanitized = any(machine == "linux-asan" for machine, _ in test.programs)

        def limit():
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
            resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))
            if not sanitized:  # whose shadow is larger
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))

        self.scratch.mkdir(exist_ok=True)
        scratch = {name: str(self.scratch) for name in ("TMPDIR", "HOME", "XDG_RUNTIME_DIR")}
        environment = os.environ | {k: place(v) for k, v in test.environment.items()} | scratch
        environment["ASAN_OPTIONS"] = "hard_rss_limit_mb=4096"
        with open(self.build_root / "mutate" / "alone", "w") as lock:
            if test.alone:
                fcntl.flock(lock, fcntl.LOCK_EX)
            begin = time.monotonic()
            child = subprocess.Popen([place(w) for w in test.command], cwd=test.folder, env=environment, preexec_fn=limit,
                                     start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            try:
                status = child.wait(waits * limit_s)
                status = None if status == -signal.SIGXCPU else status
            except subprocess.TimeoutExpired:
                status = None
            finally:
                end_children()
                shutil.rmtree(self.scratch, ignore_errors=True)
            return status, time.monotonic() - begin

    def try_test(self, file, text, test, limit_s):
        """Whether the test sees the mutant: "killed", "late", "survived", or "unbuilt"."""
        machines = set()
        for machine, program in test.programs:
            build = self.builds[machine]
            objects = [name for name, _ in build.sources.get(str(self.root / file), ())]
            outputs = build.chain(program, objects) if objects else []
            if not outputs:
                continue
            if machine not in self.ready:
                self.ready[machine] = self.compile(file, text, machine)
            if not self.ready[machine] or not self.link(outputs, machine):
                return "unbuilt"
            machines.add(machine)
        for _ in range(2):  # a test that fails, or is late, once by chance has seen nothing
            status, _ = self.run(test, limit_s, patience())
            if status in (0, 77):
                return "survived"
        return "late" if status is None else "killed"

    def judge(self, mutant, tests, limits, first):
        """The name of the test that killed it, "" if none did."""
        self.ready = {}
        try:
            for test in sorted(tests, key=lambda t: t.name != first):
                if self.try_test(mutant.file, mutant.text, test, limits[test.name]) in ("killed", "late"):
                    return test.name
            return ""
        finally:
            self.restore()


def end_children():
    """Ends all that a test started; what left its session is our child, too, when its parent has ended."""
    while True:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not children:
            return
        for pid in map(int, children):
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass


def leave(*_):
    end_children()
    shutil.rmtree(worker.scratch, ignore_errors=True)
    os._exit(1)


worker = None  # of this process, in the pool


def claim_number(build_root):
    """The least that no other worker has. No lock that processes share: one that ends leaves nothing held."""
    for number in itertools.count():
        claim = open(build_root / "mutate" / f"claim{number}", "w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return number, claim
        except BlockingIOError:
            claim.close()


def start_worker(root, build_root, builds):
    global worker, claimed
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent tells us when to end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    number, claimed = claim_number(build_root)  # for as long as this process lives
    worker = Worker(root, build_root, builds, number)
    signal.signal(signal.SIGTERM, leave)


def fingerprint_job(job):
    key, file, text, machine = job
    return key, worker.fingerprint(file, text, machine)


def time_job(job):
    test, limit_s = job
    status, seconds = worker.run(test, limit_s)
    return test.name, status, seconds


def judge_job(job):
    return job[0], worker.judge(*job[1:])


class Kept:
    """Answers on disk, a line each: what is known survives an interrupt."""

    def __init__(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.answers = {}
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    self.answers.update([json.loads(line)])
                except ValueError:
                    pass  # the line that an interrupt cut
        self.file = open(path, "a", buffering=1)

    def add(self, key, answer):
        self.answers[key] = answer
        self.file.write(json.dumps([key, answer]) + "\n")


class Progress:
    def __init__(self):
        self.last = self.begin = time.monotonic()

    def say(self, what, done=False):
        now = time.monotonic()
        live = sys.stderr.isatty()
        if done or now - self.last > (0.3 if live else 30):
            self.last = now
            print(f"\r{what}\033[K" if live else what, end="\n" if done or not live else "", file=sys.stderr, flush=True)


def ask(pool, job, jobs, kept, what):
    """Runs the jobs whose answers are not kept yet, and keeps each as it comes."""
    progress, count = Progress(), 0
    for key, answer in pool.imap_unordered(job, jobs):
        kept.add(key, answer)
        count += 1
        progress.say(f"{what}: {count} of {len(jobs)}", count == len(jobs))


def read_equivalents(path):
    """{name of a mutant: the reason why nothing can tell it from the original}"""
    reasons = {}
    for record in re.split(r"\n\s*\n", path.read_text() if path.exists() else ""):
        lines = [line for line in record.splitlines() if line and not line.startswith("#")]
        if lines:
            where, old, new, *reason = lines
            if not reason or old[:2] != "- " or new[:2] != "+ ":
                sys.exit(f"{path}: expected 'FILE FUNCTION', '- line', '+ line' and a reason, found: {' / '.join(lines)}")
            file, _, function = where.partition(" ")
            reasons["\n".join((file, function, old[2:], new[2:]))] = " ".join(reason)
    return reasons


class Run:
    """All that the rooms of one call share."""

    def __init__(self, options):
        self.options = options
        self.root = options.root.resolve()
        self.build_root = (options.build or self.root / "build").resolve()
        chosen = [m for m in MACHINES if m in options.machines.split(",") and (self.build_root / m / "build.ninja").exists()]
        self.builds = [Build(machine, self.build_root / machine) for machine in chosen]
        if "linux" not in chosen:
            sys.exit(f"mutate: {self.build_root}/linux is not built: make linux")
        self.tests = [t for t in collect_tests(self.builds) if re.search(options.tests, t.name)]
        self.equivalents = read_equivalents(options.equivalents or self.root / "tools/mutate/equivalent.txt")
        self.times = Kept(self.build_root / "mutate" / "times.jsonl")
        self.lock = open(self.build_root / "mutate" / "lock", "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"mutate: another run works in {self.build_root}/mutate; wait for it, or name another --build")
        self.pool = multiprocessing.get_context("fork").Pool(options.jobs, start_worker, (self.root, self.build_root, self.builds))

    def sources(self, room):
        at = self.root / room
        files = [at] if at.is_file() else sorted(at.rglob("*.c"))
        found = [(str(f.relative_to(self.root)), b) for f in files
                 for b in [next((b for b in self.builds if str(f) in b.sources), None)] if b]
        if not found:
            sys.exit(f"mutate: {room} is no room: expected a folder with sources that are built, such as codec or os/kernel")
        return found

    def candidates(self, room):
        """All mutants, in the order of the sources: (key of the object code, the mutant, its machine, the original's code)."""
        sources = [(file, (self.root / file).read_text(), build) for file, build in self.sources(room)]
        originals = dict(self.pool.imap_unordered(fingerprint_job, [(f, f, text, b.machine) for f, text, b in sources]))
        rules, found = file_digest(Path(__file__).parent / "mutants.py"), []
        for file, text, build in sources:
            if not originals[file]:
                sys.exit(f"mutate: {file} does not compile as it is")
            base = digest(rules, file, text, originals[file], *build.sources[str(self.root / file)][0][1])
            found += [(digest(base, m.name), m, build.machine, originals[file]) for m in mutants(file, text)]
        return found

    def distinct(self, room, kept):
        """(mutant, digest of its code) of those that count: all, or as many as are to be drawn; and how many are none.

        Compiled is only what is drawn: the seed says in which order all of them are asked."""
        candidates = self.candidates(room)
        wanted = len(candidates)
        if not self.options.all:
            random.Random(self.options.seed).shuffle(candidates)
            wanted = self.options.sample
        found, tally, seen, at = [], Counter(), {code for *_, code in candidates}, 0
        while len(found) < wanted and at < len(candidates):
            some = candidates[at : at + 2 * (wanted - len(found))]
            jobs = [(key, m.file, m.text, machine) for key, m, machine, _ in some if key not in kept.answers]
            ask(self.pool, fingerprint_job, jobs, kept, f"mutate {room}: compiled")
            for key, mutant, _, _ in some:
                if len(found) == wanted:
                    break
                at += 1
                code = kept.answers[key]
                tally["unbuilt" if not code else "same" if code in seen else "count"] += 1
                if code and code not in seen:
                    seen.add(code)
                    found.append((mutant, code))
        return found, tally

    def digest_of(self, test):
        folders = {b.machine: b.folder for b in self.builds}
        programs = [file_digest(folders[m] / p) for m, p in test.programs]
        return digest(test.name, *test.command, *programs, *map(file_digest, test.scripts))

    def measure(self, tests):
        """The tests that pass unmutated and are not too long, {name: seconds}; says which others there are."""
        keys, longest = {t.name: self.digest_of(t) for t in tests}, self.options.longest
        # Kept are the seconds of each; below zero those after which a test that takes more was ended.
        known = self.times.answers
        jobs = [(t, longest) for t in tests if keys[t.name] not in known or -longest < known[keys[t.name]] < 0]
        progress = Progress()
        for count, (name, status, seconds) in enumerate(self.pool.imap_unordered(time_job, jobs), 1):
            if status in (0, None):
                self.times.add(keys[name], -longest if status is None else seconds)
            elif status != 77:
                print(f"mutate: {name} fails unmutated; it is left out", file=sys.stderr)
            progress.say(f"mutate: timed {count} of {len(jobs)} tests", count == len(jobs))
        times = {name: self.times.answers[key] for name, key in keys.items() if key in self.times.answers}
        for name in [n for n, seconds in times.items() if not 0 <= seconds <= longest]:
            print(f"mutate: {name} takes more than {longest:g} s (--longest); it is left out", file=sys.stderr)
            times.pop(name)
        return times, keys

    def tests_of(self, file):
        def uses(machine, program):
            build = next(b for b in self.builds if b.machine == machine)
            objects = [name for name, _ in build.sources.get(str(self.root / file), ())]
            return objects and build.chain(program, objects)

        return [t for t in self.tests if any(uses(*p) for p in t.programs)]

    def room(self, room):
        folder = self.build_root / "mutate" / room
        mutants, tally = self.distinct(room, Kept(folder / "objects.jsonl"))
        drawn = "" if self.options.all else f", drawn by seed {self.options.seed}"
        print(f"mutate {room}: {len(mutants)} mutants count, of {tally.total()}{drawn}; {tally['unbuilt']} do not compile, "
              f"{tally['same']} are the same as the original or another")
        mutants.sort(key=lambda m: (m[0].file, m[0].line))
        tests = {file: self.tests_of(file) for file in {m.file for m, _ in mutants}}
        times, keys = self.measure(list({t.name: t for some in tests.values() for t in some}.values()))
        limits = {name: 3 * seconds + 2 for name, seconds in times.items()}

        def order(test):  # this machine's first, then the quickest
            return (any(machine != "linux" for machine, _ in test.programs), times[test.name])

        kept, jobs, key_of, others = Kept(folder / "results.jsonl"), [], {}, set()
        for mutant, code in mutants:
            usable = sorted((t for t in tests[mutant.file] if t.name in times), key=order)
            if not usable:
                others.add(mutant.file)
            key_of[mutant] = digest(code, mutant.name, *sorted(keys[t.name] for t in usable))
            if key_of[mutant] not in kept.answers:
                killer = kept.answers.get(mutant.name, "")
                jobs.append((key_of[mutant], mutant, usable, limits, killer))
        names = {job[0]: job[1].name for job in jobs}
        for file in sorted(others):
            print(f"mutate {room}: no test of behaviour uses {file}")
        progress, count = Progress(), 0
        for key, killer in self.pool.imap_unordered(judge_job, jobs):
            kept.add(key, killer)
            kept.add(names[key], killer) # the one to ask first, whatever changes
            count += 1
            progress.say(f"mutate {room}: tried {count} of {len(jobs)}", count == len(jobs))
        return self.report(room, [(m, kept.answers[key_of[m]]) for m, _ in mutants])

    def report(self, room, outcomes):
        equivalent = [m for m, killer in outcomes if m.name in self.equivalents]
        wrong = [m for m, killer in outcomes if m.name in self.equivalents and killer]
        alive = [m for m, killer in outcomes if not killer and m.name not in self.equivalents]
        counted = len(outcomes) - len(equivalent)
        for mutant in alive:
            print(f"\n{mutant.file}:{mutant.line}: {mutant.function}: {mutant.kind}\n- {mutant.old}\n+ {mutant.new}")
        print()
        for mutant in wrong:
            print(f"mutate: {mutant.file}:{mutant.line}: listed as equivalent, but a test sees it:\n- {mutant.old}\n+ {mutant.new}")
        if alive:
            kinds = Counter(m.kind for m in alive)
            print(f"mutate {room}: survivors by kind: {', '.join(f'{n} {kind}' for kind, n in kinds.most_common())}")
        by = Counter(killer for _, killer in outcomes if killer)
        print(f"mutate {room}: killed by: {', '.join(f'{name} {n}' for name, n in by.most_common(8)) or 'nothing'}")
        share = 100 * len(equivalent) / max(len(outcomes), 1)
        print(f"mutate {room}: {counted - len(alive)} of {counted} killed, {len(alive)} survived; "
              f"{len(equivalent)} more are equivalent ({share:.1f} %)")
        print(f"bench mutate.{room.replace('/', '.')} {100 * (counted - len(alive)) / max(counted, 1):.1f} percent_killed")
        if share > EQUIVALENT_PERCENT_MAX:
            print(f"mutate: more than {EQUIVALENT_PERCENT_MAX} % of {room} is listed as equivalent")
        return not wrong and share <= EQUIVALENT_PERCENT_MAX

    def stale(self, rooms):
        """Says which listed equivalents are no mutants any more."""
        names = set()
        for file in {f for room in rooms for f, _ in self.sources(room)}:
            names |= {m.name for m in mutants(file, (self.root / file).read_text())}
            for name in self.equivalents:
                if name.split("\n")[0] == file and name not in names:
                    print("mutate: listed as equivalent, but there is no such mutant any more:\n" + name)


def file_digest(path):
    try:
        return digest(Path(path).read_bytes())
    except OSError:
        return "none"


def commit(root):
    """The hash of what is checked out; the time where there is none, or no git to ask."""
    words = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
    try:
        said = subprocess.run(words, check=False, capture_output=True, text=True).stdout.strip()
    except OSError:
        said = ""
    return said or str(int(time.time()))


def main():
    parser = argparse.ArgumentParser(prog="./run mutate", description="Breaks rooms on purpose and asks whether the tests see it.")
    parser.add_argument("rooms", nargs="+", metavar="ROOM", help="a folder such as codec or os/kernel, or one source file")
    parser.add_argument("--sample", type=int, default=60, help="how many mutants of a room are drawn (60)")
    parser.add_argument("--seed", help="of the draw, any word; the commit's hash unless given, and printed")
    parser.add_argument("--all", action="store_true", help="try every mutant")
    parser.add_argument("--machines", default=",".join(MACHINES), help="the builds to use, linux among them (all that are built)")
    parser.add_argument("--tests", default="", metavar="PATTERN", help="only tests of which a part of the name matches")
    parser.add_argument("--longest", type=float, default=20, help="leave out tests that take more seconds than this (20)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at a time (as many as there are CPUs)")
    for name, told in (("root", "of the sources"), ("build", "where the builds are"), ("equivalents", "the list of them")):
        parser.add_argument(f"--{name}", type=Path, default=Path(__file__).parents[2] if name == "root" else None, help=told)
    options = parser.parse_args()
    options.seed = options.seed or commit(options.root)
    run = Run(options)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        good = [run.room(room.rstrip("/")) for room in options.rooms]
        run.stale(options.rooms)
        return 0 if all(good) else 1
    except KeyboardInterrupt:
        print("\nmutate: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    finally:
        late = threading.Timer(20, lambda: [child.kill() for child in multiprocessing.active_children()])
        late.daemon = True
        late.start()
        run.pool.terminate()
        run.pool.join()
        late.cancel()


if __name__ == "__main__":
    sys.exit(main())
