// The processes of a fleet. Each is ended by its own number, and dies with the launcher besides.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/file.h"
#include "cli/fleet.h"
#include "cli/keep.h"
#include "cli/linger.h"
#include "cli/say.h"
#include "tutti/discovery.h"

#define CONTROL_NAME "control.sock"
#define CONTROL_TIMEOUT_MS 5000
#define CONTROL_LINE_MAX 128
#define LAST_LINE_MAX 200 // of a console
#define CAPTURE_FAILED 1  // the switch process's exit status

// ---- the switch, a process of its own so that it never waits for the launcher

static volatile sig_atomic_t switch_ends;

static void end_switch(int number)
{
    (void)number;
    switch_ends = 1;
}

_Noreturn static void run_switch(tt_switch *ethernet, pid_t launcher)
{
    struct sigaction action = {.sa_handler = end_switch};
    sigaction(SIGTERM, &action, NULL);
    signal(SIGINT, SIG_IGN); // the launcher says when
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    while (!switch_ends && getppid() == launcher)
        tt_switch_poll(ethernet, TT_MS(200));
    if (tt_switch_dropped(ethernet) > 0)
        tt_say("the switch dropped %llu frames to devices that took them too slowly",
               (unsigned long long)tt_switch_dropped(ethernet));
    tt_status capture = tt_switch_capture(ethernet, NULL);
    tt_switch_close(ethernet);
    _exit(capture == TT_OK ? 0 : CAPTURE_FAILED);
}

static tt_exit start_switch(tt_fleet *fleet, const char *capture)
{
    tt_status status;
    unsigned times = 0;
    do
        status = tt_switch_open(&fleet->ethernet, fleet->socket_path);
    while (status == TT_BUSY && tt_linger(&times));
    if (status == TT_BUSY) {
        tt_say_error("tutti up: a fleet is running in %s already; end it, or choose another --dir",
                     fleet->folder);
        return TT_EXIT_FAILED;
    }
    const char *path = fleet->socket_path;
    if (status == TT_OK)
        status = tt_switch_listen_for_lines(fleet->ethernet, path = fleet->lines_path);
    if (status != TT_OK) {
        tt_say_error("tutti up: the switch cannot listen at %s: %s", path, tt_status_text(status));
        return TT_EXIT_FAILED;
    }
    status = capture != NULL ? tt_switch_capture(fleet->ethernet, capture) : TT_OK;
    if (status != TT_OK) {
        tt_say_error("tutti up: the capture %s cannot be written: %s", capture,
                     status == TT_INVALID ? "it is no regular file"
                     : status == TT_IO    ? strerror(errno)
                                          : tt_status_text(status));
        return TT_EXIT_FAILED;
    }
    // A signal that comes before the switch has its handler waits until it has.
    sigset_t ends, before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, &before);
    pid_t launcher = getpid();
    fleet->switch_pid = fork();
    if (fleet->switch_pid == 0)
        run_switch(fleet->ethernet, launcher);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (fleet->switch_pid < 0) {
        fleet->switch_pid = 0;
        tt_say_error("tutti up: no process could be made: %s", strerror(errno));
        return TT_EXIT_FAILED;
    }
    return TT_EXIT_OK; // our copy stays open until the end: closing it removes the socket
}

// ---- control

static bool control_address(const char *folder, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length = snprintf(address->sun_path, sizeof(address->sun_path), "%s/" CONTROL_NAME, folder);
    return length > 0 && (size_t)length < sizeof(address->sun_path);
}

static tt_exit open_control(tt_fleet *fleet)
{
    struct sockaddr_un address;
    fleet->control = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (control_address(fleet->folder, &address) && fleet->control >= 0) {
        unlink(address.sun_path);
        if (bind(fleet->control, (struct sockaddr *)&address, sizeof(address)) == 0 &&
            listen(fleet->control, 4) == 0)
            return TT_EXIT_OK;
    }
    tt_say_error("tutti up: the control socket cannot listen in %s: %s", fleet->folder,
                 strerror(errno));
    return TT_EXIT_FAILED;
}

static tt_device *find_device(tt_fleet *fleet, const char *name)
{
    for (unsigned i = 0; i < fleet->count; i++) {
        tt_device *device = &fleet->devices[i];
        if (name[0] != '\0' && (strcasecmp(device->label, name) == 0 ||
                                strcasecmp(device->name, name) == 0)) // "" until it is found
            return device;
    }
    return NULL;
}

// Of the devices that were found, one a line.
static void add_names(const tt_fleet *fleet, tt_text *answer)
{
    for (unsigned i = 0; i < fleet->count; i++)
        if (fleet->devices[i].name[0] != '\0') {
            tt_text_add(answer, fleet->devices[i].name);
            tt_text_add(answer, "\n");
        }
}

