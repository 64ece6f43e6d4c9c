// Sentences and progress. A terminal gets a live line, a pipe gets plain lines.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/say.h"

#define WIDTH_UNKNOWN 80
#define PLAIN_INTERVAL_S 10 // between progress lines on a terminal that cannot rewrite one

static bool live;           // a progress line stands unfinished on the terminal
static unsigned live_width; // columns of it

// The terminal's columns, asked anew each time: so no signal is needed to follow its changes.
static unsigned terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    unsigned long width = columns != NULL ? strtoul(columns, NULL, 10) : 0;
    return width > 0 && width < 10000 ? (unsigned)width : WIDTH_UNKNOWN;
}

// Whether the terminal rewrites lines; otherwise progress is plain lines.
static bool rewrites(void)
{
    const char *kind = getenv("TERM");
    return kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0;
}

static void clear_live(void)
{
    if (live) {
        // A terminal that became narrower has broken the line into several.
        unsigned width = terminal_width(), broken = (live_width > 0 ? live_width - 1 : 0) / width;
        if (broken > 0)
            fprintf(stderr, "\033[%uA", broken);
        fputs(broken > 0 ? "\r\033[J" : "\r\033[K", stderr);
    }
    live = false;
}

void tt_say_put(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        unsigned char next = i + 1 < length ? (unsigned char)text[i + 1] : 0;
        bool wide = byte == 0xc2 && next >= 0x80 && next < 0xa0; // U+0080 to U+009F
        i += wide;
        bool commands = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f || wide;
        fputc(commands ? '?' : byte, out);
    }
}

static void put_sentence(const char *format, va_list arguments)
{
    char *sentence;
    int length = vasprintf(&sentence, format, arguments);
    if (length < 0)
        return; // no memory for a sentence: nothing can be said
    tt_say_put(stderr, sentence, (size_t)length);
    free(sentence);
}

void tt_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    clear_live();
    put_sentence(format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void tt_say_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (live)
        fputc('\n', stderr); // what was reached is worth keeping beside the failure
    live = false;
    put_sentence(format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

// Cuts a sentence to what a line of `width` columns shows, where each character takes one, and
// returns how many that are.
static unsigned fit(char *sentence, unsigned width)
{
    unsigned columns = 0;
    char *at = sentence;
    for (; *at != '\0'; at++) {
        bool continues = ((unsigned char)*at & 0xc0) == 0x80; // inside a character of UTF-8
        if (!continues && columns == width)
            break;
        columns += !continues;
    }
    *at = '\0';
    return columns;
}

static void say_live(const char *format, va_list arguments)
{
    char *sentence;
    if (vasprintf(&sentence, format, arguments) < 0)
        return;
    clear_live();
    unsigned width = terminal_width();
    live_width = fit(sentence, width > 1 ? width - 1 : 1); // in the last column some break the line
    tt_say_put(stderr, sentence, strlen(sentence));
    free(sentence);
    live = true;
}

// Whether a line of progress is due where it cannot be rewritten.
static bool plain_due(void)
{
    static time_t said;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (said == 0)
        said = now.tv_sec;
    if (now.tv_sec - said < PLAIN_INTERVAL_S)
        return false;
    said = now.tv_sec;
    return true;
}

void tt_say_progress(bool lasting, const char *format, ...)
{
    bool terminal = isatty(STDERR_FILENO);
    if (!lasting && (!terminal || (!rewrites() && !plain_due())))
        return;
    va_list arguments;
    va_start(arguments, format);
    if (!lasting && rewrites()) {
        say_live(format, arguments);
    } else {
        clear_live();
        put_sentence(format, arguments);
        fputc('\n', stderr);
    }
    va_end(arguments);
    fflush(stderr);
}

void tt_say_progress_end(void)
{
    clear_live();
    fflush(stderr);
}

const char *tt_say_duration(double seconds, char text[32])
{
    unsigned whole = seconds > 0 && seconds < 1e6 ? (unsigned)(seconds + 0.5) : 0;
    if (whole >= 60)
        snprintf(text, 32, "%u min %02u s", whole / 60, whole % 60);
    else
        snprintf(text, 32, "%u s", whole);
    return text;
}
