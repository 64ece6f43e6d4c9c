// What a device is given before its first start: a seed of its own.
//
// Boards without a source of entropy get their randomness, and every board its name, from it. In
// production it is written once into flash; under QEMU the launcher puts it into memory with
// `-device loader` at the address of the symbol `tt_provision`, which lies in a section that the
// start-up code does not clear.

#ifndef TUTTI_PROVISION_H
#define TUTTI_PROVISION_H

#include <stdint.h>

#include "tutti/language.h"

TT_C_BEGIN

#define TT_PROVISION_MAGIC 0x56505454u // "TTPV" in memory, little-endian
#define TT_PROVISION_VERSION 1

typedef enum tt_provision_mode {
    TT_PROVISION_NODE = 0,    // an ordinary start
    TT_PROVISION_MEASURE = 1, // run the plan that the launcher loaded on images that it loaded,
                              // print outputs and instruction ticks, stop
} tt_provision_mode;

// All fields little-endian, which every board here is.
typedef struct tt_provision_data {
    uint32_t magic;
    uint32_t version;
    uint32_t mode;
    uint32_t measure_images;     // with TT_PROVISION_MEASURE: how many were loaded
    uint32_t measure_plan_bytes; // with TT_PROVISION_MEASURE: size of the loaded plan
    uint32_t boot;               // counts starts of this device; differs after each restart
    uint8_t seed[32];            // of this device alone; keep it secret
    uint32_t crc;                // tt_crc32 of all before
} tt_provision_data;

// A hardware address of one's own choice (IEEE 802, 8.4), the same from the same seed: for boards
// whose Ethernet brings none. From any context.
void tt_provision_make_mac(const uint8_t seed[32], uint8_t mac[6]);

TT_C_END

#endif
