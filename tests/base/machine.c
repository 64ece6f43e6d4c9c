// The lowest floor on every machine: the same seed gives the same numbers, bytes have the same
// order at any address. Then a check fails that nobody handles, which is a trap.

#include <string.h>

#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/kernel.h"
#include "tutti/random.h"

static bool draws_right(void)
{
    static const uint64_t first[] = {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0};
    static const uint64_t half = (UINT64_C(1) << 63) + 1; // many values are drawn again
    tt_random random;
    uint8_t bytes[11];
    bool right = true;
    tt_random_seed(&random, 0);
    for (size_t i = 0; i < TT_COUNT(first); i++)
        right &= tt_random_u64(&random) == first[i];
    tt_random_seed(&random, 1);
    right &= tt_random_below(&random, half) == 3743247123249303748u;
    right &= tt_random_below(&random, half) == 376989097743764713u;
    tt_random_seed(&random, 0);
    tt_random_bytes(&random, bytes, sizeof(bytes));
    return right && memcmp(bytes, "\xb4\xf2\x75\xcb\x36\x5f\xec\x99\x2a\x45\x56", 11) == 0;
}

static bool reads_right(void)
{
    uint8_t bytes[32];
    bool right = true;
    for (size_t at = 0; at < 8; at++) { // aligned and not
        tt_reader r;
        tt_writer w;
        tt_writer_init(&w, bytes + at, 15);
        tt_write_u8(&w, 0x99);
        tt_write_be32(&w, 0x81828384);
        tt_write_le64(&w, 0x0102030405060788);
        tt_write_le16(&w, 0xa1a2);
        right &= !w.failed && tt_crc32(0, bytes + at, 15) == 0xea91cbca;
        tt_reader_init(&r, bytes + at, 15);
        right &= tt_read_u8(&r) == 0x99 && tt_read_le32(&r) == 0x84838281;
        right &= tt_read_be64(&r) == 0x8807060504030201 && tt_read_be16(&r) == 0xa2a1;
    }
    return right;
}

__attribute__((noinline)) static void fail(volatile int *count)
{
    (*count)++;
    tt_check_failed("nobody's.c", 1, "is told");
}

void tt_main(void)
{
    volatile int count = 0;
    static const char right[] = "base: the same here\n", wrong[] = "base: FAILED\n";
    bool is_right = draws_right() && reads_right();
    tt_console_write(is_right ? right : wrong, is_right ? sizeof(right) - 1 : sizeof(wrong) - 1);
    tt_check_set_handler(NULL);
    fail(&count);
}
