// The driver of SPI NOR flash against a flash that is strict: it takes a change only when it was
// enabled and is not busy, wraps around in a page, clears bits and no more, and is busy for a
// while.

#include "os/driver/spi_nor.h"
#include "tests/os/medium_contract.h"
#include "tests/test.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/time.h"

tt_time tt_now(void); // of tutti/kernel.h, which a host program has no more of

#define BYTES (64 * 1024)

static struct {
    tt_spi spi; // first
    uint8_t id[3];
    uint8_t memory[BYTES];
    uint8_t command[8 + 256], page[256];
    unsigned sent, taken; // of this command
    bool selected, enabled;
    bool gone, protects;
    unsigned busy_for, busy; // looks at its status
    unsigned erases, programs, wrong;
} chip;
static tt_time now;

tt_time tt_now(void)
{
    return now += TT_MS(1);
}

void medium_pause(void)
{
}

static uint32_t address(void)
{
    return ((uint32_t)chip.command[1] << 16 | (uint32_t)chip.command[2] << 8 | chip.command[3]) %
           BYTES;
}

static void begin_change(void)
{
    chip.wrong += !chip.enabled || chip.busy > 0;
    chip.enabled = false;
    chip.busy = chip.busy_for;
}

static void execute(void)
{
    uint32_t at = address();
    switch (chip.sent > 0 ? chip.command[0] : 0) {
    case 0x06:
        chip.wrong += chip.busy > 0;
        chip.enabled = !chip.protects;
        break;
    case 0x02:
        begin_change();
        chip.programs++;
        for (unsigned i = 0; i + 4 < chip.sent; i++)
            chip.memory[at / 256 * 256 + (at + i) % 256] &= chip.command[4 + i];
        break;
    case 0x20:
        begin_change();
        chip.erases++;
        chip.wrong += chip.sent != 4;
        memset(chip.memory + at / 4096 * 4096, 0xff, 4096);
        break;
    case 0x03:
    case 0x9f:
        chip.wrong += chip.busy > 0;
        break;
    case 0x05:
    case 0xab:
        break;
    default:
        chip.wrong++;
    }
}

static void chip_select(tt_spi *spi, bool selected)
{
    EXPECT(spi == &chip.spi && selected != chip.selected);
    chip.selected = selected;
    if (!selected && !chip.gone)
        execute();
    if (selected)
        chip.sent = chip.taken = 0;
}

static void chip_send(tt_spi *spi, const void *bytes, size_t length)
{
    EXPECT(spi == &chip.spi && chip.selected && chip.taken == 0);
    REQUIRE(chip.sent + length <= 4 + 256);
    memcpy(chip.command + chip.sent, bytes, length);
    chip.sent += (unsigned)length;
}

static uint8_t answer(void)
{
    unsigned i = chip.taken++;
    if (chip.gone)
        return 0xff;
    if (chip.command[0] == 0x9f)
        return chip.id[i % 3];
    if (chip.command[0] == 0x03)
        return chip.memory[(address() + i) % BYTES];
    uint8_t status = (uint8_t)((chip.busy > 0) | chip.enabled << 1);
    chip.busy -= chip.busy > 0;
    return status;
}

static void chip_take(tt_spi *spi, void *bytes, size_t length)
{
    EXPECT(spi == &chip.spi && chip.selected);
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)bytes)[i] = answer();
}

static void put_in(uint8_t maker, uint8_t log2, unsigned busy_for)
{
    memset(&chip, 0, sizeof(chip));
    chip.spi = (tt_spi){chip_select, chip_send, chip_take};
    chip.id[0] = maker;
    chip.id[1] = 0x40;
    chip.id[2] = log2;
    chip.busy_for = busy_for;
}

static tt_spi_nor nor;

static tt_status start(void)
{
    return tt_spi_nor_start(&nor, &chip.spi, NULL);
}

static void test_contract(unsigned busy_for)
{
    put_in(0xef, 16, busy_for);
    for (unsigned i = 1; i <= 3; i++) {
        EXPECT_EQUAL(start(), TT_OK);
        EXPECT_EQUAL(nor.medium.sectors, 16);
        medium_report report = medium_try(&nor.medium);
        if (report.broken != NULL)
            printf("start %u: %s\n", i, report.broken);
        EXPECT(report.broken == NULL && report.start == i && !report.overwrites);
    }
    EXPECT_EQUAL(chip.wrong, 0);
}

