// What a device keeps over a reset that does not cut its power: how its last lives ended, the
// record of the first bad end, and its newest console lines.
//
// It lies in memory that start-up does not clear (a board says which); after a power cut it is
// found damaged and begins anew. A life shorter than TT_LIFE_SHORT that nobody ended by hand is a
// short one; after TT_SHORT_LIVES_MAX of them in a row the device starts in safe mode, and stays in
// it over further resets, until somebody restarts it by hand or cuts its power.

#ifndef TUTTI_KEPT_H
#define TUTTI_KEPT_H

#include "tutti/crash.h"
#include "tutti/language.h"
#include "tutti/log.h"
#include "tutti/time.h"

TT_C_BEGIN

#define TT_LIFE_SHORT TT_SECONDS(60)
#define TT_SHORT_LIVES_MAX 3

typedef struct tt_kept {
    uint32_t magic, length, crc; // the crc is of all that follows it, up to `crash`
    uint32_t restarts;           // since the power came
    uint32_t short_lives;        // in a row, before this one
    uint32_t lived;              // this life was not a short one, or is ended by hand
    uint32_t by_hand;            // the reset that follows is by hand
    uint32_t safe;               // safe mode
    tt_crash crash;              // whole, or none
    tt_log log;
} tt_kept;

extern tt_kept tt_kept_memory;

// How many resets the memory has seen: 0 in the first life since the power came. With the
// launcher's boot number it names a life.
uint32_t tt_kept_restarts(void);
bool tt_kept_is_safe_mode(void); // any

// When this life began, on the kernel's clock, which a reset need not set to zero.
tt_time tt_kept_began(void);

// What the record of an end is to say beside what the kernel knows.
void tt_kept_set_boot(uint32_t boot);

// The record, or NULL where none is kept; and how to be rid of it. From a thread.
const tt_crash *tt_kept_crash(void);
void tt_kept_clear_crash(void);

// The console's newest lines as tt_log_read gives them, and a version that changes with them. Any.
size_t tt_kept_read_log(size_t offset, void *bytes, size_t capacity, uint64_t *version);

// `written` is called when one more line is complete, from whatever context wrote it.
void tt_kept_on_line(void (*written)(void *context), void *context);

// This life is no short one, however it ends: what keeps it from its work is not its own. From a
// thread.
void tt_kept_excuse(void);

// Ends this life by hand: no record, no short life, and safe mode is left. From a thread.
TT_NORETURN void tt_kept_restart(void);

TT_C_END

#endif
