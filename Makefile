# A short door to CMake and Ninja; ./run installs what they need first. `make help` lists the targets.

DEVICES := cortex-m4 netduinoplus2 ast1030 riscv64 aarch64
CHECKED := linux-clang linux-asan linux-tsan linux-fuzz
TARGET_linux-asan := checked
TARGET_linux-tsan := checked
TARGET_linux-fuzz := fuzz
JOBS    := $(shell nproc)
EPOCHS  := 10

.PHONY: help demo test test-long soak bench mutate sbom format clean images $(DEVICES) linux $(CHECKED)

help:
	@./run help

# One build folder a preset, build/PRESET; quiet unless something fails. It holds the absolute paths of
# its sources: one that came here with a copied or moved tree would go on building the other tree's.
linux $(DEVICES) $(CHECKED):
	@home=$$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' build/$@/CMakeCache.txt 2>/dev/null); \
	[ -z "$$home" ] || [ "$$(cd "$$home" 2>/dev/null && pwd -P)" = "$$(pwd -P)" ] || \
	{ echo "build/$@ was made from the sources in $$home: it is made anew"; rm -rf build/$@; }; \
	printf 'building for %-15s' $@; start=$$(date +%s); mkdir -p build; \
	{ [ -f build/$@/build.ninja ] || cmake --preset $@ >build/$@.log 2>&1; } && \
	ninja -C build/$@ -j $(JOBS) $(TARGET_$@) >>build/$@.log 2>&1 || \
	{ echo failed; grep -vE '^\[[0-9]+/[0-9]+\] ' build/$@.log | tail -n 60; echo "make: the whole log is build/$@.log"; exit 1; }; \
	echo "$$(($$(date +%s) - start)) s"

images: linux $(DEVICES)

demo: images
	@EPOCHS=$(EPOCHS) OUT=build/demo examples/demo/demo.sh

# The host's ctest runs everything: unit tests, images under QEMU, the demonstration after one epoch,
# and the unit tests again under clang and the sanitizers.
test: images $(CHECKED)
	@tests/run.sh build/linux -LE long

test-long: images linux-tsan
	@tests/run.sh build/linux -L long

# Scenarios in virtual time without end; docs/simulator.md.
soak: linux
	@exec build/linux/cli/tutti sim --soak --seed $(or $(SEED),1)

GROUPS := kernel bus storage ai
B      := $(GROUPS)
bench: $(if $(filter-out $(GROUPS),$(B)),$(error bench: expected B to be some of: $(GROUPS); there is no $(filter-out $(GROUPS),$(B)))) images
	@for group in $(B); do bench/$$group/run.sh || exit 1; done

# What is broken, and what the answers mean: docs/testing.md. Needs the builds that its tests run.
mutate: images linux-asan
	@tools/mutate/mutate.py $(or $(ROOMS),--help)

sbom: images
	@tools/sbom/sbom.py build build/sbom

format:
	@command -v clang-format-14 >/dev/null || { echo "format: nothing is laid out: that is clang-format-14's work, which this machine does not have (Debian 12 does)"; exit 0; }; \
	find . -name build -prune -o -name '*.[ch]' -print | xargs clang-format-14 -i

clean:
	@./run clean
