// What is known of a device's end: the record that it leaves in memory that a reset keeps, and the
// lines in which a person and tools/backtrace read it.
//
//     tutti dump: check failed: base/text.c:17: capacity >= 1
//     tutti dump: thread main
//     tutti dump: image 4f00c1...
//     tutti dump: boot 2, restart 0, after 61234 ms
//     tutti dump: register pc 00000123
//     tutti dump: stack 20001f00 00000000 ...
//     tutti dump: end
//
// The record is the first end since it was cleared; those that follow it are counted. It lies in
// the memory of one machine and is read there: its numbers have that machine's width and order.

#ifndef TUTTI_CRASH_H
#define TUTTI_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tutti/language.h"
#include "tutti/text.h"

TT_C_BEGIN

#define TT_CRASH_MARK "tutti dump: " // what each line begins with
#define TT_CRASH_STACK_WORDS 256
#define TT_CRASH_REGISTERS_MAX 40
#define TT_CRASH_REASON_MAX 128 // bytes with the terminator, as are those below
#define TT_CRASH_NAME_MAX 24
#define TT_CRASH_LINE_MAX 192
#define TT_CRASH_IMAGE_MAX 20 // bytes of an image's identity: the linker's build id

typedef struct tt_crash_register {
    char name[8];
    uintptr_t value;
} tt_crash_register;

typedef struct tt_crash {
    uint32_t magic, version, length, crc; // the crc is of all that follows it
    uint32_t boot, restarts;              // of the life that ended
    uint32_t followed;                    // ends since then
    uint32_t image_bytes, register_count, stack_words;
    uint64_t uptime_ms;
    char reason[TT_CRASH_REASON_MAX]; // "check failed: FILE:LINE: CONDITION", "fault: WHAT at ..."
    char thread[TT_CRASH_NAME_MAX];
    uint32_t in_interrupt;
    uint8_t image[TT_CRASH_IMAGE_MAX];
    tt_crash_register registers[TT_CRASH_REGISTERS_MAX];
    uintptr_t stack_address; // of stack[0]
    uintptr_t stack[TT_CRASH_STACK_WORDS];
} tt_crash;

// Makes an empty record. Then its owner fills in what it knows, counts below their limits, texts
// terminated, and seals it.
void tt_crash_begin(tt_crash *crash);
void tt_crash_seal(tt_crash *crash);

// Whether this is a record that was sealed, by this version, and is whole.
bool tt_crash_is_whole(const tt_crash *crash);

// Counts one more end after this one, which is whole.
void tt_crash_follow(tt_crash *crash);

// The lines' one form. Each starts `text` anew and leaves out the line's end; each fits
// TT_CRASH_LINE_MAX where its texts fit the record's.
void tt_crash_line(tt_text *text, const char *what); // "tutti dump: WHAT"
void tt_crash_thread_line(tt_text *text, const char *thread, bool in_interrupt);
void tt_crash_image_line(tt_text *text, const uint8_t *image, size_t length);
void tt_crash_life_line(tt_text *text, uint32_t boot, uint32_t restarts, uint64_t uptime_ms);
void tt_crash_register_line(tt_text *text, const char *name, uintptr_t value);
// `count` words that lie at `address`, at most TT_CRASH_LINE_WORDS.
#define TT_CRASH_LINE_WORDS 4
void tt_crash_stack_line(tt_text *text, uintptr_t address, const uintptr_t *words, unsigned count);

// The record as text, each line ended by a newline: the `capacity` bytes from `offset` on, as many
// as there are. Returns how many. The record is whole.
size_t tt_crash_read(const tt_crash *crash, size_t offset, void *bytes, size_t capacity);

TT_C_END

#endif
