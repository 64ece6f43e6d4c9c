// tutti up: boots the fleet of a file, says who is found, and keeps it running; restart and kill.
//
// One loop: the launcher is itself a node on the switch and hears the devices announce themselves.
// A device is matched with its process by the hardware address in its IPv6 address.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/file.h"
#include "cli/find.h"
#include "cli/fleet.h"
#include "cli/forward.h"
#include "cli/say.h"
#include "tutti/check.h"

#define FLEET_FILE_MAX 65536
#define COMMAND_END TT_SECONDS(5) // for the command of --run to end when it is told to

static const char *folder = TT_CLIENT_FOLDER, *capture, *command_line, *kept;
static const char *controlled; // folder, or NULL
static bool host;
static unsigned timeout_s = 60;
static tt_words forward_words;
static tt_forwards forwards;

static const tt_option up_options[] = {
    {"dir", "DIR", "consoles, switch and control sockets", .text = &folder},
    {"capture", "FILE", "write every frame to this pcap file", .text = &capture},
    {"run", "COMMAND", "once all are found run this by sh, then end with its status",
     .text = &command_line},
    {"forward", "NAME:PORT", "a UDP port of this machine that leads to a device; again for more",
     .words = &forward_words},
    {"keep", "DIR", "the devices' media and seeds, which live on for the next fleet",
     .text = &kept},
    {"timeout", "SECONDS", "with --run: how long all may take to be found", .number = &timeout_s,
     .least = 1, .most = 3600},
};
static const tt_option control_options[] = {
    {"dir", "DIR", "what 'tutti up' was given; else $TUTTI_NET, else " TT_CLIENT_FOLDER,
     .text = &controlled},
};

static const tt_option restart_options[] = {
    {"dir", "DIR", "what 'tutti up' was given; else $TUTTI_NET, else " TT_CLIENT_FOLDER,
     .text = &controlled},
    {"host", NULL, "a device on this machine's own network", .flag = &host},
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static tt_time clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return TT_SECONDS(now.tv_sec) + now.tv_nsec;
}

// Of each device that is found it is asked whether it is in safe mode.
typedef struct look {
    bool wanted, asking;
    tt_endpoint device;
    tt_call call;
    tt_answer answer;
    uint8_t links[4096]; // a device in safe mode has few
} look;
static look looks[TT_FLEET_DEVICES_MAX];

static void on_links(tt_call *call, tt_time now, const tt_reply *reply)
{
    (void)now;
    const tt_device *device = call->context;
    look *l = TT_CONTAINER(call, look, call);
    tt_answer_take(&l->answer, reply);
    l->asking = !l->answer.done;
    if (l->answer.done && l->answer.status == TT_OK &&
        tt_find_says_safe_mode((const char *)l->links, l->answer.length))
        tt_say("%-9s %-16s is in safe mode; 'tutti crash %s' says why", device->label, device->name,
               device->name);
}

static void look_for_safe_mode(tt_fleet *fleet, tt_client *client)
{
    for (unsigned i = 0; i < fleet->count; i++) {
        look *l = &looks[i];
        if (!l->wanted || l->asking)
            continue;
        l->wanted = false;
        l->answer = (tt_answer){.payload = l->links, .capacity = sizeof(l->links)};
        l->call = (tt_call){.peer = l->device,
                            .method = TT_GET,
                            .path = ".well-known/core",
                            .content_format = TT_FORMAT_NONE,
                            .accept = TT_FORMAT_NONE,
                            .timeout = TT_SECONDS(10),
                            .on_reply = on_links,
                            .context = &fleet->devices[i]};
        l->asking = tt_bus_call(&client->node.bus, tt_client_now(client), &l->call) == TT_OK;
    }
}

static void on_peer(tt_discovery *discovery, tt_time now, tt_peer_event event, const tt_peer *peer,
                    void *context)
{
    (void)discovery;
    (void)now;
    if (event == TT_PEER_RESTARTED)
        return; // it is found again next
    tt_fleet *fleet = context;
    tt_device *device = NULL;
    unsigned number = 0;
    for (unsigned i = 0; i < fleet->count; i++)
        if (tt_device_has_address(&fleet->devices[i], &peer->endpoint))
            device = &fleet->devices[number = i];
    char address[TT_ENDPOINT_TEXT_MAX];
    tt_text text;
    tt_text_init(&text, address, sizeof(address));
    tt_endpoint_format(&peer->endpoint, &text);
    if (event == TT_PEER_GONE) {
        tt_say("%-9s %-16s is gone", device != NULL ? device->label : "-", peer->name);
    } else if (device == NULL) {
        tt_say("%-9s %-16s %s, not of this fleet file", "-", peer->name, address);
    } else {
        tt_say("%-9s %-16s %-34s %5.0f ms", device->label, peer->name, address,
               (double)(clock_now() - device->started) / 1e6);
        snprintf(device->name, sizeof(device->name), "%s", peer->name);
        device->found = true;
        looks[number].wanted = true;
        looks[number].device = peer->endpoint;
    }
    if (event == TT_PEER_FOUND)
        tt_forwards_found(&forwards, device != NULL ? device->label : NULL, peer);
}

