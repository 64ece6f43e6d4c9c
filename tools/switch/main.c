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

static int usage(const char *found)
{
    fprintf(
        stderr,
        "tutti-switch: unexpected: %s\n"
        "usage: tutti-switch SOCKET [--lines SOCKET] [--tty PATH] [--baud RATE] [--capture FILE]\n"
        "                    [--drop PERCENT] [--seed NUMBER]\n"
        "An Ethernet switch for devices: stations connect to the unix socket SOCKET, serial lines "
        "to\n"
        "that of --lines (QEMU's -serial unix:SOCKET); --tty is a real one, of 1000000 baud or "
        "RATE.\n",
        found);
    return 2;
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

int main(int count, char **words)
{
    const char *path = NULL, *capture = NULL, *lines = NULL, *tty = NULL;
    unsigned long drop = 0, seed = 1, baud = 1000000;
    for (int i = 1; i < count; i++) {
        if (words[i][0] != '-' && path == NULL)
            path = words[i];
        else if (i + 1 < count && strcmp(words[i], "--capture") == 0)
            capture = words[++i];
        else if (i + 1 < count && strcmp(words[i], "--lines") == 0)
            lines = words[++i];
        else if (i + 1 < count && strcmp(words[i], "--tty") == 0)
            tty = words[++i];
        else if (i + 1 < count && strcmp(words[i], "--baud") == 0 &&
                 read_number(words[i + 1], UINT_MAX, &baud))
            i++;
        else if (i + 1 < count && strcmp(words[i], "--drop") == 0 &&
                 read_number(words[i + 1], 100, &drop))
            i++;
        else if (i + 1 < count && strcmp(words[i], "--seed") == 0 &&
                 read_number(words[i + 1], ULONG_MAX, &seed))
            i++;
        else
            return usage(words[i]);
    }
    if (path == NULL)
        return usage("the end");

    tt_switch *ethernet;
    tt_status status = tt_switch_open(&ethernet, path);
    if (status != TT_OK) {
        fprintf(stderr, "tutti-switch: cannot listen at %s: %s\n", path, tt_status_text(status));
        return 1;
    }
    if (lines != NULL && (status = tt_switch_listen_for_lines(ethernet, lines)) != TT_OK) {
        fprintf(stderr, "tutti-switch: cannot listen at %s: %s\n", lines, tt_status_text(status));
        tt_switch_close(ethernet);
        return 1;
    }
    if (tty != NULL && (status = tt_switch_open_tty(ethernet, tty, (unsigned)baud)) != TT_OK) {
        fprintf(stderr, "tutti-switch: %s is no serial line of %lu baud: %s\n", tty, baud,
                status == TT_IO ? strerror(errno) : tt_status_text(status));
        tt_switch_close(ethernet);
        return 1;
    }
    if (capture != NULL && (status = tt_switch_capture(ethernet, capture)) != TT_OK) {
        fprintf(stderr, "tutti-switch: cannot write %s: %s\n", capture, tt_status_text(status));
        tt_switch_close(ethernet);
        return 1;
    }
    if (drop > 0)
        tt_switch_drop(ethernet, (unsigned)drop, seed);

    struct sigaction action = {.sa_handler = stop}; // no restart: epoll_wait ends
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    printf("tutti-switch: listening at %s\n", path);
    fflush(stdout);
    while (!stopped)
        tt_switch_poll(ethernet, TT_SECONDS(1)); // a signal between the test and the wait is late
    print_ports(ethernet);
    status = tt_switch_capture(ethernet, NULL);
    tt_switch_close(ethernet);
    return status == TT_OK ? 0 : 1;
}
