// The record of a device's end, and its lines (see tutti/crash.h).

#include <string.h>

#include "tutti/bytes.h"
#include "tutti/crash.h"

#define MAGIC 0x48435454u // "TTCH" in memory, little-endian
#define VERSION 1

static const size_t sealed = offsetof(tt_crash, boot);

static uint32_t sum(const tt_crash *crash)
{
    return tt_crc32(0, (const uint8_t *)crash + sealed, sizeof(*crash) - sealed);
}

void tt_crash_begin(tt_crash *crash)
{
    memset(crash, 0, sizeof(*crash));
    crash->magic = MAGIC;
    crash->version = VERSION;
    crash->length = sizeof(*crash);
}

void tt_crash_seal(tt_crash *crash)
{
    crash->crc = sum(crash);
}

bool tt_crash_is_whole(const tt_crash *crash)
{
    return crash->magic == MAGIC && crash->version == VERSION && crash->length == sizeof(*crash) &&
           crash->crc == sum(crash) && crash->register_count <= TT_CRASH_REGISTERS_MAX &&
           crash->stack_words <= TT_CRASH_STACK_WORDS && crash->image_bytes <= TT_CRASH_IMAGE_MAX;
}

void tt_crash_follow(tt_crash *crash)
{
    crash->followed++;
    tt_crash_seal(crash);
}

void tt_crash_line(tt_text *text, const char *what)
{
    tt_text_init(text, text->data, text->capacity);
    tt_text_add(text, TT_CRASH_MARK);
    tt_text_add(text, what);
}

static void add_word(tt_text *text, uintptr_t word)
{
    tt_text_add(text, " ");
    tt_text_add_hex(text, word, 2 * sizeof(word));
}

void tt_crash_thread_line(tt_text *text, const char *thread, bool in_interrupt)
{
    tt_crash_line(text, "thread ");
    tt_text_add(text, thread);
    tt_text_add(text, in_interrupt ? ", in an interrupt" : "");
}

void tt_crash_image_line(tt_text *text, const uint8_t *image, size_t length)
{
    tt_crash_line(text, "image ");
    for (size_t i = 0; i < length; i++)
        tt_text_add_hex(text, image[i], 2);
}

void tt_crash_life_line(tt_text *text, uint32_t boot, uint32_t restarts, uint64_t uptime_ms)
{
    tt_crash_line(text, "boot ");
    tt_text_add_unsigned(text, boot);
    tt_text_add(text, ", restart ");
    tt_text_add_unsigned(text, restarts);
    tt_text_add(text, ", after ");
    tt_text_add_unsigned(text, uptime_ms);
    tt_text_add(text, " ms");
}

void tt_crash_register_line(tt_text *text, const char *name, uintptr_t value)
{
    tt_crash_line(text, "register ");
    tt_text_add(text, name);
    add_word(text, value);
}

void tt_crash_stack_line(tt_text *text, uintptr_t address, const uintptr_t *words, unsigned count)
{
    tt_crash_line(text, "stack");
    add_word(text, address);
    for (unsigned i = 0; i < count; i++)
        add_word(text, words[i]);
}

// The window of a text that is made piece by piece.
typedef struct window {
    size_t position, offset, capacity, length;
    uint8_t *bytes;
} window;

static void put(window *w, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++, w->position++)
        if (w->position >= w->offset && w->length < w->capacity)
            w->bytes[w->length++] = (uint8_t)bytes[i];
}

static void end_line(window *w, const tt_text *text)
{
    put(w, text->data, text->length);
    put(w, "\n", 1);
}

static void write_head(const tt_crash *crash, tt_text *text, window *w)
{
    tt_crash_line(text, crash->reason);
    end_line(w, text);
    tt_crash_thread_line(text, crash->thread, crash->in_interrupt);
    end_line(w, text);
    tt_crash_image_line(text, crash->image, crash->image_bytes);
    end_line(w, text);
    tt_crash_life_line(text, crash->boot, crash->restarts, crash->uptime_ms);
    end_line(w, text);
    if (crash->followed == 0)
        return;
    tt_crash_line(text, "followed by ");
    tt_text_add_unsigned(text, crash->followed);
    tt_text_add(text, " more");
    end_line(w, text);
}

size_t tt_crash_read(const tt_crash *crash, size_t offset, void *bytes, size_t capacity)
{
    char buffer[TT_CRASH_LINE_MAX];
    tt_text text;
    window w = {.offset = offset, .capacity = capacity, .bytes = bytes};
    tt_text_init(&text, buffer, sizeof(buffer));
    write_head(crash, &text, &w);
    for (unsigned i = 0; i < crash->register_count; i++) {
        tt_crash_register_line(&text, crash->registers[i].name, crash->registers[i].value);
        end_line(&w, &text);
    }
    for (unsigned i = 0; i < crash->stack_words && w.length < capacity; i += TT_CRASH_LINE_WORDS) {
        unsigned left = crash->stack_words - i;
        tt_crash_stack_line(&text, crash->stack_address + i * sizeof(uintptr_t), &crash->stack[i],
                            left < TT_CRASH_LINE_WORDS ? left : TT_CRASH_LINE_WORDS);
        end_line(&w, &text);
    }
    tt_crash_line(&text, "end");
    end_line(&w, &text);
    return w.length;
}
