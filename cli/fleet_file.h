// The file that describes a fleet: how many devices of which kind, and nothing else.
//
//     # everything after a hash is ignored
//     watch 1
//     tv 2
//     car 1 image=build/other/car.elf
//     sensor 1 image=build/sensor.elf
//     lamp 1 image=build/lamp.elf board=netduinoplus2
//
// The last two are kinds of one's own. They run on the board that their image is for, or, where
// nobody emulates that, on the one that is named, which is like it.
// Names and addresses are not in it: devices make names from their seeds and take addresses by
// themselves.

#ifndef TUTTI_CLI_FLEET_FILE_H
#define TUTTI_CLI_FLEET_FILE_H

#include "cli/emulator.h"
#include "tutti/discovery.h"
#include "tutti/status.h"
#include "tutti/text.h"

#define TT_FLEET_DEVICES_MAX 12 // a node knows 16 others; the launcher and a client are two of them
#define TT_FLEET_IMAGE_MAX 256  // bytes of an image's path, its terminator included

// The kinds that the build makes; TT_KINDS stands for one of the fleet file's own.
typedef enum tt_kind { TT_WATCH, TT_CAR, TT_TV, TT_LINUX, TT_KINDS } tt_kind;

extern const char *const tt_kind_names[TT_KINDS];

typedef struct tt_fleet_entry {
    tt_kind kind;
    char name[TT_KIND_MAX];         // of the kind
    char image[TT_FLEET_IMAGE_MAX]; // "" for the one that the build makes
    const tt_emulator *emulator;    // NULL: that of the image's board
} tt_fleet_entry;

typedef struct tt_fleet_file {
    tt_fleet_entry devices[TT_FLEET_DEVICES_MAX];
    unsigned count;
} tt_fleet_file;

// Reads the file's text, which is terminated. TT_MALFORMED or TT_TOO_LARGE with a sentence that
// names the line, what was expected and what came.
tt_status tt_fleet_file_parse(tt_fleet_file *fleet, const char *text, tt_text *why);

#endif