static bool all_found(const tt_fleet *fleet)
{
    for (unsigned i = 0; i < fleet->count; i++)
        if (!fleet->devices[i].found)
            return false;
    return true;
}

static pid_t start_command(void)
{
    pid_t launcher = getpid(), child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != launcher)
        _exit(127);
    char *whole = realpath(folder, NULL); // the command may change its folder
    setenv("TUTTI_NET", whole != NULL ? whole : folder, 1);
    execl("/bin/sh", "sh", "-c", command_line, (char *)NULL);
    _exit(127);
}

// Asks the command of --run to end, and ends it where it does not.
static void end_command(pid_t child)
{
    kill(child, SIGTERM);
    for (tt_time began = clock_now(); waitpid(child, NULL, WNOHANG) == 0;) {
        if (clock_now() - began > COMMAND_END)
            kill(child, SIGKILL);
        nanosleep(&(struct timespec){.tv_nsec = TT_MS(20)}, NULL);
    }
}

static tt_exit say_missing(const tt_fleet *fleet)
{
    for (unsigned i = 0; i < fleet->count; i++)
        if (!fleet->devices[i].found)
            tt_say_error("tutti up: %s was not found in %u s; its console is in %s",
                         fleet->devices[i].label, timeout_s, fleet->devices[i].log);
    return TT_EXIT_UNREACHABLE;
}

