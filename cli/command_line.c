// The words that start a device: an emulator's, or a process's own.

#include <stdio.h>

#include "cli/command_line.h"
#include "tutti/check.h"

static void add_word(tt_command_line *line, const char *word)
{
    TT_CHECK(line->count + 1 < TT_COMMAND_WORDS_MAX);
    line->words[line->count++] = word;
    line->words[line->count] = NULL;
}

static void add_option(tt_command_line *line, const char *option, const char *value)
{
    add_word(line, option);
    add_word(line, value);
}

// On the switch by its own Ethernet, whose other end is a socket of ours.
static void add_station(tt_command_line *line, const tt_device *device, int ethernet)
{
    const uint8_t *mac = device->mac;
    const char *network = device->emulator->network;
    snprintf(line->netdev, sizeof(line->netdev), "socket,id=n,fd=%d", ethernet);
    add_option(line, "-netdev", line->netdev);
    snprintf(line->network, sizeof(line->network), "%s,netdev=n,%s=%02x:%02x:%02x:%02x:%02x:%02x",
             network != NULL ? network : "nic", network != NULL ? "mac" : "macaddr", mac[0], mac[1],
             mac[2], mac[3], mac[4], mac[5]);
    add_option(line, network != NULL ? "-device" : "-net", line->network);
}

// A path within an option of QEMU's, which ends a value at a comma and takes two for one.
static void add_path(tt_text *option, const char *path)
{
    for (; *path != '\0'; path++)
        tt_text_add_bytes(option, *path == ',' ? ",," : path, *path == ',' ? 2 : 1);
}

// What makes a file the board's medium; the file's name ends the last of its words.
static void add_medium(tt_command_line *line, const tt_device *device)
{
    const char *const *words = device->emulator->medium;
    tt_text last;
    for (; words[0] != NULL && words[1] != NULL; words++)
        add_word(line, words[0]);
    if (words[0] == NULL)
        return; // a board without
    tt_text_init(&last, line->medium, sizeof(line->medium));
    tt_text_add(&last, words[0]);
    add_path(&last, device->medium);
    add_word(line, line->medium);
}

static void make_emulator_line(tt_command_line *line, const tt_device *device, int ethernet,
                               const char *folder, uint64_t provision_address)
{
    const tt_emulator *emulator = device->emulator;
    tt_text option;
    add_word(line, emulator->program);
    for (unsigned i = 0; emulator->arguments[i] != NULL; i++)
        add_word(line, emulator->arguments[i]);
    add_option(line, "-display", "none");
    add_option(line, "-monitor", "none");
    add_option(line, "-serial", "stdio");
    add_option(line, "-semihosting-config", "enable=on,target=native");
    if (emulator->line) {
        tt_text_init(&option, line->network, sizeof(line->network));
        tt_text_add(&option, "unix:");
        add_path(&option, folder);
        tt_text_add(&option, "/" TT_DEVICE_LINES);
        add_option(line, "-serial", line->network);
    } else {
        add_station(line, device, ethernet);
    }
    add_medium(line, device);
    tt_text_init(&option, line->loader, sizeof(line->loader));
    tt_text_add(&option, "loader,file=");
    add_path(&option, device->provision);
    tt_text_add(&option, ",addr=0x");
    tt_text_add_hex(&option, provision_address, 1);
    tt_text_add(&option, ",force-raw=on");
    add_option(line, "-device", line->loader);
    add_option(line, "-kernel", device->image);
}

// The Linux node: tutti-node FD MAC PROVISION MEDIUM, the same things that an emulator is told.
static void make_process_line(tt_command_line *line, const tt_device *device, int ethernet)
{
    const uint8_t *mac = device->mac;
    snprintf(line->netdev, sizeof(line->netdev), "%d", ethernet);
    snprintf(line->network, sizeof(line->network), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
             mac[2], mac[3], mac[4], mac[5]);
    add_word(line, device->image);
    add_word(line, line->netdev);
    add_word(line, line->network);
    add_word(line, device->provision);
    add_word(line, device->medium);
}

void tt_command_line_make(tt_command_line *line, const tt_device *device, int ethernet,
                          const char *folder, uint64_t provision_address)
{
    line->count = 0;
    if (device->emulator != NULL)
        make_emulator_line(line, device, ethernet, folder, provision_address);
    else
        make_process_line(line, device, ethernet);
}
