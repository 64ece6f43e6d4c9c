// tutti: trains, compiles, boots a fleet, and asks the devices of one.

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/say.h"
#include "tutti/version.h"

const tt_command *const tt_commands[] = {
    &tt_command_train,   &tt_command_compile,
    &tt_command_show,    &tt_command_verify,
    &tt_command_profile, &tt_command_new,
    &tt_command_up,      &tt_command_restart,
    &tt_command_kill,    &tt_command_crash,
    &tt_command_logs,    &tt_command_ls,
    &tt_command_get,     &tt_command_put,
    &tt_command_post,    &tt_command_delete,
    &tt_command_observe, &tt_command_data,
    &tt_command_sim,     &tt_command_completion,
    &tt_command_man,     NULL,
};

static void print_help(void)
{
    printf("tutti: " TT_PURPOSE ".\n\n"
           "Usage: tutti COMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n");
    for (size_t i = 0; tt_commands[i] != NULL; i++)
        printf("  %-10s %s\n", tt_commands[i]->name, tt_commands[i]->summary);
    printf("\n'tutti COMMAND --help' explains each, with examples; 'tutti --version' tells which "
           "one this is.\n");
}

static tt_exit run(int count, char **words)
{
    if (count < 2) {
        tt_say_error("tutti: expected a command; 'tutti --help' lists them");
        return TT_EXIT_USAGE;
    }
    if (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0 ||
        strcmp(words[1], "help") == 0) {
        print_help();
        return TT_EXIT_OK;
    }
    if (strcmp(words[1], "--version") == 0 || strcmp(words[1], "version") == 0) {
        printf("tutti " TUTTI_VERSION " (" TUTTI_COMMIT ")\n");
        return TT_EXIT_OK;
    }
    for (size_t i = 0; tt_commands[i] != NULL; i++)
        if (strcmp(tt_commands[i]->name, words[1]) == 0)
            return tt_command_run(tt_commands[i], count - 2, words + 2);
    tt_say_error("tutti: there is no command '%s'; 'tutti --help' lists them", words[1]);
    return TT_EXIT_USAGE;
}

int main(int count, char **words)
{
    tt_exit result = run(count, words);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return (int)result;
    tt_say_error("tutti: standard output could not be written; is the disk full?");
    return result == TT_EXIT_OK ? TT_EXIT_FAILED : (int)result;
}
