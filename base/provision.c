// What is made from a device's seed.

#include "tutti/bytes.h"
#include "tutti/provision.h"

void tt_provision_make_mac(const uint8_t seed[32], uint8_t mac[6])
{
    uint32_t first = tt_crc32(0, seed, 32), second = tt_crc32(first, seed, 32);
    mac[0] = 0x02; // locally administered, unicast
    mac[1] = (uint8_t)second;
    for (int i = 0; i < 4; i++)
        mac[2 + i] = (uint8_t)(first >> 8 * i);
}
