// Sentences and progress. A terminal gets a live line, a pipe gets plain lines.

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/say.h"

static bool live; // a progress line stands unfinished on the terminal

static void clear_live(void)
{
    if (live)
        fputs("\r\033[K", stderr);
    live = false;
}

void tt_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    clear_live();
    vfprintf(stderr, format, arguments);
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
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void tt_say_progress(bool lasting, const char *format, ...)
{
    bool terminal = isatty(STDERR_FILENO);
    if (!lasting && !terminal)
        return;
    va_list arguments;
    va_start(arguments, format);
    clear_live();
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    live = !lasting;
    if (lasting)
        fputc('\n', stderr);
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
