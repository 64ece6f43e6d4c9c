// What a command of `tutti` is made of: a row of words and options, and the function that runs it.
//
// Every command line is read by one parser (options.c) into the variables that the row's options
// point at, so a `run` function starts with everything checked.

#ifndef TUTTI_CLI_COMMAND_H
#define TUTTI_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#define TT_PURPOSE "one system for a family of smart devices, and the AI that runs on them"

// Exit statuses of the program, the same for every command; docs/cli.md has them too.
typedef enum tt_exit {
    TT_EXIT_OK = 0,
    TT_EXIT_FAILED = 1,      // the operation failed: an answer 4.xx or 5.xx, a refused file
    TT_EXIT_USAGE = 2,       // the command line or the fleet file makes no sense
    TT_EXIT_UNREACHABLE = 3, // nobody there, or no answer in time
    TT_EXIT_MISSING = 4,     // a data set, emulator, image or file is missing or damaged
    TT_EXITS
} tt_exit;

// The same for people, by status; and the variables of the environment that are read, name and
// meaning, ending with NULL.
extern const char *const tt_exit_meanings[TT_EXITS];
extern const char *const tt_environment[][2];

#define TT_WORDS_MAX 16

// The values of an option that may be given several times, in their order.
typedef struct tt_words {
    const char *words[TT_WORDS_MAX];
    unsigned count;
} tt_words;

// One option. Exactly one of the four destinations is set; it holds the default beforehand.
typedef struct tt_option {
    const char *name;  // without the dashes
    const char *value; // what stands for the value in the help, or NULL for a flag
    const char *help;
    const char *choices; // the values there are, parted by spaces, for completion; or NULL
    char letter;         // for a flag: its short form, -v; or 0
    bool *flag;
    const char **text;
    unsigned *number;
    tt_words *words;
    unsigned least, most; // of `number`
    bool may_be_empty;    // of `text`
    bool *given;          // set where the option stands on the command line, or NULL
} tt_option;

typedef struct tt_command {
    const char *name;
    const char *arguments; // as the usage line shows them, or ""
    const char *summary;   // one line
    const char *help;      // paragraphs below the usage line
    const char *examples;  // one a line
    const tt_option *options;
    size_t option_count;
    const char *choices; // as an option's, of the arguments
    unsigned arguments_min, arguments_max;
    tt_exit (*run)(unsigned count, const char *const *arguments);
} tt_command;

#define TT_ARGUMENTS_MAX 8 // words that are no options

// Reads the words after the command's name and runs it. --help prints the help instead.
tt_exit tt_command_run(const tt_command *command, int count, char **words);

// " (60)": what an option is where it is not given, for its help; "" where that says nothing.
#define TT_OPTION_DEFAULT_MAX 128
const char *tt_option_default(const tt_option *option, char text[TT_OPTION_DEFAULT_MAX]);

// The commands, in the order of the help. Ends with NULL.
extern const tt_command *const tt_commands[];

extern const tt_command tt_command_train, tt_command_compile, tt_command_show, tt_command_verify,
    tt_command_profile, tt_command_new, tt_command_up, tt_command_restart, tt_command_kill,
    tt_command_crash, tt_command_logs, tt_command_ls, tt_command_get, tt_command_put,
    tt_command_post, tt_command_delete, tt_command_observe, tt_command_data, tt_command_sim,
    tt_command_completion, tt_command_man;

#endif
