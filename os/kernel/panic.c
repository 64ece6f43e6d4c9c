// The end of a device that met a fault, a failed check or its watchdog: a record that a reset keeps
// (tutti/crash.h), a dump of the same lines on the console, then tt_kernel_end.
//
//     tutti dump: check failed: base/text.c:17: capacity >= 1
//     tutti dump: thread main
//     ...
//
// tools/backtrace reads these lines and the image, and prints the calls.

#include <string.h>

#include "os/kernel/kept.h"
#include "os/kernel/panic.h"
#include "os/kernel/scheduler.h"

#define STOP_CODE 70

static const char *check_file, *check_condition;
static int check_line;
static bool dumping;
static bool reason_waits;      // in `line`, to be printed
static const tt_thread *ended; // whose place is dumped
static tt_crash *unsealed;     // the record while it is written
static char line_buffer[TT_CRASH_LINE_MAX];
static tt_text line;

// On the console; `lasting` lines also go into the log, which the whole dump would push out of it.
static void print(bool lasting)
{
    void (*write)(const void *, size_t) = lasting ? tt_console_write : tt_console_write_unlogged;
    write(line_buffer, line.length);
    write("\n", 1); // also of a line that was cut
}

static void begin(const char *what)
{
    tt_text_init(&line, line_buffer, sizeof(line_buffer));
    tt_crash_line(&line, what);
}

static void copy(char *to, size_t capacity, const char *from)
{
    size_t length = 0;
    for (; length < capacity - 1 && from[length] != '\0'; length++)
        to[length] = from[length];
    to[length] = '\0';
}

static const char *thread_name(void)
{
    return ended != NULL ? ended->name : "(none)";
}

// The stack from its pointer upwards, as far as it belongs to the thread or to interrupts: at most
// TT_CRASH_STACK_WORDS.
static unsigned find_stack(const tt_place *place, const uintptr_t **words)
{
    const tt_thread *thread = ended;
    uintptr_t pointer = place->stack_pointer, low = place->stack_low, high = place->stack_end;
    if (high == 0) {
        if (thread == NULL)
            return 0;
        low = (uintptr_t)thread->stack + TT_STACK_GUARD;
        high = (uintptr_t)thread->stack + thread->stack_bytes;
    }
    if (pointer < low) // overflown: what lies at its end is still of interest
        pointer = low;
    pointer &= ~(sizeof(uintptr_t) - 1);
    if (pointer >= high)
        return 0;
    *words = (const uintptr_t *)pointer;
    size_t count = (high - pointer + sizeof(uintptr_t) - 1) / sizeof(uintptr_t);
    return count < TT_CRASH_STACK_WORDS ? (unsigned)count : TT_CRASH_STACK_WORDS;
}

// The reason is in `line`. An earlier record stays: what came first explains the rest.
static void store(const tt_place *place)
{
    tt_crash *crash = &tt_kept_memory.crash;
    if (!tt_kept_has_begun())
        return;
    if (tt_crash_is_whole(crash)) {
        tt_crash_follow(crash);
        return;
    }
    tt_crash_begin(crash);
    unsealed = crash;
    copy(crash->reason, sizeof(crash->reason), line_buffer + strlen(TT_CRASH_MARK));
    crash->boot = tt_kept_boot();
    crash->restarts = tt_kept_restarts();
    crash->uptime_ms = tt_kept_uptime_ms();
    size_t image_bytes;
    const uint8_t *image = tt_board_image(&image_bytes);
    crash->image_bytes =
        image_bytes < TT_CRASH_IMAGE_MAX ? (uint32_t)image_bytes : TT_CRASH_IMAGE_MAX;
    memcpy(crash->image, image, crash->image_bytes);
    crash->in_interrupt = place->in_interrupt;
    copy(crash->thread, sizeof(crash->thread), thread_name());
    for (unsigned i = 0; i < place->count && i < TT_CRASH_REGISTERS_MAX; i++) {
        copy(crash->registers[i].name, sizeof(crash->registers[i].name), place->registers[i].name);
        crash->registers[i].value = place->registers[i].value;
        crash->register_count++;
    }
    const uintptr_t *words = NULL;
    unsigned count = find_stack(place, &words);
    crash->stack_address = (uintptr_t)words;
    for (; crash->stack_words < count; crash->stack_words++)
        crash->stack[crash->stack_words] = words[crash->stack_words];
    tt_crash_seal(crash);
    unsealed = NULL;
}

