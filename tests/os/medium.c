// The board's medium, tried: what this start wrote the next one finds, and says which it is. A
// board that has none ends with code 3.

#include <string.h>

#include "tests/os/medium_contract.h"
#include "tutti/board.h"
#include "tutti/kernel.h"
#include "tutti/text.h"

void medium_pause(void)
{
    tt_thread_sleep(tt_after(tt_now(), TT_MS(1)));
}

static void say(const char *what, const char *text)
{
    char line[160];
    tt_text out;
    tt_text_init(&out, line, sizeof(line));
    tt_text_add(&out, "medium: ");
    tt_text_add(&out, what);
    tt_text_add(&out, text);
    tt_text_add(&out, "\n");
    tt_console_write(line, out.length);
}

static void say_number(const char *what, unsigned number)
{
    char digits[16];
    tt_text text;
    tt_text_init(&text, digits, sizeof(digits));
    tt_text_add_unsigned(&text, number);
    say(what, digits);
}

void tt_main(void)
{
    tt_medium *medium = tt_board_medium();
    if (medium == NULL) {
        say("there is none", "");
        tt_board_stop(3);
    }
    say("of the board ", tt_board_name); // also for who starts it: tutti up looks for both
    say_number("boot ", tt_provision.boot);
    say_number("unit ", medium->program_bytes);
    say_number("sector ", medium->sector_bytes);
    say_number("sectors ", medium->sectors);
    medium_report report = medium_try(medium);
    say("twice programmed: ", report.overwrites ? "the second" : "both");
    say_number("waited ", report.waited);
    say_number("told ", report.told);
    if (report.broken != NULL)
        say("not so: ", report.broken);
    else
        say_number("as promised at start ", report.start);
    tt_board_stop(report.broken != NULL);
}