// Keeps the fleet running until it is interrupted, or until the command of --run ends.
static int keep(tt_fleet *fleet, tt_client *client)
{
    tt_time began = clock_now();
    bool announced = false;
    pid_t child = 0;
    int status = 0;
    while (!interrupted) {
        tt_client_turn(client, tt_client_now(client) + TT_MS(50));
        if (interrupted) // the switch may have been told too, and is not missed
            break;
        tt_forwards_turn(&forwards);
        look_for_safe_mode(fleet, client);
        if (!tt_fleet_turn(fleet, clock_now()))
            break;
        if (!announced && all_found(fleet)) {
            announced = true;
            tt_say("all %u found after %.0f ms%s", fleet->count,
                   (double)(clock_now() - began) / 1e6,
                   command_line == NULL ? "; interrupt ends the fleet" : "");
            tt_forwards_say_missing(&forwards);
            if (command_line != NULL && (child = start_command()) < 0)
                return TT_EXIT_FAILED;
        }
        if (command_line != NULL && !announced && clock_now() - began > TT_SECONDS(timeout_s))
            return say_missing(fleet);
        if (child > 0 && waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : TT_EXIT_FAILED;
    }
    if (child > 0)
        end_command(child);
    return interrupted && command_line == NULL ? TT_EXIT_OK : TT_EXIT_FAILED;
}

static tt_exit read_fleet(const char *path, tt_fleet_file *file)
{
    uint8_t *bytes;
    size_t length;
    tt_exit result = tt_file_read("up", path, FLEET_FILE_MAX - 1, &bytes, &length);
    if (result != TT_EXIT_OK)
        return result;
    bytes[length] = '\0'; // tt_file_read leaves room for it
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (memchr(bytes, '\0', length) != NULL) {
        tt_say_error("tutti up: %s: expected text, found a zero byte", path);
        result = TT_EXIT_USAGE;
    } else if (tt_fleet_file_parse(file, (const char *)bytes, &why) != TT_OK) {
        tt_say_error("tutti up: %s: %s", path, sentence);
        result = TT_EXIT_USAGE;
    }
    free(bytes);
    return result;
}

static tt_exit run_up(unsigned count, const char *const *arguments)
{
    (void)count;
    static tt_fleet_file file;
    static tt_fleet fleet;
    static tt_client client;
    tt_exit result = tt_file_expect_apart("up", arguments[0], capture);
    if (result == TT_EXIT_OK)
        result = read_fleet(arguments[0], &file);
    if (result == TT_EXIT_OK)
        result = tt_fleet_make(&fleet, &file, folder, kept);
    if (result == TT_EXIT_OK)
        result = tt_forwards_open(&forwards, forward_words.words, forward_words.count);
    if (result != TT_EXIT_OK)
        return result;
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    tt_say("starting %u device%s; the consoles are in %s", fleet.count, fleet.count == 1 ? "" : "s",
           folder);
    tt_say("there is no security yet: the fleet's network is its own and reaches nothing else");
    result = tt_fleet_start(&fleet, capture, clock_now());
    if (result == TT_EXIT_OK)
        result = tt_forwards_start(&forwards, fleet.socket_path);
    if (result == TT_EXIT_OK)
        result = tt_client_open(&client, "up", folder, false, on_peer, &fleet);
    if (result == TT_EXIT_OK)
        result = (tt_exit)keep(&fleet, &client);
    tt_forwards_stop(&forwards);
    tt_exit stopped = tt_fleet_stop(&fleet);
    return result == TT_EXIT_OK ? stopped : result;
}

// Asks the device itself, on the fleet's network or this machine's own.
static tt_exit restart_by_bus(const char *device, unsigned find_s)
{
    static tt_client client;
    uint8_t text[256];
    tt_target target;
    tt_call call = {.method = TT_POST,
                    .path = "device/restart",
                    .content_format = TT_FORMAT_NONE,
                    .accept = TT_FORMAT_NONE,
                    .timeout = TT_SECONDS(30)};
    tt_answer answer = {.payload = text, .capacity = sizeof(text)};
    tt_exit result = tt_find_read("restart", device, call.path, &target);
    if (result == TT_EXIT_OK)
        result = tt_client_open(&client, "restart", controlled, host, NULL, NULL);
    if (result == TT_EXIT_OK)
        result = tt_find(&client, "restart", &target, find_s, &call.peer);
    if (result != TT_EXIT_OK)
        return result;
    tt_client_ask(&client, &call, &answer);
    return tt_find_judge(&client, "restart", device, &answer);
}

static tt_exit run_restart(unsigned count, const char *const *arguments)
{
    (void)count;
    const char *fleet = tt_client_folder(controlled);
    if (host || strchr(arguments[0], ':') != NULL) // no label or name has one
        return restart_by_bus(arguments[0], 30);
    return tt_fleet_control("restart", fleet, arguments[0]);
}

static tt_exit run_kill(unsigned count, const char *const *arguments)
{
    (void)count;
    return tt_fleet_control("kill", tt_client_folder(controlled), arguments[0]);
}

const tt_command tt_command_up = {
    .name = "up",
    .arguments = "FLEETFILE",
    .summary = "Boot a fleet of emulated devices on a virtual Ethernet and keep it running",
    .help =
        "A fleet file has lines of a kind and how many: 'watch 1', 'car 1', 'tv 1', 'linux 1'; "
        "image=FILE\n"
        "may follow, and lets any word be a kind: 'sensor 1 image=build/sensor.elf'. It runs on "
        "the board that\n"
        "it is for, or on one like it: 'lamp 1 image=build/lamp.elf board=netduinoplus2'. 12 "
        "devices are the\n"
        "most. Devices take names from their seeds and addresses by themselves. Ends with the "
        "interrupt\n"
        "key; with --run also when the command ends, whose status is then the result. What asks "
        "in that\n"
        "command finds the fleet by $TUTTI_NET. What devices write to their media outlasts a "
        "restart; with\n"
        "--keep it is DIR/LABEL.img and outlasts the fleet, and so does a device's name, whose "
        "seed is beside it.",
    .examples = "  tutti up fleet.txt\n"
                "  tutti up fleet.txt --capture fleet.pcap\n"
                "  tutti up fleet.txt --keep fleet.kept\n"
                "  tutti up fleet.txt --run 'tutti ls'",
    .options = up_options,
    .option_count = TT_COUNT(up_options),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_up,
};

const tt_command tt_command_restart = {
    .name = "restart",
    .arguments = "NAME",
    .summary = "Restart a device by hand, out of safe mode too",
    .help = "NAME is its label ('watch-1') or the name under which it was found: a device of the "
            "fleet restarts as\n"
            "if its power failed for a moment. kind:KIND (the first found), coap://HOST[:PORT] and "
            "--host ask\n"
            "the device itself, which keeps what a reset keeps.",
    .examples = "  tutti restart watch-1\n  tutti restart --dir build/demo/fleet watch-3f9a\n"
                "  tutti restart kind:watch",
    .options = restart_options,
    .option_count = TT_COUNT(restart_options),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_restart,
};

const tt_command tt_command_kill = {
    .name = "kill",
    .arguments = "NAME",
    .summary = "Cut the power of a device of a running fleet",
    .help = "NAME is its label ('watch-1') or the name under which it was found.",
    .examples = "  tutti kill watch-1",
    .options = control_options,
    .option_count = TT_COUNT(control_options),
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_kill,
};
