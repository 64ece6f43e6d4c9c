// Reading fleet files.

#include <stdbool.h>
#include <string.h>

#include "cli/fleet_file.h"

#define WORD_MAX (TT_FLEET_IMAGE_MAX + 16)

const char *const tt_kind_names[TT_KINDS] = {"watch", "car", "tv", "linux"};

static tt_status refuse(tt_text *why, unsigned line, const char *expected, const char *found)
{
    tt_text_add(why, "line ");
    tt_text_add_unsigned(why, line);
    tt_text_add(why, ": expected ");
    tt_text_add(why, expected);
    if (found[0] == '\0') {
        tt_text_add(why, ", found the end of the line");
    } else {
        tt_text_add(why, ", found '");
        tt_text_add(why, found);
        tt_text_add(why, "'");
    }
    return TT_MALFORMED;
}

// Takes the next word of a line into `word`, "" at its end; false where it is too long.
static bool take_word(const char **at, const char *end, char word[WORD_MAX])
{
    while (*at < end && (**at == ' ' || **at == '\t' || **at == '\r'))
        (*at)++;
    const char *start = *at;
    while (*at < end && **at != ' ' && **at != '\t' && **at != '\r')
        (*at)++;
    size_t length = (size_t)(*at - start);
    bool fits = length < WORD_MAX;
    length = fits ? length : WORD_MAX - 1;
    memcpy(word, start, length);
    word[length] = '\0';
    return fits;
}

// TT_KINDS where the build makes none of that name.
static tt_kind find_kind(const char *word)
{
    unsigned kind = 0;
    while (kind < TT_KINDS && strcmp(word, tt_kind_names[kind]) != 0)
        kind++;
    return (tt_kind)kind;
}

// Names of files are made from it.
static bool may_be_kind(const char *word)
{
    size_t length = strlen(word);
    return length < TT_KIND_MAX &&
           length == strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") && word[0] >= 'a' &&
           word[0] <= 'z';
}

// A number from 1 to TT_FLEET_DEVICES_MAX, or 0.
static unsigned read_count(const char *word)
{
    unsigned count = 0;
    for (size_t i = 0; word[i] != '\0'; i++) {
        if (word[i] < '0' || word[i] > '9' || i >= 3)
            return 0;
        count = count * 10 + (unsigned)(word[i] - '0');
    }
    return count <= TT_FLEET_DEVICES_MAX ? count : 0;
}

static tt_status add_devices(tt_fleet_file *fleet, unsigned line, const tt_fleet_entry *entry,
                             unsigned count, tt_text *why)
{
    if (count > TT_FLEET_DEVICES_MAX - fleet->count) {
        tt_text_add(why, "line ");
        tt_text_add_unsigned(why, line);
        tt_text_add(why, ": a fleet has at most ");
        tt_text_add_unsigned(why, TT_FLEET_DEVICES_MAX);
        tt_text_add(why, " devices; this would be number ");
        tt_text_add_unsigned(why, fleet->count + count);
        return TT_TOO_LARGE;
    }
    for (unsigned i = 0; i < count; i++)
        fleet->devices[fleet->count++] = *entry;
    return TT_OK;
}

// What `word` gives to the option `name`, "image=" for instance; NULL where it is another word.
static const char *value_of(const char *word, const char *name)
{
    size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && word[length] != '\0' ? word + length : NULL;
}

// Takes board=BOARD, if that is next, and the end of the line.
static tt_status take_board(tt_fleet_entry *entry, unsigned line, const char *at, const char *end,
                            tt_text *why)
{
    char word[WORD_MAX], expected[160] = "board= with one of ";
    take_word(&at, end, word);
    const char *board = value_of(word, "board=");
    if (board != NULL) {
        entry->emulator = tt_emulator_of(board);
        if (entry->emulator == NULL) {
            tt_text boards;
            size_t length = strlen(expected);
            tt_text_init(&boards, expected + length, sizeof(expected) - length);
            tt_emulator_list(&boards);
            return refuse(why, line, expected, board);
        }
        take_word(&at, end, word);
    }
    return word[0] == '\0' ? TT_OK
                           : refuse(why, line,
                                    board != NULL ? "the end of the line"
                                                  : "board=BOARD or the end of the line",
                                    word);
}

static tt_status parse_line(tt_fleet_file *fleet, unsigned line, const char *at, const char *end,
                            tt_text *why)
{
    tt_fleet_entry entry = {0};
    char word[WORD_MAX], kind[WORD_MAX];
    if (!take_word(&at, end, kind) || (kind[0] != '\0' && !may_be_kind(kind)))
        return refuse(why, line, "a kind (watch, car, tv, linux, or another of small letters)",
                      kind);
    if (kind[0] == '\0')
        return TT_OK;
    bool fits = take_word(&at, end, word);
    unsigned count = fits ? read_count(word) : 0;
    if (count == 0)
        return refuse(why, line, "how many of them, 1 to 12", word);
    fits = take_word(&at, end, word);
    if (word[0] != '\0') {
        const char *image = value_of(word, "image=");
        if (!fits || image == NULL || strlen(image) >= sizeof(entry.image))
            return refuse(why, line, "image=FILE or the end of the line", word);
        strcpy(entry.image, image);
        tt_status status = take_board(&entry, line, at, end, why);
        if (status != TT_OK)
            return status;
    }
    entry.kind = find_kind(kind);
    if (entry.image[0] == '\0' && entry.kind == TT_KINDS)
        return refuse(why, line, "a kind (watch, car, tv or linux), or image=FILE behind another",
                      kind);
    strcpy(entry.name, kind); // may_be_kind saw its length
    return add_devices(fleet, line, &entry, count, why);
}

tt_status tt_fleet_file_parse(tt_fleet_file *fleet, const char *text, tt_text *why)
{
    *fleet = (tt_fleet_file){0};
    unsigned line = 1;
    for (const char *at = text; *at != '\0'; line++) {
        size_t length = strcspn(at, "\n"), used = strcspn(at, "#\n");
        tt_status status = parse_line(fleet, line, at, at + used, why);
        if (status != TT_OK)
            return status;
        at += length + (at[length] == '\n');
    }
    if (fleet->count == 0)
        return refuse(why, line, "at least one device, such as 'watch 1'", "");
    return TT_OK;
}