static void print_stack(const tt_place *place)
{
    const uintptr_t *words = NULL;
    unsigned count = find_stack(place, &words);
    for (unsigned i = 0; i < count; i += TT_CRASH_LINE_WORDS) {
        unsigned left = count - i;
        tt_crash_stack_line(&line, (uintptr_t)(words + i), words + i,
                            left < TT_CRASH_LINE_WORDS ? left : TT_CRASH_LINE_WORDS);
        print(false);
    }
}

// The reason is in `line`.
_Noreturn static void dump_and_end(const tt_place *place)
{
    reason_waits = true;
    store(place); // before the console, which may take its time
    reason_waits = false;
    print(true);
    size_t image_bytes;
    const uint8_t *image = tt_board_image(&image_bytes);
    tt_crash_thread_line(&line, thread_name(), place->in_interrupt);
    print(true);
    tt_crash_image_line(&line, image, image_bytes);
    print(false);
    tt_crash_life_line(&line, tt_kept_boot(), tt_kept_restarts(), tt_kept_uptime_ms());
    print(false);
    for (unsigned i = 0; i < place->count; i++) {
        tt_crash_register_line(&line, place->registers[i].name, place->registers[i].value);
        print(false);
    }
    print_stack(place);
    begin("end");
    print(false);
    tt_kernel_end(STOP_CODE);
}

// A second fault while dumping would only hide the first, whose record keeps what it has so far.
static void only_once(void)
{
    if (dumping) {
        if (unsealed != NULL)
            tt_crash_seal(unsealed);
        if (reason_waits) {
            reason_waits = false;
            print(true);
        }
        tt_kernel_end(STOP_CODE + 1);
    }
    dumping = true;
    ended = tt_kernel_current;
    tt_kept_on_line(NULL, NULL); // nobody is to be woken any more
}

static bool in_guard(uintptr_t address, uintptr_t stack_low)
{
    return address < stack_low && address >= stack_low - TT_STACK_GUARD;
}

void tt_kernel_fault(const char *what, uintptr_t address, const tt_place *place)
{
    tt_arch_lock();
    only_once();
    tt_place at = *place;
    const tt_thread *thread = tt_kernel_current;
    bool overflow = place->stack_end != 0 && in_guard(address, place->stack_low);
    if (thread != NULL && in_guard(address, (uintptr_t)thread->stack + TT_STACK_GUARD)) {
        overflow = true; // met by the thread, or by an interrupt that saved its registers there
        at.stack_end = 0;
        at.stack_pointer = (uintptr_t)thread->stack;
    }
    begin("fault: ");
    tt_text_add(&line, overflow ? "stack overflow" : what);
    tt_text_add(&line, " at ");
    tt_text_add_hex(&line, address, 2 * sizeof(address));
    dump_and_end(&at);
}

bool tt_kernel_check_is_failing(void)
{
    return check_condition != NULL;
}

void tt_kernel_check_trapped(const tt_place *place)
{
    tt_arch_lock();
    only_once();
    begin("check failed: ");
    tt_text_add(&line, check_file);
    tt_text_add(&line, ":");
    tt_text_add_unsigned(&line, (uint64_t)check_line);
    tt_text_add(&line, ": ");
    tt_text_add(&line, check_condition);
    dump_and_end(place);
}

void tt_kernel_check_handler(const char *file, int at, const char *condition)
{
    tt_arch_lock();
    check_file = file;
    check_line = at;
    check_condition = condition;
    tt_arch_check_failed();
}

void tt_panic_watchdog(const char *who, tt_time silence, const tt_thread *thread,
                       const tt_place *place)
{
    tt_arch_lock();
    only_once();
    ended = thread;
    begin("watchdog: ");
    tt_text_add(&line, who);
    tt_text_add(&line, " silent for ");
    tt_text_add_unsigned(&line, (uint64_t)silence / 1000000);
    tt_text_add(&line, " ms");
    dump_and_end(place);
}
