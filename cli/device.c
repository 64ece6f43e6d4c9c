// Starting one device: QEMU with an image, or the Linux node's own process.
//
// The launcher connects to the switch first and the device inherits the connected socket: QEMU's
// own `-netdev stream` connects later and drops what the device sends before that.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/device.h"
#include "cli/elf.h"
#include "cli/file.h"
#include "cli/keep.h"
#include "tutti/bytes.h"
#include "tutti/check.h"
#include "tutti/provision.h"

#define IMAGE_BYTES_MAX ((size_t)64 << 20)
#define BOARD_MAX 64                    // of a board's name
#define SENTENCE_MAX 320                // about an image
#define SDK_IMAGES "share/tutti/images" // in an SDK, whose programs are in bin

// What the build makes of a kind. Images lie relative to the folder of this program.
static const struct {
    const char *image, *target;
    const char *board; // NULL: the image is a program of this machine
} kinds[TT_KINDS] = {
    [TT_WATCH] = {"../../cortex-m4/products/watch/watch.elf", "cortex-m4", "mps2-an386"},
    [TT_CAR] = {"../../riscv64/products/car/car.elf", "riscv64", "qemu-riscv64-virt"},
    [TT_TV] = {"../../aarch64/products/tv/tv.elf", "aarch64", "qemu-aarch64-virt"},
    [TT_LINUX] = {"../products/linux/tutti-node", "linux", NULL},
};

static tt_status fail(tt_status status, tt_text *why, const char *a, const char *b, const char *c)
{
    tt_text_add(why, a);
    tt_text_add(why, b);
    tt_text_add(why, c);
    return status;
}

static bool join(char *path, const char *folder, const char *name, const char *ending)
{
    return snprintf(path, TT_DEVICE_PATH_MAX, "%s/%s%s", folder, name, ending) < TT_DEVICE_PATH_MAX;
}

// The image that comes with this program: of its build, or of its SDK.
static bool find_image(tt_kind kind, char *path)
{
    char here[TT_DEVICE_PATH_MAX];
    if (!tt_file_program_folder(here, sizeof(here)))
        return false;
    if (join(path, here, "../" SDK_IMAGES, strrchr(kinds[kind].image, '/')) &&
        access(path, R_OK) == 0)
        return true;
    return join(path, here, kinds[kind].image, "");
}

tt_status tt_device_make(tt_device *device, const tt_fleet_entry *entry, unsigned number,
                         const char *folder, const char *keep, tt_text *why)
{
    *device = (tt_device){.kind = entry->kind, .given = entry->emulator, .boot = 1};
    snprintf(device->label, sizeof(device->label), "%s-%u", entry->name, number);
    bool fits = join(device->log, folder, device->label, ".log") &&
                join(device->provision, folder, device->label, ".provision");
    if (entry->image[0] == '\0')
        fits = fits && find_image(entry->kind, device->image);
    else
        strcpy(device->image, entry->image); // TT_FLEET_IMAGE_MAX is the smaller of the two
    if (!fits)
        return fail(TT_TOO_LARGE, why, folder, ": the path is too long", "");
    return tt_keep_name(device, folder, keep, why);
}

// The block of tutti/provision.h, as it lies in the device's memory.
static void make_provision(const tt_device *device, uint8_t block[sizeof(tt_provision_data)])
{
    tt_writer writer;
    tt_writer_init(&writer, block, sizeof(tt_provision_data));
    tt_write_le32(&writer, TT_PROVISION_MAGIC);
    tt_write_le32(&writer, TT_PROVISION_VERSION);
    tt_write_le32(&writer, TT_PROVISION_NODE);
    tt_write_le32(&writer, 0); // measure_images
    tt_write_le32(&writer, 0); // measure_plan_bytes
    tt_write_le32(&writer, device->boot);
    tt_write_bytes(&writer, device->seed, sizeof(device->seed));
    tt_write_le32(&writer, tt_crc32(0, block, writer.length));
    TT_CHECK(!writer.failed && writer.length == sizeof(tt_provision_data));
}

