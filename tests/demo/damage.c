// Damages a plan in a given way, for tests that send it to a device.
//
//     demo_damage WAY IN OUT      WAY: weight | bit | cut | version | large
//
// `weight` changes one weight of the first convolution and repairs the checksum, so
// the plan is valid and wrong. The others must be refused.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tutti/bytes.h"
#include "tutti/lite.h"

#define PLAN_MAX (1 << 20)
#define CRC_OFFSET 12
#define CRC_FROM 16
#define LARGE_BYTES 200000 // more than any device's slot

static uint8_t plan[PLAN_MAX];

static void repair(size_t length)
{
    tt_writer writer;
    tt_writer_init(&writer, plan + CRC_OFFSET, 4);
    tt_write_le32(&writer, tt_crc32(0, plan + CRC_FROM, length - CRC_FROM));
}

// The position of the first weight in the file.
static size_t first_weight(size_t length)
{
    tt_plan opened;
    tt_plan_step step;
    if (tt_plan_open(&opened, plan, length, NULL) != TT_OK) {
        fprintf(stderr, "demo_damage: the plan is damaged already\n");
        exit(1);
    }
    tt_plan_step_at(&opened, 0, &step);
    return step.weights;
}

int main(int count, char **words)
{
    FILE *in = count == 4 ? fopen(words[2], "rb") : NULL;
    size_t length = in != NULL ? fread(plan, 1, sizeof(plan), in) : 0;
    if (length < CRC_FROM) {
        fprintf(stderr, "usage: demo_damage weight|bit|cut|version|large IN OUT\n");
        return 2;
    }
    fclose(in);
    const char *way = words[1];
    if (strcmp(way, "weight") == 0) {
        size_t at = first_weight(length) + 4; // the middle of the first 3x3 filter
        plan[at] = (uint8_t)(plan[at] ^ 0x40);
        repair(length);
    } else if (strcmp(way, "bit") == 0) {
        plan[length / 2] ^= 1;
    } else if (strcmp(way, "cut") == 0) {
        length -= 1000;
    } else if (strcmp(way, "version") == 0) {
        plan[4]++;
        repair(length);
    } else {
        length = LARGE_BYTES;
    }
    FILE *out = fopen(words[3], "wb");
    if (out == NULL || fwrite(plan, 1, length, out) != length || fclose(out) != 0) {
        fprintf(stderr, "demo_damage: %s cannot be written\n", words[3]);
        return 1;
    }
    return 0;
}