static void obey(tt_fleet *fleet, char *line, tt_text *answer, tt_time now)
{
    char *name = strchr(line, ' ');
    if (name == NULL) {
        tt_text_add(answer, "expected 'restart NAME', 'kill NAME' or 'image NAME'");
        return;
    }
    *name++ = '\0';
    if (strcmp(line, "names") == 0) {
        add_names(fleet, answer);
        return;
    }
    name[strcspn(name, "\n")] = '\0';
    tt_device *device = find_device(fleet, name);
    bool restarts = strcmp(line, "restart") == 0;
    if (device != NULL && strcmp(line, "image") == 0) {
        char *path = realpath(device->image, NULL);
        tt_text_add(answer, path != NULL ? path : "its image is gone");
        free(path);
        return;
    }
    if (device == NULL) {
        tt_text_add(answer, "this fleet has no device named ");
        tt_text_add(answer, name);
    } else if (!restarts && strcmp(line, "kill") != 0) {
        tt_text_add(answer, "expected 'restart', 'kill' or 'image'");
    } else if (!restarts && device->pid == 0) {
        tt_text_add(answer, device->label);
        tt_text_add(answer, " does not run: it was killed, or ended by itself; 'tutti restart' "
                            "starts it");
    } else {
        tt_device_kill(device);
        tt_say("%s %s", device->label, restarts ? "restarts" : "was killed");
        if (!restarts || tt_device_start(device, fleet->folder, now, answer) == TT_OK)
            tt_text_add(answer, "ok");
    }
}

static void serve_control(tt_fleet *fleet, tt_time now)
{
    int asker = accept4(fleet->control, NULL, NULL, SOCK_CLOEXEC);
    if (asker < 0)
        return;
    // Whoever connects sends its line at once; a silent one must not stop the fleet.
    struct pollfd wait = {.fd = asker, .events = POLLIN};
    char line[CONTROL_LINE_MAX], sentence[TT_DEVICE_PATH_MAX];
    ssize_t length = poll(&wait, 1, 200) == 1 ? read(asker, line, sizeof(line) - 1) : -1;
    if (length > 0) {
        line[length] = '\0';
        tt_text answer;
        tt_text_init(&answer, sentence, sizeof(sentence));
        obey(fleet, line, &answer, now);
        if (send(asker, answer.data, answer.length, MSG_NOSIGNAL) < 0)
            tt_say("the asker did not wait for: %s", sentence);
    }
    close(asker);
}

typedef enum control_result { CONTROL_OK, CONTROL_NOBODY, CONTROL_SILENT } control_result;

// Sends a line to the fleet in `folder` and takes its answer.
static control_result control(const char *command, const char *folder, const char *name,
                              char *answer, size_t capacity)
{
    struct sockaddr_un address;
    char line[CONTROL_LINE_MAX];
    int length = snprintf(line, sizeof(line), "%s %s\n", command, name);
    int connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (length >= (int)sizeof(line) || !control_address(folder, &address) || connected < 0 ||
        connect(connected, (struct sockaddr *)&address, sizeof(address)) != 0) {
        if (connected >= 0)
            close(connected);
        return CONTROL_NOBODY;
    }
    struct pollfd wait = {.fd = connected, .events = POLLIN};
    ssize_t got = -1;
    if (write(connected, line, (size_t)length) == length && poll(&wait, 1, CONTROL_TIMEOUT_MS) == 1)
        got = read(connected, answer, capacity - 1);
    close(connected);
    if (got <= 0)
        return CONTROL_SILENT;
    answer[got] = '\0';
    return CONTROL_OK;
}

bool tt_fleet_ask(const char *command, const char *folder, const char *name, char *answer,
                  size_t capacity)
{
    return control(command, folder, name, answer, capacity) == CONTROL_OK && answer[0] == '/';
}

bool tt_fleet_names(const char *folder, char *names, size_t capacity)
{
    return control("names", folder, "", names, capacity) == CONTROL_OK;
}

tt_exit tt_fleet_control(const char *command, const char *folder, const char *name)
{
    char answer[TT_DEVICE_PATH_MAX];
    if (!tt_file_fits_socket(command, folder, "/" CONTROL_NAME))
        return TT_EXIT_USAGE;
    if (name[0] == '\0' || strlen(name) >= TT_NAME_MAX || strchr(name, '\n') != NULL) {
        tt_say_error("tutti %s: no device can be named '%s'", command, name);
        return TT_EXIT_USAGE;
    }
    control_result result = control(command, folder, name, answer, sizeof(answer));
    if (result == CONTROL_NOBODY) {
        tt_say_error("tutti %s: no fleet is running in %s; start one with 'tutti up'", command,
                     folder);
        return TT_EXIT_UNREACHABLE;
    }
    if (result == CONTROL_SILENT) {
        tt_say_error("tutti %s: the fleet in %s does not answer", command, folder);
        return TT_EXIT_UNREACHABLE;
    }
    if (strcmp(answer, "ok") == 0)
        return TT_EXIT_OK;
    tt_say_error("tutti %s: %s", command, answer);
    return TT_EXIT_FAILED;
}

// ---- the whole

