// What a board has, for platform/device and the products: the console and the end are in kernel.h.

#ifndef TUTTI_BOARD_H
#define TUTTI_BOARD_H

#include <stdbool.h>

#include "tutti/ethernet.h"
#include "tutti/language.h"
#include "tutti/medium.h"
#include "tutti/provision.h"

TT_C_BEGIN

// The device's own seed; valid where magic, version and crc are right. In memory that start-up does
// not clear.
extern tt_provision_data tt_provision;

// "mps2-an386" and "Cortex-M4F", for people.
extern const char tt_board_name[];
extern const char tt_board_cpu[];

// The board's one Ethernet device, started, its interrupt attached: `arrived` is called from it.
// NULL where there is none or it does not work; then a line on the console says why. Called once.
tt_ethernet *tt_board_ethernet(void (*arrived)(void *context), void *context);

// The board's one medium that keeps bytes without power (tutti/medium.h). NULL where there is none,
// and where it does not work or is missing; then a line on the console says why. Called once, from
// a thread.
tt_medium *tt_board_medium(void);

// Whether whoever runs the device wants it to end in order: the process that is one was sent
// SIGTERM. The Ethernet's `arrived` was called then, so that a sleeping loop looks. Never
// elsewhere.
bool tt_board_should_stop(void);

// Fills in bytes from a source of entropy, as many as it gives at once; 0 where the board has none.
size_t tt_board_entropy(void *bytes, size_t length);

TT_C_END

#endif
