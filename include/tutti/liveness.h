// Whether the device still does its work: the rule by which its watchdog is fed.
//
// Whoever is supervised reports now and then. Every `period` the kernel looks, from the timer's
// interrupt: if one has not reported for its number of looks in a row, the device ends with the
// record "watchdog: NAME silent for N ms". Else the board's watchdog, where it has one, is fed: it
// bites where even the timer's interrupt does not come any more. A device that was stopped from
// outside, as a debugger or a host does, is not blamed for the time: only looks count.
//
// Looking is one wake-up a period. Who sleeps through it is asked to report.

#ifndef TUTTI_LIVENESS_H
#define TUTTI_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "tutti/kernel.h"
#include "tutti/language.h"
#include "tutti/list.h"
#include "tutti/time.h"

TT_C_BEGIN

#define TT_LIVENESS_PERIOD TT_SECONDS(5) // of products: twelve wake-ups a minute

// The caller fills the first part; it lives as long as the device.
typedef struct tt_liveness {
    const char *name;           // "loop"
    unsigned looks_max;         // silent at so many looks in a row, it hangs; at least 2
    void (*ask)(void *context); // asks it to report, from an interrupt at each look; or NULL
    void *context;
    bool resting;           // it has nothing to do: no report is expected
    uint32_t reports, seen; // this and what follows: the kernel's
    tt_thread *thread;      // that reported last
    unsigned silent;
    tt_time heard; // at the look that saw the newest report
    tt_list link;
} tt_liveness;

// Supervises one more. From a thread.
void tt_liveness_add(tt_liveness *liveness);

// It is alive, and expected to report again. From a thread of its own, always the same.
void tt_liveness_report(tt_liveness *liveness);

// It has no work: nothing is expected of it until it reports again. Any.
void tt_liveness_rest(tt_liveness *liveness);

// From now on the kernel looks, and a board's watchdog runs. Once, from a thread. Says on the
// console where the board has no watchdog: interrupts that stay off for ever are not seen then.
void tt_liveness_start(tt_time period);

TT_C_END

#endif
