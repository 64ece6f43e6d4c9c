// The one parser of command lines, and the help that is made from the same table.
//
// Options are long: --name VALUE or --name=VALUE; a flag may have a letter besides, -v; `--` ends
// them. What is wrong is said in one sentence that names the option, what it takes and what came.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/say.h"

const char *const tt_exit_meanings[TT_EXITS] = {
    [TT_EXIT_OK] = "done",
    [TT_EXIT_FAILED] = "failed or refused",
    [TT_EXIT_USAGE] = "wrong usage",
    [TT_EXIT_UNREACHABLE] = "nobody there, or no answer in time",
    [TT_EXIT_MISSING] = "a data set, emulator, image or file is missing or damaged",
};

const char *const tt_environment[][2] = {
    {"TT_RUN", "reference: graphs are run by the reference, slowly; fast, or not set: by kernels"},
    {"TUTTI_NET", "the folder of the fleet that is meant, where --net or --dir names none"},
    {"TERM", "dumb: progress is told in a plain line once in a while"},
    {"COLUMNS", "how wide the line of progress may be, on a terminal that does not tell"},
    {NULL, NULL},
};

const char *tt_option_default(const tt_option *option, char text[TT_OPTION_DEFAULT_MAX])
{
    text[0] = '\0';
    if (option->number != NULL)
        snprintf(text, TT_OPTION_DEFAULT_MAX, " (%u)", *option->number);
    else if (option->text != NULL && *option->text != NULL)
        snprintf(text, TT_OPTION_DEFAULT_MAX, " (%s)", *option->text);
    return text;
}

static void print_help(const tt_command *command)
{
    printf("Usage: tutti %s%s%s%s\n\n%s.\n", command->name,
           command->option_count > 0 ? " [OPTIONS]" : "", command->arguments[0] != '\0' ? " " : "",
           command->arguments, command->summary);
    if (command->help[0] != '\0')
        printf("\n%s\n", command->help);
    if (command->option_count > 0)
        printf("\nOptions:\n");
    for (size_t i = 0; i < command->option_count; i++) {
        const tt_option *option = &command->options[i];
        char left[40], letter[8] = "", before[TT_OPTION_DEFAULT_MAX];
        if (option->letter != '\0')
            snprintf(letter, sizeof(letter), "-%c, ", option->letter);
        snprintf(left, sizeof(left), "%s--%s%s%s", letter, option->name,
                 option->value != NULL ? " " : "", option->value != NULL ? option->value : "");
        printf("  %-20s %s%s\n", left, option->help, tt_option_default(option, before));
    }
    printf("\nExamples:\n%s\n\nExit status:", command->examples);
    for (unsigned i = 0; i < TT_EXITS; i++)
        printf("%s%u %s",
               i == 0                 ? " "
               : i == TT_EXIT_MISSING ? ",\n"
                                      : ", ",
               i, tt_exit_meanings[i]);
    printf(".\n");
}

static tt_exit refuse(const tt_command *command, const char *sentence, const char *word)
{
    tt_say_error("tutti %s: %s '%s'; 'tutti %s --help' shows examples", command->name, sentence,
                 word, command->name);
    return TT_EXIT_USAGE;
}

static const tt_option *find_option(const tt_command *command, const char *name, size_t length)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const tt_option *option = &command->options[i];
        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

static tt_exit set_number(const tt_command *command, const tt_option *option, const char *value)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || number < option->least ||
        number > option->most) {
        tt_say_error("tutti %s: --%s takes a number from %u to %u, not '%s'", command->name,
                     option->name, option->least, option->most, value);
        return TT_EXIT_USAGE;
    }
    *option->number = (unsigned)number;
    return TT_EXIT_OK;
}

static tt_exit add_word(const tt_command *command, const tt_option *option, const char *value)
{
    if (option->words->count == TT_WORDS_MAX) {
        tt_say_error("tutti %s: --%s is given more than %d times", command->name, option->name,
                     TT_WORDS_MAX);
        return TT_EXIT_USAGE;
    }
    option->words->words[option->words->count++] = value;
    return TT_EXIT_OK;
}

static const tt_option *find_letter(const tt_command *command, const char *word)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (command->options[i].letter == word[1] && word[1] != '\0' && word[2] == '\0')
            return &command->options[i];
    return NULL;
}

// Reads one option at words[*i], and moves *i to its value where that is a word of its own.
static tt_exit read_option(const tt_command *command, int count, char **words, int *i)
{
    const char *name = words[*i] + 2;
    const char *equals = strchr(name, '=');
    const tt_option *option =
        find_option(command, name, equals != NULL ? (size_t)(equals - name) : strlen(name));
    if (option == NULL)
        return refuse(command, "there is no option", words[*i]);
    if (option->flag != NULL) {
        if (equals != NULL)
            return refuse(command, "this option takes no value:", words[*i]);
        *option->flag = true;
        return TT_EXIT_OK;
    }
    if (option->given != NULL)
        *option->given = true;
    const char *value = equals != NULL ? equals + 1 : *i + 1 < count ? words[++*i] : NULL;
    if (value == NULL || (value[0] == '\0' && !option->may_be_empty)) {
        tt_say_error("tutti %s: --%s needs a value: --%s %s", command->name, option->name,
                     option->name, option->value);
        return TT_EXIT_USAGE;
    }
    if (option->number != NULL)
        return set_number(command, option, value);
    if (option->words != NULL)
        return add_word(command, option, value);
    *option->text = value;
    return TT_EXIT_OK;
}

tt_exit tt_command_run(const tt_command *command, int count, char **words)
{
    const char *arguments[TT_ARGUMENTS_MAX];
    unsigned argument_count = 0;
    bool options_ended = false;
    for (int i = 0; i < count; i++) {
        const char *word = words[i];
        if (!options_ended && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            print_help(command);
            return TT_EXIT_OK;
        } else if (!options_ended && strncmp(word, "--", 2) == 0) {
            tt_exit status = read_option(command, count, words, &i);
            if (status != TT_EXIT_OK)
                return status;
        } else if (!options_ended && word[0] == '-' && find_letter(command, word) != NULL) {
            *find_letter(command, word)->flag = true;
        } else if (!options_ended && word[0] == '-' && word[1] != '\0') {
            return refuse(command, "options are written with two dashes, not", word);
        } else if (argument_count >= command->arguments_max) {
            return refuse(command, "one word too many:", word);
        } else {
            arguments[argument_count++] = word;
        }
    }
    if (argument_count < command->arguments_min) {
        tt_say_error("tutti %s: expected %s; 'tutti %s --help' shows examples", command->name,
                     command->arguments, command->name);
        return TT_EXIT_USAGE;
    }
    return command->run(argument_count, arguments);
}