// Writes the block for one start; nobody else may read the seed.
static tt_status write_provision(const tt_device *device, tt_text *why)
{
    uint8_t block[sizeof(tt_provision_data)];
    make_provision(device, block);
    int file = open(device->provision, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = file >= 0 && write(file, block, sizeof(block)) == (ssize_t)sizeof(block);
    if (file >= 0)
        close(file);
    return written ? TT_OK
                   : fail(TT_IO, why, device->provision, " cannot be written: ", strerror(errno));
}

// Reads the image, whose bytes the caller frees.
static tt_status read_image(const char *path, const char *target, uint8_t **bytes, size_t *length,
                            tt_text *why)
{
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); // of a pipe, too, without waiting
    if (file < 0 && errno == ENOENT) {
        fail(TT_NOT_FOUND, why, path, " is missing; build it", "");
        return target == NULL ? TT_NOT_FOUND : fail(TT_NOT_FOUND, why, ": make ", target, "");
    }
    if (file < 0)
        return fail(TT_NOT_FOUND, why, path, ": ", strerror(errno));
    struct stat kind;
    FILE *stream = fstat(file, &kind) == 0 && S_ISREG(kind.st_mode) ? fdopen(file, "rb") : NULL;
    if (stream == NULL) {
        close(file);
        return fail(TT_MALFORMED, why, path, ": expected an image, found what is no file", "");
    }
    *bytes = malloc(IMAGE_BYTES_MAX);
    TT_CHECK(*bytes != NULL);
    *length = fread(*bytes, 1, IMAGE_BYTES_MAX, stream);
    fclose(stream);
    return TT_OK;
}

// Of what is needed for it: "a watch here", or the board that the fleet file names.
static void add_who(const tt_device *device, tt_text *why)
{
    tt_text_add(why, device->kind < TT_KINDS ? "a " : "the board ");
    tt_text_add(why, device->kind < TT_KINDS    ? tt_kind_names[device->kind]
                     : device->emulator != NULL ? device->emulator->board
                                                : "of this machine");
    tt_text_add(why, " here needs an image for ");
}

static tt_status check_machine(const tt_device *device, const uint8_t *bytes, size_t length,
                               unsigned expected, tt_text *why)
{
    unsigned machine;
    tt_status status = tt_elf_machine(bytes, length, &machine, why);
    if (status != TT_OK || machine == expected)
        return status;
    tt_text_add(why, "it is for ");
    tt_text_add(why, tt_elf_machine_name(machine));
    tt_text_add(why, ", and ");
    add_who(device, why);
    tt_text_add(why, tt_elf_machine_name(expected));
    return TT_UNSUPPORTED;
}

// Whether the image is for the board that the emulator has, with a sentence where it is not.
static tt_status check_board(const tt_device *device, const uint8_t *bytes, size_t length,
                             tt_text *why)
{
    char board[BOARD_MAX];
    const char *expected = device->emulator->board;
    tt_status status = tt_elf_read_text(bytes, length, "tt_board_name", board, sizeof(board), why);
    if (status != TT_OK || strcmp(board, expected) == 0)
        return status;
    tt_text_add(why, "it is for the board ");
    tt_text_add(why, board);
    tt_text_add(why, ", and ");
    add_who(device, why);
    tt_text_add(why, expected);
    return TT_UNSUPPORTED;
}

// The processor that this program was built for.
static unsigned own_machine(void)
{
    uint8_t header[20] = {0};
    FILE *file = fopen("/proc/self/exe", "rb");
    size_t length = file != NULL ? fread(header, 1, sizeof(header), file) : 0;
    if (file != NULL)
        fclose(file);
    return length == sizeof(header) ? header[18] | (unsigned)header[19] << 8 : 0;
}

static const char *target_of(const tt_device *device)
{
    return device->kind < TT_KINDS ? kinds[device->kind].target : NULL;
}

