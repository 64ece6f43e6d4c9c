// What the demonstration found out: filled in by the questions (demo.c), written down by results.c.

#ifndef TUTTI_EXAMPLES_DEMO_DEMO_H
#define TUTTI_EXAMPLES_DEMO_DEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/client.h"
#include "cli/elf.h"
#include "cli/fleet_file.h"
#include "tutti/dataset.h"

#define DEMO_PATH_BYTES 512
#define DEMO_IMAGES_MAX 10000
#define DEMO_TEXT_BYTES 80 // of what a device or the host says of itself; the rest is cut off

// What a device says of itself (GET /device).
typedef struct demo_identity {
    char board[DEMO_TEXT_BYTES], cpu[DEMO_TEXT_BYTES];
    char version[DEMO_TEXT_BYTES], commit[DEMO_TEXT_BYTES]; // "" where it does not say
} demo_identity;

typedef struct demo_participant {
    bool present;
    tt_peer peer;
    demo_identity identity;
    unsigned images, equal, right;
    double rtt_ms[DEMO_IMAGES_MAX]; // by the host's clock
    uint8_t answers[DEMO_IMAGES_MAX];
    tt_elf_sizes sizes;             // of its image
    uint64_t slot_bytes;            // of its RAM: room for models
    char compiler[DEMO_TEXT_BYTES]; // that made its image
} demo_participant;

typedef struct demo_window {
    double start, end; // seconds since 1970, as in the capture
} demo_window;

typedef struct demonstration {
    const char *folder;
    tt_client client;
    tt_dataset train, test;
    uint8_t *plan, *reference;
    size_t plan_bytes, reference_count;
    demo_participant participants[TT_KINDS];
    double transfer_ms, ask_ms; // by the host's clock
    unsigned ask_answer, ask_frames;
    demo_window transfer, classify, ask;
} demonstration;

// Says the sentence, and where the devices' files are; ends the program with status 1.
_Noreturn void demo_fail(const demonstration *demo, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// The path of the folder's file `name`.
void demo_path(const demonstration *demo, const char *name, char path[DEMO_PATH_BYTES]);

// Reads from the image at `path` how much of the device it takes, and who compiled it. Ends the
// program where that is no image.
void demo_measure_image(demonstration *demo, tt_kind kind, const char *path);

// Of the milliseconds that a question took by the host's clock; 0 where none was asked.
double demo_median_ms(const demo_participant *who);

// Writes results.json: what was found out, on which host, when, and with what. $WATCH_INSTRUCTIONS
// and $EMULATOR, where set, are what demo.sh knows. Ends the program on failure.
void demo_write_results(const demonstration *demo);

#endif