static void test_start(void)
{
    put_in(0xef, 16, 3);
    chip.gone = true;
    EXPECT_EQUAL(start(), TT_NOT_FOUND);
    put_in(0, 0, 3);
    chip.id[1] = 0;
    EXPECT_EQUAL(start(), TT_NOT_FOUND);
    static const uint8_t unknown[][2] = {{0xbf, 16}, {0xef, 15}, {0xef, 25}, {0xef, 0xff}};
    for (unsigned i = 0; i < TT_COUNT(unknown); i++) {
        put_in(unknown[i][0], unknown[i][1], 3);
        EXPECT_EQUAL(start(), TT_UNSUPPORTED);
    }
    put_in(0xc2, 24, 3); // 16 MiB
    EXPECT_EQUAL(start(), TT_OK);
    EXPECT_EQUAL(nor.medium.sectors, 4096);
    put_in(0xef, 16, 0); // a restart came upon an erase
    chip.busy = 300;
    EXPECT_EQUAL(start(), TT_OK);
    chip.busy = 1000;
    EXPECT_EQUAL(start(), TT_BUSY);
}

static void test_pages(void)
{
    static uint8_t bytes[4096];
    put_in(0xef, 16, 2);
    EXPECT_EQUAL(start(), TT_OK);
    memset(chip.memory, 0xff, sizeof(chip.memory));
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 13);
    EXPECT_EQUAL(nor.medium.operations->program(&nor.medium, 4096 + 200, bytes, 600), TT_OK);
    unsigned polls = 0;
    while (nor.medium.operations->poll(&nor.medium) == TT_BUSY && polls < 100)
        polls++;
    EXPECT_EQUAL(polls, 11);        // two looks a page, and one that begins each of the other three
    EXPECT_EQUAL(chip.programs, 4); // 56, 256, 256, 32
    EXPECT(memcmp(chip.memory + 4096 + 200, bytes, 600) == 0);
    EXPECT(chip.memory[4096 + 199] == 0xff && chip.memory[4096 + 800] == 0xff);
    EXPECT_EQUAL(chip.wrong, 0);
}

static tt_status finish(void)
{
    for (unsigned i = 0; i < 100 && nor.medium.operations->poll(&nor.medium) == TT_BUSY; i++)
        ;
    return nor.medium.operations->poll(&nor.medium);
}

static void test_failing(void)
{
    static const uint8_t bytes[600];
    uint8_t byte;
    put_in(0xef, 16, 2);
    EXPECT_EQUAL(start(), TT_OK);
    chip.protects = true;
    EXPECT_EQUAL(nor.medium.operations->program(&nor.medium, 0, bytes, 600), TT_IO);
    EXPECT_EQUAL(nor.medium.operations->erase(&nor.medium, 0), TT_IO);
    EXPECT_EQUAL(finish(), TT_OK); // nothing was begun
    EXPECT_EQUAL(chip.programs + chip.erases, 0);
    chip.protects = false;
    EXPECT_EQUAL(nor.medium.operations->program(&nor.medium, 0, bytes, 600), TT_OK);
    chip.protects = true; // from the second page on
    EXPECT_EQUAL(finish(), TT_IO);
    EXPECT_EQUAL(chip.programs, 1);
    chip.protects = false;
    EXPECT_EQUAL(nor.medium.operations->erase(&nor.medium, 0), TT_OK);
    EXPECT_EQUAL(finish(), TT_OK);
    EXPECT_EQUAL(nor.medium.operations->erase(&nor.medium, 0), TT_OK);
    chip.gone = true; // pulled out meanwhile
    EXPECT_EQUAL(finish(), TT_IO);
    EXPECT_EQUAL(nor.medium.operations->read(&nor.medium, 0, &byte, 1), TT_IO);
    EXPECT_EQUAL(nor.medium.operations->program(&nor.medium, 0, bytes, 600), TT_IO);
    EXPECT_EQUAL(nor.medium.operations->erase(&nor.medium, 0), TT_IO);
    EXPECT_EQUAL(nor.medium.operations->sync(&nor.medium), TT_IO);
    EXPECT_EQUAL(chip.wrong, 0);
}

int main(void)
{
    test_contract(0);
    test_contract(1);
    test_contract(7);
    test_start();
    test_pages();
    test_failing();
    return test_result();
}
