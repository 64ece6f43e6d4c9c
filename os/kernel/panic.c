// The end of a device that met a fault or a failed check: a dump in stable lines, then a stop.
//
//     tutti dump: check failed: base/text.c:17: capacity >= 1
//     tutti dump: thread main
//     tutti dump: register pc 00000123
//     tutti dump: stack 20001f00 00000000 ...
//
// tools/backtrace reads these lines and the image, and prints the calls.

#include <string.h>

#include "os/kernel/scheduler.h"
#include "tutti/text.h"

#define STOP_CODE 70
#define STACK_WORDS_MAX 256 // of the dump

static const char *check_file, *check_condition;
static int check_line;
static bool dumping;
static char line_buffer[160];
static tt_text line;

static void begin(const char *what)
{
    tt_text_init(&line, line_buffer, sizeof(line_buffer));
    tt_text_add(&line, "tutti dump: ");
    tt_text_add(&line, what);
}

static void end(void)
{
    tt_console_write(line_buffer, line.length);
    tt_console_write("\n", 1); // also of a line that was cut
}

static void add_word(uintptr_t word)
{
    tt_text_add(&line, " ");
    tt_text_add_hex(&line, word, 2 * sizeof(word));
}

// The stack from its pointer upwards, as far as it belongs to the thread or to interrupts.
static void dump_stack(const tt_place *place)
{
    const tt_thread *thread = tt_kernel_current;
    uintptr_t pointer = place->stack_pointer, low = place->stack_low, high = place->stack_end;
    if (high == 0) {
        if (thread == NULL)
            return;
        low = (uintptr_t)thread->stack + TT_STACK_GUARD;
        high = (uintptr_t)thread->stack + thread->stack_bytes;
    }
    if (pointer < low) // overflown: what lies at its end is still of interest
        pointer = low;
    pointer &= ~(sizeof(uintptr_t) - 1);
    for (unsigned word = 0; word < STACK_WORDS_MAX && pointer < high;) {
        begin("stack");
        add_word(pointer);
        for (unsigned i = 0; i < 4 && pointer < high; i++, word++, pointer += sizeof(uintptr_t))
            add_word(*(const uintptr_t *)pointer);
        end();
    }
}

_Noreturn static void dump_and_stop(const tt_place *place)
{
    begin("thread ");
    tt_text_add(&line, tt_kernel_current != NULL ? tt_kernel_current->name : "(none)");
    tt_text_add(&line, place->in_interrupt ? ", in an interrupt" : "");
    end();
    for (unsigned i = 0; i < place->count; i++) {
        begin("register ");
        tt_text_add(&line, place->registers[i].name);
        add_word(place->registers[i].value);
        end();
    }
    dump_stack(place);
    begin("end");
    end();
    tt_board_stop(STOP_CODE);
}

// A second fault while dumping would only hide the first.
static void only_once(void)
{
    if (dumping)
        tt_board_stop(STOP_CODE + 1);
    dumping = true;
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
    tt_text_add(&line, " at");
    add_word(address);
    end();
    dump_and_stop(&at);
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
    end();
    dump_and_stop(place);
}

void tt_kernel_check_handler(const char *file, int at, const char *condition)
{
    tt_arch_lock();
    check_file = file;
    check_line = at;
    check_condition = condition;
    tt_arch_check_failed();
}