// Whether the image is one for this device, and where its provision lies. A process of this machine
// has none, and may be a script.
static tt_status examine_image(const tt_device *device, uint64_t *provision_address, tt_text *why)
{
    uint8_t *bytes;
    size_t length;
    tt_status status = read_image(device->image, target_of(device), &bytes, &length, why);
    if (status != TT_OK)
        return status;
    char sentence[SENTENCE_MAX];
    tt_text wrong;
    tt_text_init(&wrong, sentence, sizeof(sentence));
    if (device->emulator != NULL) {
        status = check_machine(device, bytes, length, device->emulator->machine, &wrong);
        if (status == TT_OK)
            status = tt_elf_find(bytes, length, "tt_provision", provision_address, &wrong);
        if (status == TT_OK && device->given == NULL)
            status = check_board(device, bytes, length, &wrong);
    } else if (length >= 4 && memcmp(bytes, "\177ELF", 4) == 0) {
        status = check_machine(device, bytes, length, own_machine(), &wrong);
    }
    free(bytes);
    return status == TT_OK ? TT_OK : fail(status, why, device->image, ": ", sentence);
}

// The emulator of the board that the image is for, or NULL with a sentence.
static const tt_emulator *find_emulator(const uint8_t *bytes, size_t length, unsigned machine,
                                        tt_text *why)
{
    char board[BOARD_MAX];
    if (tt_elf_read_text(bytes, length, "tt_board_name", board, sizeof(board), NULL) != TT_OK) {
        tt_text_add(why, "it is no device's image: a program for ");
        tt_text_add(why, tt_elf_machine_name(machine));
        return NULL;
    }
    const tt_emulator *emulator = tt_emulator_of(board);
    if (emulator == NULL) {
        tt_text_add(why, "it is for the board ");
        tt_text_add(why, board);
        tt_text_add(why,
                    ", for which there is no emulator; board=BOARD behind it in the fleet file "
                    "names one that is like it, of ");
        tt_emulator_list(why);
    }
    return emulator;
}

// What an image of a kind of the fleet file's own runs as: a process of this machine, or on the
// board that it is for.
static tt_status choose_by_image(tt_device *device, tt_text *why)
{
    uint8_t *bytes;
    size_t length;
    tt_status status = read_image(device->image, NULL, &bytes, &length, why);
    if (status != TT_OK)
        return status;
    char sentence[SENTENCE_MAX];
    tt_text wrong;
    uint64_t address;
    unsigned machine;
    tt_text_init(&wrong, sentence, sizeof(sentence));
    device->emulator = NULL;
    status = tt_elf_machine(bytes, length, &machine, &wrong);
    if (status == TT_OK &&
        tt_elf_find(bytes, length, "tt_linux_provision", &address, NULL) != TT_OK) {
        device->emulator = find_emulator(bytes, length, machine, &wrong);
        status = device->emulator != NULL ? TT_OK : TT_UNSUPPORTED;
    }
    free(bytes);
    return status == TT_OK ? TT_OK : fail(status, why, device->image, ": ", sentence);
}

static tt_status choose_emulator(tt_device *device, tt_text *why)
{
    if (device->given == NULL && device->kind == TT_KINDS)
        return choose_by_image(device, why);
    const char *board = device->given == NULL ? kinds[device->kind].board : NULL;
    device->emulator = board != NULL ? tt_emulator_of(board) : device->given;
    return TT_OK;
}

static bool is_installed(const char *program)
{
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        char candidate[TT_DEVICE_PATH_MAX];
        snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)length, path, program);
        if (access(candidate, X_OK) == 0)
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

static int connect_switch(const char *folder, tt_text *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length =
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/" TT_DEVICE_STATIONS, folder);
    int connected = -1;
    errno = ENAMETOOLONG;
    if (length < (int)sizeof(address.sun_path))
        connected = socket(AF_UNIX, SOCK_STREAM, 0); // inherited, so not closed by exec
    if (connected >= 0 && connect(connected, (struct sockaddr *)&address, sizeof(address)) == 0)
        return connected;
    fail(TT_IO, why, address.sun_path, ": the switch cannot be reached: ", strerror(errno));
    if (connected >= 0)
        close(connected);
    return -1;
}

