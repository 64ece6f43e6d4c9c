// How each board is emulated, by QEMU.

#include <stddef.h>
#include <string.h>

#include "cli/elf.h"
#include "cli/emulator.h"
#include "tutti/check.h"

// An error of the disk, a full one too, is told to the device, which would else stand still.
#define DISK                                                                                       \
    .medium = {"-device", "virtio-blk-device,drive=medium,werror=report,rerror=report", "-drive",  \
               "if=none,id=medium,format=raw,file="},                                              \
    .medium_bytes = (uint64_t)4 << 20

static const tt_emulator emulators[] = {
    {.board = "mps2-an386",
     .machine = TT_ELF_ARM,
     .program = "qemu-system-arm",
     .package = "qemu-system-arm",
     .arguments = {"-M", "mps2-an386"},
     // All of one of its memories, of which the medium is the first part (os/board/mps2_an386).
     .medium = {"-machine", "memory-backend=nv", "-object",
                "memory-backend-file,id=nv,size=16M,share=on,mem-path="},
     .medium_bytes = (uint64_t)16 << 20},
    {.board = "netduinoplus2",
     .machine = TT_ELF_ARM,
     .program = "qemu-system-arm",
     .package = "qemu-system-arm",
     .line = true,
     .arguments = {"-M", "netduinoplus2"}},
    {.board = "qemu-riscv64-virt",
     .machine = TT_ELF_RISCV,
     .program = "qemu-system-riscv64",
     .package = "qemu-system-misc",
     .network = "virtio-net-device",
     .arguments = {"-M", "virt", "-m", "64M", "-global", "virtio-mmio.force-legacy=false",
                   "-device", "virtio-rng-device"},
     DISK},
    {.board = "qemu-aarch64-virt",
     .machine = TT_ELF_AARCH64,
     .program = "qemu-system-aarch64",
     .package = "qemu-system-arm",
     .network = "virtio-net-device",
     .arguments = {"-M", "virt,gic-version=3", "-cpu", "cortex-a76", "-m", "128M", "-global",
                   "virtio-mmio.force-legacy=false", "-device", "virtio-rng-device"},
     DISK},
};

const tt_emulator *tt_emulator_of(const char *board)
{
    for (size_t i = 0; i < TT_COUNT(emulators); i++)
        if (strcmp(emulators[i].board, board) == 0)
            return &emulators[i];
    return NULL;
}

void tt_emulator_list(tt_text *text)
{
    for (size_t i = 0; i < TT_COUNT(emulators); i++) {
        tt_text_add(text, i > 0 ? ", " : "");
        tt_text_add(text, emulators[i].board);
    }
}
