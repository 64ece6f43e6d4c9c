#include "cli/log_lines.h"

#include <stdlib.h>
#include <string.h>

#include "cli/say.h"

void tt_log_lines_set_boot(tt_log_lines *lines, uint32_t boot)
{
    bool other = boot != 0 && lines->boot != 0 && boot != lines->boot;
    lines->again = !other && lines->boot != 0;
    if (other && !lines->ahead)
        lines->started = true;
    if (other)
        lines->ahead = false;
    if (boot != 0)
        lines->boot = boot;
}

// Whether this text has the newest line that was printed under its number, but another one.
static bool is_other_line(const tt_log_lines *lines, const char *line, size_t length)
{
    length = length < TT_LOG_LINE_KEPT ? length : TT_LOG_LINE_KEPT;
    return strtoul(line, NULL, 10) == lines->printed &&
           (length != lines->line_length || memcmp(line, lines->line, length) != 0);
}

static void print_line(tt_log_lines *lines, FILE *file, unsigned long number, const char *line,
                       size_t length)
{
    tt_say_put(file, line, length);
    lines->printed = number;
    lines->any = true;
    lines->line_length = length < TT_LOG_LINE_KEPT ? length : TT_LOG_LINE_KEPT;
    memcpy(lines->line, line, lines->line_length);
}

// Takes the next whole line of `*at`; its length with its end, 0 where there is none.
static size_t next_line(const char *at, const char *end)
{
    const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return newline == NULL ? 0 : (size_t)(newline + 1 - at);
}

static bool begin_anew(const tt_log_lines *lines, const char *text, const char *end)
{
    unsigned long newest = 0;
    bool other = false;
    for (size_t length; (length = next_line(text, end)) > 0; text += length) {
        newest = strtoul(text, NULL, 10);
        other = other || is_other_line(lines, text, length);
    }
    return newest < lines->printed || (newest == lines->printed && lines->started) || other;
}

void tt_log_lines_print(tt_log_lines *lines, FILE *file, const char *text, size_t length)
{
    const char *end = text + length;
    if (lines->any && begin_anew(lines, text, end))
        lines->printed = 0;
    for (size_t bytes; (bytes = next_line(text, end)) > 0; text += bytes) {
        unsigned long number = strtoul(text, NULL, 10);
        if (number > lines->printed) {
            print_line(lines, file, number, text, bytes);
            lines->started = false;
            lines->ahead = lines->ahead || lines->again;
        }
    }
    fflush(file);
}
