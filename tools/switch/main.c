// tutti-switch: the user-space Ethernet switch as a program of its own, until it is interrupted.
// Then it prints what each port did.
//
//     tutti-switch SOCKET [--lines SOCKET] [--tty PATH] [--baud RATE] [--capture FILE]
//                  [--drop PERCENT] [--seed NUMBER]

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/switch/switch.h"

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

// Reads a whole number up to `most`; false where the word is none.
static bool read_number(const char *word, unsigned long most, unsigned long *number)
{
    char *end;
    errno = 0;
    *number = strtoul(word, &end, 10);
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0 && *number <= most;
}

static void usage(FILE *file)
{
    fprintf(
        file,
        "usage: tutti-switch SOCKET [--lines SOCKET] [--tty PATH] [--baud RATE] [--capture FILE]\n"
        "                    [--drop PERCENT] [--seed NUMBER]\n"
        "An Ethernet switch for devices: stations connect to the unix socket SOCKET, serial lines "
        "to\n"
        "that of --lines (QEMU's -serial unix:SOCKET); --tty is a real one, of 1000000 baud or "
        "RATE.\n");
}

static void print_ports(const tt_switch *ethernet)
{
    tt_switch_port port;
    for (unsigned i = 0; tt_switch_port_get(ethernet, i, &port); i++) {
        const tt_switch_port_counters *count = &port.counters;
        const uint8_t *mac = port.station;
        printf(
            "port %u %02x:%02x:%02x:%02x:%02x:%02x in %llu out %llu full %llu fault %llu "
            "damaged %llu\n",
            i, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], (unsigned long long)count->frames_in,
            (unsigned long long)count->frames_out, (unsigned long long)count->dropped_queue_full,
            (unsigned long long)count->dropped_fault, (unsigned long long)count->dropped_damaged);
    }
}

typedef struct wishes {
    const char *path, *lines, *tty, *capture;
    unsigned long baud, drop, seed;
} wishes;

// Returns the word that makes no sense, or NULL.
static const char *read_words(wishes *w, int count, char **words)
{
    for (int i = 1; i < count; i++) {
        const char *word = words[i], *value = i + 1 < count ? words[i + 1] : NULL;
        if (word[0] != '-' && w->path == NULL) {
            w->path = word;
            continue;
        }
        bool good = value != NULL;
        if (good && strcmp(word, "--lines") == 0)
            w->lines = value;
        else if (good && strcmp(word, "--tty") == 0)
            w->tty = value;
        else if (good && strcmp(word, "--capture") == 0)
            w->capture = value;
        else if (good && strcmp(word, "--baud") == 0)
            good = read_number(value, UINT_MAX, &w->baud);
        else if (good && strcmp(word, "--drop") == 0)
            good = read_number(value, 100, &w->drop);
        else
            good = good && strcmp(word, "--seed") == 0 && read_number(value, ULONG_MAX, &w->seed);
        if (!good)
            return word;
        i++;
    }
    return w->path == NULL ? "the end" : NULL;
}

static bool succeeds(tt_status status, const char *what, const char *path)
{
    if (status != TT_OK)
        fprintf(stderr, "tutti-switch: %s %s: %s\n", what, path, tt_status_text(status));
    return status == TT_OK;
}

// NULL where something that is wished cannot be had, which was said.
static tt_switch *open_all(const wishes *w)
{
    tt_switch *s;
    if (!succeeds(tt_switch_open(&s, w->path), "cannot listen at", w->path))
        return NULL;
    if ((w->lines == NULL ||
         succeeds(tt_switch_listen_for_lines(s, w->lines), "cannot listen at", w->lines)) &&
        (w->tty == NULL || succeeds(tt_switch_open_tty(s, w->tty, (unsigned)w->baud),
                                    "cannot use the serial line", w->tty)) &&
        (w->capture == NULL ||
         succeeds(tt_switch_capture(s, w->capture), "cannot write", w->capture))) {
        if (w->drop > 0)
            tt_switch_drop(s, (unsigned)w->drop, w->seed);
        return s;
    }
    tt_switch_close(s);
    return NULL;
}

int main(int count, char **words)
{
    wishes w = {.baud = 1000000, .seed = 1};
    if (count == 2 && strcmp(words[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    const char *wrong = read_words(&w, count, words);
    if (wrong != NULL) {
        fprintf(stderr, "tutti-switch: unexpected: %s\n", wrong);
        usage(stderr);
        return 2;
    }
    tt_switch *ethernet = open_all(&w);
    if (ethernet == NULL)
        return 1;
    struct sigaction action = {.sa_handler = stop}; // no restart: epoll_wait ends
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    printf("tutti-switch: listening at %s\n", w.path);
    fflush(stdout);
    while (!stopped)
        tt_switch_poll(ethernet, TT_SECONDS(1)); // a signal between the test and the wait is late
    print_ports(ethernet);
    tt_status status = tt_switch_capture(ethernet, NULL);
    tt_switch_close(ethernet);
    return status == TT_OK ? 0 : 1;
}
