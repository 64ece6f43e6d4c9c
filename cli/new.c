// tutti new: a project outside the tree, that builds at once. It is an example's folder under
// another name: the word that the example is named by is replaced, in its files and their names.

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

// What can be made, and of which example.
static const struct {
    const char *what, *example;
} templates[] = {{"device", "sensor"}};

// Names that a project or a fleet file has for something else.
static const char *const taken[] = {"all",     "clean", "depend",    "help", "install",
                                    "package", "test",  "generated", "main", "tutti",
                                    "watch",   "car",   "tv",        "linux"};

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

// The folder of an example: of the SDK that this program belongs to, or of the sources of its
// build.
static bool find_example(const char *example, char folder[PATH_BYTES])
{
    static const char *const places[] = {"../share/tutti/examples", "../../../examples"};
    char here[PATH_BYTES / 2];
    struct stat there;
    if (!tt_file_program_folder(here, sizeof(here)))
        return false;
    for (size_t i = 0; i < TT_COUNT(places); i++) {
        snprintf(folder, PATH_BYTES, "%s/%s/%s", here, places[i], example);
        if (stat(folder, &there) == 0 && S_ISDIR(there.st_mode))
            return true;
    }
    return false;
}

// Writes `bytes` with each `word` replaced by `name`.
static void put_replaced(FILE *out, const char *bytes, size_t length, const char *word,
                         const char *name)
{
    size_t word_length = strlen(word);
    for (size_t i = 0; i < length;) {
        if (length - i >= word_length && memcmp(bytes + i, word, word_length) == 0) {
            fputs(name, out);
            i += word_length;
        } else {
            fputc(bytes[i++], out);
        }
    }
}

// One file of the example into the new folder, which has the project's name.
static tt_exit copy_file(const char *example_folder, const char *file, const char *example,
                         const char *name)
{
    char from[2 * PATH_BYTES], *to = NULL;
    size_t to_length, length;
    uint8_t *bytes;
    snprintf(from, sizeof(from), "%s/%s", example_folder, file);
    tt_exit result = tt_file_read("new", from, FILE_MAX, &bytes, &length);
    if (result != TT_EXIT_OK)
        return result;
    FILE *path = open_memstream(&to, &to_length);
    TT_CHECK(path != NULL);
    fprintf(path, "%s/", name);
    put_replaced(path, file, strlen(file), example, name);
    TT_CHECK(fclose(path) == 0);
    tt_file_out out;
    result = tt_file_begin(&out, "new", to);
    if (result == TT_EXIT_OK) {
        put_replaced(out.stream, (const char *)bytes, length, example, name);
        result = tt_file_commit(&out);
    }
    free(to);
    free(bytes);
    return result;
}

static tt_exit copy_all(const char *example_folder, const char *example, const char *name)
{
    DIR *folder = opendir(example_folder);
    tt_exit result = folder != NULL ? TT_EXIT_OK : TT_EXIT_MISSING;
    for (struct dirent *entry; result == TT_EXIT_OK && (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            result = copy_file(example_folder, entry->d_name, example, name);
    if (folder != NULL)
        closedir(folder);
    return result;
}

static tt_exit run_new(unsigned count, const char *const *arguments)
{
    (void)count;
    const char *name = arguments[1], *example = NULL;
    char folder[PATH_BYTES];
    for (size_t i = 0; i < TT_COUNT(templates); i++)
        if (strcmp(arguments[0], templates[i].what) == 0)
            example = templates[i].example;
    if (example == NULL) {
        tt_say_error("tutti new: expected 'device', not '%s'", arguments[0]);
        return TT_EXIT_USAGE;
    }
    tt_exit result = check_name(name);
    if (result != TT_EXIT_OK)
        return result;
    if (!find_example(example, folder)) {
        tt_say_error("tutti new: the example to begin with is missing; this program belongs into "
                     "the bin/ of an SDK: cmake --install build/linux --prefix DIR");
        return TT_EXIT_MISSING;
    }
    if (mkdir(name, 0777) != 0) { // so that nothing that is there is written over
        tt_say_error("tutti new: the folder %s cannot be made: %s", name, strerror(errno));
        return TT_EXIT_FAILED;
    }
    result = copy_all(folder, example, name);
    if (result != TT_EXIT_OK)
        tt_say_error("tutti new: the folder %s is not whole; remove it", name);
    else
        tt_say("made %s; %s/README.md says how it is built and started", name, name);
    return result;
}

const tt_command tt_command_new = {
    .name = "new",
    .arguments = "device NAME",
    .summary = "Make the folder NAME with a device of your own, that builds at once",
    .help = "It is the example 'sensor' under another name: three resources, one of them observed, "
            "and a timer.\n"
            "NAME is also its kind and the first part of its paths: 2 to 15 small letters, digits "
            "and dashes.\n"
            "A folder that is there is left alone.",
    .examples = "  tutti new device lamp && cat lamp/README.md",
    .choices = "device",
    .arguments_min = 2,
    .arguments_max = 2,
    .run = run_new,
};