// In the child: consoles to the log, end with the launcher, become the device.
_Noreturn static void become(const tt_device *device, const tt_command_line *line, pid_t launcher)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launcher)
        _exit(127); // the launcher died before we asked to die with it
    setpgid(0, 0);  // the terminal's interrupt is for the launcher, which then ends us in order
    int begin = device->started == 0 ? O_TRUNC : 0; // an earlier fleet's
    int log = open(device->log, O_WRONLY | O_CREAT | O_APPEND | begin, 0644),
        nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    if (nothing > STDERR_FILENO)
        close(nothing);
    if (log > STDERR_FILENO)
        close(log);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    tt_keep_share_lock();
    // An image is a file's path, also without a slash; an emulator is one of $PATH.
    (device->emulator == NULL ? execv : execvp)(line->words[0], (char *const *)line->words);
    fprintf(stderr, "%s cannot be started: %s\n", line->words[0], strerror(errno));
    _exit(127);
}

// What it needs of this machine: an emulator, or that its image can be run.
static tt_status check_program(const tt_device *device, tt_text *why)
{
    const tt_emulator *emulator = device->emulator;
    if (emulator != NULL && !is_installed(emulator->program))
        return fail(TT_NOT_FOUND, why, emulator->program,
                    " is missing; install it: apt-get install --no-install-recommends ",
                    emulator->package);
    if (emulator != NULL || access(device->image, X_OK) == 0)
        return TT_OK;
    if (errno != ENOENT)
        return fail(TT_NOT_FOUND, why, device->image, " cannot be run: ", strerror(errno));
    return fail(TT_NOT_FOUND, why, device->image, " is missing; build it: make ",
                kinds[TT_LINUX].target);
}

// Starts the process that is the device from now on.
static tt_status start_process(tt_device *device, const tt_command_line *line, tt_time now,
                               tt_text *why)
{
    pid_t launcher = getpid(), child = fork();
    if (child == 0)
        become(device, line, launcher);
    if (child < 0)
        return fail(TT_IO, why, "no process could be made: ", strerror(errno), "");
    device->pid = child;
    device->boot++;
    device->started = now;
    device->found = false;
    return TT_OK;
}

tt_status tt_device_start(tt_device *device, const char *folder, tt_time now, tt_text *why)
{
    TT_CHECK(device->pid == 0);
    uint64_t provision_address = 0;
    tt_status status = choose_emulator(device, why);
    if (status == TT_OK)
        status = check_program(device, why);
    if (status == TT_OK)
        status = examine_image(device, &provision_address, why);
    if (status == TT_OK)
        status = tt_keep_start(device, why);
    if (status == TT_OK)
        status = write_provision(device, why);
    if (status != TT_OK)
        return status;
    bool by_line = device->emulator != NULL && device->emulator->line;
    int ethernet = by_line ? -1 : connect_switch(folder, why);
    if (ethernet < 0 && !by_line)
        return TT_IO;
    if (by_line)
        tt_provision_make_mac(device->seed, device->mac); // as such a board does
    tt_command_line line;
    tt_command_line_make(&line, device, ethernet, folder, provision_address);
    status = start_process(device, &line, now, why);
    if (ethernet >= 0)
        close(ethernet);
    return status;
}

void tt_device_kill(tt_device *device)
{
    if (device->pid == 0)
        return;
    kill(device->pid, SIGKILL);
    waitpid(device->pid, NULL, 0);
    device->pid = 0;
    device->found = false;
}

bool tt_device_has_address(const tt_device *device, const tt_endpoint *endpoint)
{
    const uint8_t *mac = device->mac, *ip = endpoint->ip;
    const uint8_t identifier[8] = {mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]};
    return memcmp(ip + 8, identifier, sizeof(identifier)) == 0;
}