tt_exit tt_fleet_make(tt_fleet *fleet, const tt_fleet_file *file, const char *folder,
                      const char *keep)
{
    memset(fleet, 0, sizeof(*fleet)); // it is large: no second one on the stack
    fleet->control = -1;
    if (!tt_file_fits_socket("up", folder, "/" CONTROL_NAME)) // the longest path in it
        return TT_EXIT_USAGE;
    snprintf(fleet->folder, sizeof(fleet->folder), "%s", folder);
    snprintf(fleet->socket_path, sizeof(fleet->socket_path), "%s/" TT_DEVICE_STATIONS, folder);
    snprintf(fleet->lines_path, sizeof(fleet->lines_path), "%s/" TT_DEVICE_LINES, folder);
    if (!tt_file_make_folder(folder)) {
        tt_say_error("tutti up: the folder %s cannot be made: %s", folder, strerror(errno));
        return TT_EXIT_FAILED;
    }
    if (keep != NULL && tt_keep_open(keep) != TT_EXIT_OK)
        return TT_EXIT_FAILED;
    for (unsigned i = 0; i < file->count; i++) {
        char sentence[2 * TT_DEVICE_PATH_MAX];
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        unsigned number = 1; // of its kind
        for (unsigned before = 0; before < i; before++)
            number += strcmp(file->devices[before].name, file->devices[i].name) == 0;
        tt_status status =
            tt_device_make(&fleet->devices[i], &file->devices[i], number, folder, keep, &why);
        if (status != TT_OK) {
            tt_say_error("tutti up: %s", sentence);
            return status == TT_DAMAGED ? TT_EXIT_MISSING : TT_EXIT_FAILED;
        }
    }
    fleet->count = file->count;
    return TT_EXIT_OK;
}

tt_exit tt_fleet_start(tt_fleet *fleet, const char *capture, tt_time now)
{
    tt_exit result = start_switch(fleet, capture);
    if (result == TT_EXIT_OK)
        result = open_control(fleet);
    for (unsigned i = 0; result == TT_EXIT_OK && i < fleet->count; i++) {
        char sentence[2 * TT_DEVICE_PATH_MAX];
        tt_text why;
        tt_text_init(&why, sentence, sizeof(sentence));
        tt_status status = tt_device_start(&fleet->devices[i], fleet->folder, now, &why);
        if (status != TT_OK) {
            tt_say_error("tutti up: %s: %s", fleet->devices[i].label, sentence);
            result = status == TT_IO ? TT_EXIT_FAILED : TT_EXIT_MISSING;
        }
    }
    return result;
}

static void notice_ended(tt_device *device)
{
    int status;
    if (device->pid == 0 || waitpid(device->pid, &status, WNOHANG) != device->pid)
        return;
    device->pid = 0;
    device->found = false;
    char last[LAST_LINE_MAX];
    // QEMU says why it gave up before it shows all registers.
    bool gave_up = tt_file_find_line(device->log, "qemu: fatal:", last, sizeof(last));
    if (!gave_up)
        tt_file_last_line(device->log, last, sizeof(last));
    const char *quotes = gave_up ? "says: " : last[0] != '\0' ? "ends with: " : "is empty";
    bool exited = WIFEXITED(status);
    tt_say("%s ended by %s %d; its console, %s, %s%s", device->label,
           exited ? "itself with status" : "signal",
           exited ? WEXITSTATUS(status) : WTERMSIG(status), device->log, quotes, last);
}

bool tt_fleet_turn(tt_fleet *fleet, tt_time now)
{
    for (unsigned i = 0; i < fleet->count; i++)
        notice_ended(&fleet->devices[i]);
    serve_control(fleet, now);
    if (waitpid(fleet->switch_pid, NULL, WNOHANG) != fleet->switch_pid)
        return true;
    fleet->switch_pid = 0;
    tt_say_error("tutti up: the switch ended by itself, and with it the fleet");
    return false;
}

tt_exit tt_fleet_stop(tt_fleet *fleet)
{
    if (fleet->ethernet == NULL)
        return TT_EXIT_OK; // the folder is not ours: another fleet may run in it
    tt_exit result = TT_EXIT_OK;
    for (unsigned i = 0; i < fleet->count; i++) {
        tt_device_kill(&fleet->devices[i]);
        unlink(fleet->devices[i].provision); // the seeds end with the fleet, or are kept elsewhere
        tt_keep_end(&fleet->devices[i]);
    }
    if (fleet->switch_pid > 0) {
        kill(fleet->switch_pid, SIGTERM);
        int status = 0;
        waitpid(fleet->switch_pid, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == CAPTURE_FAILED)
            result = TT_EXIT_FAILED;
        fleet->switch_pid = 0;
    }
    tt_switch_close(fleet->ethernet);
    fleet->ethernet = NULL;
    if (fleet->control >= 0) {
        struct sockaddr_un address;
        if (control_address(fleet->folder, &address))
            unlink(address.sun_path);
        close(fleet->control);
        fleet->control = -1;
    }
    return result;
}
