// tutti new: a project outside the tree, that builds at once. It is a folder that the SDK has,
// under another name: an example, whose own word is replaced in its files and their names, or a
// board's, which goes by the name of its folder.

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/file.h"
#include "cli/fleet_file.h"
#include "cli/say.h"
#include "tutti/check.h"

#define PATH_BYTES 4096
#define FILE_MAX ((size_t)1 << 20)

// What can be made, and of which folder.
typedef struct origin {
    const char *what, *folder; // from where examples and os lie
    const char *word;          // that becomes the name, or NULL
    const char *next;          // said at the end, behind the name
} origin;
static const origin origins[] = {
    {"device", "examples/sensor", "sensor", "/README.md says how it is built and started"},
    {"board", "os/board/netduinoplus2", NULL, "/README.md says what each file is for"},
};

// Names that CMake, a project or a fleet file has for something else: build/fleet is where `tutti
// up` has its consoles.
static const char *const taken[] = {
    "all",  "clean",     "depend",        "help",       "install",    "package",
    "test", "generated", "main",          "tutti",      "watch",      "car",
    "tv",   "linux",     "netduinoplus2", "mps2-an386", "preinstall", "fleet"};

static tt_exit check_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz", rest[] = "0123456789-";
    size_t length = strlen(name), good = 0;
    while (name[good] != '\0' &&
           (strchr(letters, name[good]) != NULL || (good > 0 && strchr(rest, name[good]) != NULL)))
        good++;
    if (length < 2 || length >= TT_KIND_MAX || good < length || name[length - 1] == '-') {
        tt_say_error(
            "tutti new: a name has 2 to %d small letters, digits and dashes and begins with "
            "a letter, unlike '%s'",
            TT_KIND_MAX - 1, name);
        return TT_EXIT_USAGE;
    }
    for (size_t i = 0; i < TT_COUNT(taken); i++)
        if (strcmp(name, taken[i]) == 0) {
            tt_say_error("tutti new: '%s' is the name of something else; choose another", name);
            return TT_EXIT_USAGE;
        }
    return TT_EXIT_OK;
}

// The folder to begin with: of the SDK that this program belongs to, or of the sources of its
// build.
static bool find_folder(const origin *made, char folder[PATH_BYTES])
{
    static const char *const places[] = {"../share/tutti", "../../.."};
    char here[PATH_BYTES / 2];
    struct stat there;
    if (!tt_file_program_folder(here, sizeof(here)))
        return false;
    for (size_t i = 0; i < TT_COUNT(places); i++) {
        snprintf(folder, PATH_BYTES, "%s/%s/%s", here, places[i], made->folder);
        if (stat(folder, &there) == 0 && S_ISDIR(there.st_mode))
            return true;
    }
    return false;
}

// Writes `bytes` with each `word` replaced by `name`.
static void put_replaced(FILE *out, const char *bytes, size_t length, const char *word,
                         const char *name)
{
    size_t word_length = word != NULL ? strlen(word) : 0;
    for (size_t i = 0; i < length;) {
        if (word != NULL && length - i >= word_length &&
            memcmp(bytes + i, word, word_length) == 0) {
            fputs(name, out);
            i += word_length;
        } else {
            fputc(bytes[i++], out);
        }
    }
}

// One file of the folder into the new one, which has the project's name.
static tt_exit copy_file(const char *folder, const char *file, const char *word, const char *name)
{
    char from[2 * PATH_BYTES], *to = NULL;
    size_t to_length, length;
    uint8_t *bytes;
    snprintf(from, sizeof(from), "%s/%s", folder, file);
    tt_exit result = tt_file_read("new", from, FILE_MAX, &bytes, &length);
    if (result != TT_EXIT_OK)
        return result;
    FILE *path = open_memstream(&to, &to_length);
    TT_CHECK(path != NULL);
    fprintf(path, "%s/", name);
    put_replaced(path, file, strlen(file), word, name);
    TT_CHECK(fclose(path) == 0);
    tt_file_out out;
    result = tt_file_begin(&out, "new", to);
    if (result == TT_EXIT_OK) {
        put_replaced(out.stream, (const char *)bytes, length, word, name);
        result = tt_file_commit(&out);
    }
    free(to);
    free(bytes);
    return result;
}

static tt_exit copy_all(const char *path, const char *word, const char *name)
{
    DIR *folder = opendir(path);
    tt_exit result = folder != NULL ? TT_EXIT_OK : TT_EXIT_MISSING;
    for (struct dirent *entry; result == TT_EXIT_OK && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            result = copy_file(path, entry->d_name, word, name);
    if (folder != NULL)
        closedir(folder);
    return result;
}

static tt_exit run_new(unsigned count, const char *const *arguments)
{
    (void)count;
    const char *name = arguments[1];
    const origin *made = NULL;
    char folder[PATH_BYTES];
    for (size_t i = 0; i < TT_COUNT(origins); i++)
        if (strcmp(arguments[0], origins[i].what) == 0)
            made = &origins[i];
    if (made == NULL) {
        tt_say_error("tutti new: expected 'device' or 'board', not '%s'", arguments[0]);
        return TT_EXIT_USAGE;
    }
    tt_exit result = check_name(name);
    if (result != TT_EXIT_OK)
        return result;
    if (!find_folder(made, folder)) {
        tt_say_error("tutti new: the %s to begin with is missing; this program belongs into the "
                     "bin/ of an SDK: cmake --install build/linux --prefix DIR",
                     made->what);
        return TT_EXIT_MISSING;
    }
    if (mkdir(name, 0777) != 0) { // so that nothing that is there is written over
        tt_say_error("tutti new: the folder %s cannot be made: %s", name, strerror(errno));
        return TT_EXIT_FAILED;
    }
    result = copy_all(folder, made->word, name);
    if (result != TT_EXIT_OK)
        tt_say_error("tutti new: the folder %s is not whole; remove it", name);
    else
        tt_say("made %s; %s%s", name, name, made->next);
    return result;
}

const tt_command tt_command_new = {
    .name = "new",
    .arguments = "device|board NAME",
    .summary = "Make the folder NAME with a device or a board of your own, that builds at once",
    .help = "A device is the example 'sensor' under another name: three resources, one of them "
            "observed, and a\n"
            "timer; NAME is also its kind and the first part of its paths.\n"
            "A board is that of the STM32F405 (Cortex-M4F), to be changed into yours, with files "
            "for OpenOCD and\n"
            "GDB; it is used with -DTUTTI_BOARD=./NAME, or another path to it.\n"
            "A name has 2 to 15 small letters, digits and dashes. A folder that is there is left "
            "alone.",
    .examples = "  tutti new device lamp && cat lamp/README.md\n"
                "  tutti new board wrist && cat wrist/README.md",
    .choices = "device board",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_new,
};
