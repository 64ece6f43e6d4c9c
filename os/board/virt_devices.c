// The devices of QEMU's `virt` boards, both of them: virtio in memory-mapped slots.

#include <string.h>

#include "board.h"
#include "os/arch/arch.h"
#include "os/driver/virtio_blk.h"
#include "os/driver/virtio_net.h"
#include "os/driver/virtio_rng.h"
#include "tutti/board.h"
#include "tutti/kernel.h"

static void say(const char *text)
{
    tt_console_write(text, strlen(text));
}

static tt_status find(tt_virtio *device, tt_virtio_kind kind)
{
    tt_status status = tt_virtio_find(device, kind, TT_BOARD_VIRTIO, TT_BOARD_VIRTIO_STRIDE,
                                      TT_BOARD_VIRTIO_SLOTS, TT_BOARD_VIRTIO_LINE);
    if (status == TT_UNSUPPORTED)
        say("board: a virtio device speaks only version 1; start QEMU with "
            "-global virtio-mmio.force-legacy=false\n");
    return status;
}

tt_ethernet *tt_board_ethernet(void (*arrived)(void *context), void *context)
{
    tt_virtio device;
    tt_ethernet *ethernet = NULL;
    if (find(&device, TT_VIRTIO_NET) != TT_OK || tt_virtio_net_start(&device, &ethernet) != TT_OK) {
        say("board: there is no virtio network device\n");
        return NULL;
    }
    ethernet->arrived_context = context;
    ethernet->arrived = arrived;
    return ethernet;
}

tt_medium *tt_board_medium(void)
{
    tt_virtio device;
    tt_medium *medium = NULL;
    tt_status status = find(&device, TT_VIRTIO_BLK);
    if (status == TT_OK && (status = tt_virtio_blk_start(&device, &medium)) == TT_OK)
        return medium;
    say(status == TT_NOT_FOUND ? "board: there is no virtio disk\n"
        : status == TT_DENIED  ? "board: the virtio disk can only be read\n"
                               : "board: the virtio disk does not work, or is too small\n");
    return NULL;
}

size_t tt_board_entropy(void *bytes, size_t length)
{
    tt_virtio device;
    return find(&device, TT_VIRTIO_RNG) == TT_OK ? tt_virtio_rng_read(&device, bytes, length) : 0;
}
