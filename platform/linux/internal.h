// What the files of the Linux platform share: datagrams that come, and that go, many at a time.

#ifndef TUTTI_PLATFORM_LINUX_INTERNAL_H
#define TUTTI_PLATFORM_LINUX_INTERNAL_H

#include "tutti/platform_linux.h"

#define TT_LINUX_RUN_BYTES 65536 // more than any run of datagrams has

unsigned tt_linux_loopback(void); // the interface's number

// Storage that costs nothing until it is used; NULL without any. It is all zero.
void *tt_linux_storage(size_t bytes);

// receive.c: what one descriptor has received and nobody has taken yet.
typedef struct tt_linux_inbox tt_linux_inbox;
// NULL without memory. With `runs` the kernel hands over datagrams of one length, from one peer,
// together, where it can.
tt_linux_inbox *tt_linux_inbox_new(int descriptor, bool runs);
void tt_linux_inbox_free(tt_linux_inbox *inbox); // NULL is allowed
bool tt_linux_inbox_is_empty(const tt_linux_inbox *inbox);
// The descriptor has something: the kernel is asked once what is here was taken.
void tt_linux_inbox_look(tt_linux_inbox *inbox);
// One datagram or error: TT_EMPTY, TT_OK, TT_UNREACHABLE, or TT_DAMAGED for something that is
// dropped.
tt_status tt_linux_inbox_take(tt_linux_inbox *inbox, int descriptor, tt_datagram *datagram);

// send.c: one at once, TT_OK, TT_FULL or TT_UNREACHABLE; and datagrams of one length to one peer
// that wait for more of them.
typedef struct tt_linux_run tt_linux_run;
tt_status tt_linux_send(int descriptor, const tt_datagram *datagram);
tt_linux_run *tt_linux_run_new(void); // NULL without memory
bool tt_linux_run_is_empty(const tt_linux_run *run);
// Takes one more; false: it is none of this run, or there is no room.
bool tt_linux_run_add(tt_linux_run *run, int descriptor, const tt_datagram *datagram);
// Sends it whole. TT_FULL: the kernel takes nothing now, and what it did not take waits on.
// Otherwise the run is empty, and `lost` counts what could not be sent. `cuts`: the kernel cuts a
// run itself; false from when on it turns out that it does not.
tt_status tt_linux_run_send(tt_linux_run *run, bool *cuts, uint64_t *lost);
// Whether a descriptor's kernel cuts runs.
bool tt_linux_cuts_runs(int descriptor);

#endif
