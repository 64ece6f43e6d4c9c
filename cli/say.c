// Sentences and progress. A terminal gets a live line, a pipe gets plain lines.

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/say.h"

static bool live; // a progress line stands unfinished on the terminal

static void clear_live(void)
{
    if (live)
        fputs("\r\033[K", stderr);
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

void tt_say_progress(bool lasting, const char *format, ...)
{
    bool terminal = isatty(STDERR_FILENO);
    if (!lasting && !terminal)
        return;
    va_list arguments;
    va_start(arguments, format);
    clear_live();
    put_sentence(format, arguments);
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
