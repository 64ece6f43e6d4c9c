// One attack on memory protection a start: writes code or constants, runs data, uses NULL, or does
// any of that through another address of the same memory. The launcher chooses which by a number in
// tt_provision.measure_images. Prints what the dump must say, then attacks; a number beyond the
// last ends with code 0, an attack that nothing stops with code 1.

#include <string.h>

#include "tests/os/attack.h"
#include "tutti/board.h"
#include "tutti/check.h"
#include "tutti/kernel.h"
#include "tutti/text.h"

#define CODE_BYTES 16 // at least a return

__attribute__((noinline, aligned(16))) static void victim(void)
{
    __asm__ volatile("nop");
}

static const uint32_t constant[4] = {1, 2, 3, 4};
static uint8_t zeroed[CODE_BYTES] __attribute__((aligned(8)));
static uint8_t initialised[CODE_BYTES] __attribute__((aligned(8))) = {1};

static TT_STACK(ended_stack, 2 * TT_IDLE_STACK_BYTES);

static const attack everywhere[] = {
    {RUN, (uintptr_t)ended_stack, "run what was a stack's guard"},
    {WRITE, (uintptr_t)constant, "write a constant"},
    {RUN, (uintptr_t)zeroed, "run zeroed data"},
    {RUN, (uintptr_t)initialised, "run initialised data"},
    {READ, 0, "read NULL"},
    {WRITE, 0, "write NULL"},
    {RUN, 0, "run NULL"},
    {READ, 1020, "read far behind NULL"},
    {WRITE, 1020, "write far behind NULL"},
};

static void nothing(void *argument)
{
    (void)argument;
}

static void run_thread_to_its_end(void)
{
    static tt_thread thread;
    TT_CHECK(tt_thread_start(&thread, "ended", 20, ended_stack, sizeof(ended_stack), nothing,
                             NULL) == TT_OK);
    tt_thread_join(&thread, TT_FOREVER);
}

static uintptr_t code_of(void (*function)(void))
{
    return (uintptr_t)function & ~(uintptr_t)1; // a function of Thumb code is odd
}

static void announce(unsigned number, const attack *a)
{
    char line[160];
    tt_text text;
    tt_text_init(&text, line, sizeof(line));
    tt_text_add(&text, "attack ");
    tt_text_add_unsigned(&text, number);
    tt_text_add(&text, ": ");
    tt_text_add(&text, a->what);
    tt_text_add(&text, "\nexpected: tutti dump: fault: ");
    tt_text_add(&text, attack_faults[a->kind]);
    tt_text_add(&text, " at ");
    tt_text_add_hex(&text, a->address, 2 * sizeof(a->address));
    tt_text_add(&text, "\n");
    tt_console_write(line, text.length);
}

static void make(unsigned number, const attack *a)
{
    volatile uint32_t *word = (volatile uint32_t *)a->address;
    announce(number, a);
    if (a->kind == READ)
        (void)*word;
    else if (a->kind == WRITE)
        *word = 0;
    else
        ((void (*)(void))(a->address | ((uintptr_t)victim & 1)))();
}

void tt_main(void)
{
    unsigned number = tt_provision.measure_images;
    uint8_t on_stack[CODE_BYTES] __attribute__((aligned(8)));
    const attack on_code = {WRITE, code_of(victim), "write code"};
    const attack run_stack = {RUN, (uintptr_t)on_stack, "run the stack"};
    memcpy(on_stack, (const void *)code_of(victim), CODE_BYTES);
    memcpy(zeroed, on_stack, CODE_BYTES);
    memcpy(initialised, on_stack, CODE_BYTES);
    run_thread_to_its_end();
    memcpy(ended_stack, on_stack, CODE_BYTES);
    __builtin___clear_cache((char *)on_stack, (char *)on_stack + CODE_BYTES);
    victim();
    if (number == 0)
        make(number, &on_code);
    else if (number == 1)
        make(number, &run_stack);
    else if (number - 2 < TT_COUNT(everywhere))
        make(number, &everywhere[number - 2]);
    else if (number - 2 - TT_COUNT(everywhere) < attack_machine_count)
        make(number, &attack_machine[number - 2 - TT_COUNT(everywhere)]);
    else
        tt_board_stop(0);
    static const char survived[] = "nothing stopped it\n";
    tt_console_write(survived, strlen(survived));
    tt_board_stop(1);
}
