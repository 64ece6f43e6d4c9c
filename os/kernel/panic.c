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
    tt_text_add(&line, "\n");
    tt_console_write(line_buffer, line.length);
}

static void add_word(uintptr_t word)
{
    tt_text_add(&line, " ");
    tt_text_add_hex(&line, word, 2 * sizeof(word));
}

// The stack from its pointer upwards, as far as it belongs to the thread.
static void dump_stack(uintptr_t pointer)
{
    const tt_thread *thread = tt_kernel_current;
    if (thread == NULL)
        return;
    uintptr_t low = (uintptr_t)thread->stack + TT_STACK_GUARD;
    uintptr_t high = (uintptr_t)thread->stack + thread->stack_bytes;
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

static void dump_and_stop(const tt_register *registers, unsigned count, uintptr_t stack_pointer)
{
    begin("thread ");
    tt_text_add(&line, tt_kernel_current != NULL ? tt_kernel_current->name : "(none)");
    tt_text_add(&line, tt_arch_in_interrupt() ? ", in an interrupt" : "");
    end();
    for (unsigned i = 0; i < count; i++) {
        begin("register ");
        tt_text_add(&line, registers[i].name);
        add_word(registers[i].value);
        end();
    }
    dump_stack(stack_pointer);
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

void tt_kernel_fault(const char *what, uintptr_t address, const tt_register *registers,
                     unsigned count, uintptr_t stack_pointer)
{
    tt_arch_lock();
    only_once();
    const tt_thread *thread = tt_kernel_current;
    uintptr_t guard = thread != NULL ? (uintptr_t)thread->stack : 0;
    bool overflow = thread != NULL && address >= guard && address < guard + TT_STACK_GUARD;
    begin("fault: ");
    tt_text_add(&line, overflow ? "stack overflow" : what);
    tt_text_add(&line, " at");
    add_word(address);
    end();
    dump_and_stop(registers, count, stack_pointer);
    __builtin_unreachable();
}

void tt_kernel_check_trapped(const tt_register *registers, unsigned count, uintptr_t stack_pointer)
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
    dump_and_stop(registers, count, stack_pointer);
    __builtin_unreachable();
}

void tt_kernel_check_handler(const char *file, int at, const char *condition)
{
    tt_arch_lock();
    check_file = file;
    check_line = at;
    check_condition = condition;
    tt_arch_check_failed();
}
