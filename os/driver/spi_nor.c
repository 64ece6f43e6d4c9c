// SPI NOR flash. Programming goes page by page: poll begins the next when the flash has done with
// the last. Bits are only cleared by it, and set by an erase.
//
// The flash does not interrupt, so nobody is told of an end: whoever waits, polls.

#include "os/driver/medium_checks.h"
#include "os/driver/spi_nor.h"
#include "tutti/kernel.h"

enum {
    PAGE_PROGRAM = 0x02,
    READ = 0x03,
    READ_STATUS = 0x05,
    WRITE_ENABLE = 0x06,
    ERASE_SECTOR = 0x20,
    READ_ID = 0x9f,
    WAKE = 0xab,
};

#define STATUS_BUSY 1u
#define STATUS_ENABLED 2u
#define PAGE_BYTES 256u
#define SECTOR_BYTES 4096u
#define START_WAIT TT_MS(500) // the longest erase of a sector is 400 ms (W25Q64JV, 9.6)

static tt_spi_nor *self(tt_medium *medium)
{
    return (tt_spi_nor *)medium;
}

static void command(tt_spi_nor *nor, uint8_t code)
{
    nor->spi->select(nor->spi, true);
    nor->spi->send(nor->spi, &code, 1);
}

static void command_at(tt_spi_nor *nor, uint8_t code, uint32_t address)
{
    const uint8_t bytes[] = {code, (uint8_t)(address >> 16), (uint8_t)(address >> 8),
                             (uint8_t)address};
    nor->spi->select(nor->spi, true);
    nor->spi->send(nor->spi, bytes, sizeof(bytes));
}

static void end(tt_spi_nor *nor)
{
    nor->spi->select(nor->spi, false);
}

static uint8_t status_of(tt_spi_nor *nor)
{
    uint8_t status;
    command(nor, READ_STATUS);
    nor->spi->take(nor->spi, &status, 1);
    end(nor);
    return status;
}

// False where the flash does not take it: it is gone, or protected.
static bool enable(tt_spi_nor *nor)
{
    command(nor, WRITE_ENABLE);
    end(nor);
    uint8_t status = status_of(nor);
    return (status & STATUS_ENABLED) && !(status & STATUS_BUSY); // of nothing both are read
}

// A page, or what is left of one.
static tt_status begin_page(tt_spi_nor *nor)
{
    uint32_t room = PAGE_BYTES - nor->address % PAGE_BYTES;
    uint32_t piece = nor->left < room ? nor->left : room;
    if (!enable(nor))
        return TT_IO;
    command_at(nor, PAGE_PROGRAM, nor->address);
    nor->spi->send(nor->spi, nor->bytes, piece);
    end(nor);
    nor->address += piece;
    nor->bytes += piece;
    nor->left -= piece;
    return TT_OK;
}

static tt_status nor_poll(tt_medium *medium)
{
    tt_spi_nor *nor = self(medium);
    if (!nor->busy)
        return nor->left == 0 ? TT_OK : TT_IO;
    uint8_t status = status_of(nor);
    if (status != 0xff && (status & STATUS_BUSY))
        return TT_BUSY;
    if (nor->left > 0 && status != 0xff && begin_page(nor) == TT_OK)
        return TT_BUSY;
    nor->busy = false;
    if (status == 0xff)
        nor->left = 1; // nothing answers any more: it did not end well
    return nor->left == 0 ? TT_OK : TT_IO;
}

static tt_status nor_read(tt_medium *medium, uint32_t address, void *bytes, size_t length)
{
    tt_spi_nor *nor = self(medium);
    tt_medium_check_read(medium, address, length);
    TT_CHECK(nor_poll(medium) != TT_BUSY);
    if (status_of(nor) == 0xff)
        return TT_IO;
    command_at(nor, READ, address);
    nor->spi->take(nor->spi, bytes, length);
    end(nor);
    return TT_OK;
}

static tt_status nor_program(tt_medium *medium, uint32_t address, const void *bytes, size_t length)
{
    tt_spi_nor *nor = self(medium);
    tt_medium_check_program(medium, address, length);
    TT_CHECK(nor_poll(medium) != TT_BUSY);
    nor->address = address;
    nor->bytes = bytes;
    nor->left = (uint32_t)length;
    nor->busy = begin_page(nor) == TT_OK;
    if (nor->busy)
        return TT_OK;
    nor->left = 0;
    return TT_IO;
}

static tt_status nor_erase(tt_medium *medium, uint32_t address)
{
    tt_spi_nor *nor = self(medium);
    tt_medium_check_erase(medium, address);
    TT_CHECK(nor_poll(medium) != TT_BUSY);
    nor->left = 0;
    if (!enable(nor))
        return TT_IO;
    command_at(nor, ERASE_SECTOR, address);
    end(nor);
    nor->busy = true;
    return TT_OK;
}

// What the flash has done with is there.
static tt_status nor_sync(tt_medium *medium)
{
    TT_CHECK(nor_poll(medium) != TT_BUSY);
    self(medium)->left = 0;
    return status_of(self(medium)) == 0xff ? TT_IO : TT_OK;
}

static const tt_medium_operations operations = {
    .read = nor_read,
    .program = nor_program,
    .erase = nor_erase,
    .sync = nor_sync,
    .poll = nor_poll,
};

// The bytes that it has, by its id: maker, kind, log2 of the bytes. 0: not known.
static uint32_t size_of(const uint8_t id[3])
{
    static const uint8_t makers[] = {0x20, 0xc2, 0xc8,
                                     0xef}; // Micron, Macronix, GigaDevice, Winbond
    for (unsigned i = 0; i < sizeof(makers); i++)
        if (id[0] == makers[i] && id[2] >= 0x10 && id[2] <= 0x18)
            return 1u << id[2];
    return 0;
}

tt_status tt_spi_nor_start(tt_spi_nor *nor, tt_spi *spi, const void *window)
{
    uint8_t id[3];
    *nor = (tt_spi_nor){.spi = spi};
    command(nor, WAKE); // from its deepest sleep
    end(nor);
    tt_time limit = tt_after(tt_now(), START_WAIT);
    uint8_t status;
    while ((status = status_of(nor)) != 0xff && (status & STATUS_BUSY))
        if (tt_now() > limit)
            return TT_BUSY;
    command(nor, READ_ID);
    spi->take(spi, id, sizeof(id));
    end(nor);
    if ((id[0] | id[1] | id[2]) == 0 || (id[0] & id[1] & id[2]) == 0xff)
        return TT_NOT_FOUND;
    uint32_t bytes = size_of(id);
    if (bytes == 0)
        return TT_UNSUPPORTED;
    nor->medium = (tt_medium){.operations = &operations,
                              .program_bytes = 1,
                              .sector_bytes = SECTOR_BYTES,
                              .sectors = bytes / SECTOR_BYTES,
                              .erased = 0xff,
                              .window = window};
    return TT_OK;
}
