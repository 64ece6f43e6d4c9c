// bench_storage_host FILE PUTS: how many puts a second the store does in a file of this host, each
// durable before the next begins. peer.py does the same with SQLite, beside it on the same disk.

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tutti/check.h"
#include "tutti/medium_file.h"
#include "tutti/store.h"

#define SECTORS 32
#define KEYS 12
#define VALUE_BYTES 24

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static sem_t ended;

static void tell_ended(tt_medium_file *file)
{
    (void)file;
    sem_post(&ended);
}

static void put(tt_store *store, tt_medium *medium, const char *key, const void *value)
{
    tt_store_change change = {.key = key, .value = value, .length = VALUE_BYTES};
    tt_store_write write = {.changes = &change, .count = 1};
    tt_store_begin(store, &write);
    while (write.status == TT_BUSY) {
        (void)tt_store_step(store);
        if (medium->operations->poll(medium) == TT_BUSY)
            sem_wait(&ended);
    }
    TT_CHECK(write.status == TT_OK);
}

int main(int count, char **words)
{
    static tt_store store;
    static tt_store_entry entries[64];
    static uint32_t sectors[SECTORS];
    static uint8_t buffer[4096];
    static tt_medium_file file;
    TT_CHECK(count == 3);
    int puts = atoi(words[2]);
    tt_medium_file_geometry geometry = {1, 64 << 10, SECTORS, 0xff};
    unlink(words[1]);
    TT_CHECK(tt_medium_file_open(&file, words[1], &geometry, NULL) == TT_OK);
    TT_CHECK(sem_init(&ended, 0, 0) == 0);
    file.ended = tell_ended;
    tt_store_parts parts = {.medium = &file.medium,
                            .entries = entries,
                            .entries_max = TT_COUNT(entries),
                            .sectors = sectors,
                            .log_sectors = SECTORS,
                            .buffer = buffer,
                            .buffer_bytes = sizeof(buffer),
                            .format = true};
    TT_CHECK(tt_store_open(&store, &parts) == TT_OK);
    char key[16], value[VALUE_BYTES] = "value";
    double begin = seconds();
    for (int i = 0; i < puts; i++) {
        snprintf(key, sizeof(key), "key/%04d", i % KEYS);
        memcpy(value, &i, sizeof(i));
        put(&store, &file.medium, key, value);
    }
    printf("bench storage.host_puts %.0f puts_a_second\n", puts / (seconds() - begin));
    tt_medium_file_close(&file);
    unlink(words[1]);
    return 0;
}
