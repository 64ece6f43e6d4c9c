// tutti man and tutti completion: the manual page and the shells' completions, made from the tables
// that the parser reads, so that neither can tell of what is not there.

#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/fleet.h"
#include "cli/say.h"
#include "tutti/version.h"

// What a value or an argument is completed with, by the word that stands for it in the help.
typedef enum completion { NOTHING, FILES, FOLDERS, CHOICES, NAMES, TARGETS } completion;

// What asks for the names of the running fleet's devices, in any of the shells.
#define ASK_NAMES "tutti completion names 2>/dev/null"

static completion completion_of(const char *word, const char *choices)
{
    return choices != NULL                 ? CHOICES
           : word == NULL                  ? NOTHING
           : strstr(word, "FILE") != NULL  ? FILES
           : strstr(word, "MODEL") != NULL ? FILES
           : strcmp(word, "DIR") == 0      ? FOLDERS
           : strcmp(word, "NAME") == 0     ? NAMES
           : strcmp(word, "TARGET") == 0   ? TARGETS
                                           : NOTHING;
}

// ---- the manual page, in roff's man macros

// Text as it stands, whatever it holds.
static void roff(const char *text)
{
    bool line_begins = true;
    for (; *text != '\0'; text++) {
        if (line_begins && (*text == '.' || *text == '\'' || *text == ' '))
            fputs("\\&", stdout);
        line_begins = *text == '\n';
        switch (*text) {
        case '\\':
            fputs("\\e", stdout);
            break;
        case '-':
            fputs("\\-", stdout);
            break;
        case '\'':
            fputs("\\(aq", stdout);
            break;
        case '"':
            fputs("\\(dq", stdout);
            break;
        case '~':
            fputs("\\(ti", stdout);
            break;
        case '^':
            fputs("\\(ha", stdout);
            break;
        case '`':
            fputs("\\(ga", stdout);
            break;
        default:
            fputc(*text, stdout);
        }
    }
}

static void roff_line(const char *macro, const char *text)
{
    fputs(macro, stdout);
    roff(text);
    fputc('\n', stdout);
}

static void roff_option(const tt_option *option)
{
    char before[TT_OPTION_DEFAULT_MAX];
    printf(".TP\n");
    if (option->letter != '\0')
        printf("\\fB\\-%c\\fR, ", option->letter);
    printf("\\fB\\-\\-");
    roff(option->name);
    printf("\\fR");
    if (option->value != NULL) {
        printf(" \\fI");
        roff(option->value);
        printf("\\fR");
    }
    printf("\n");
    roff(option->help);
    roff(tt_option_default(option, before));
    printf("\n");
}

static void roff_command(const tt_command *command)
{
    printf(".SS \"tutti ");
    roff(command->name);
    printf("%s%s", command->option_count > 0 ? " [OPTIONS]" : "",
           command->arguments[0] != '\0' ? " " : "");
    roff(command->arguments);
    printf("\"\n");
    roff(command->summary);
    printf(".\n");
    if (command->help[0] != '\0')
        roff_line(".PP\n", command->help);
    for (size_t i = 0; i < command->option_count; i++)
        roff_option(&command->options[i]);
    printf(".PP\n.nf\n");
    roff(command->examples);
    printf("\n.fi\n");
}

static tt_exit run_man(unsigned count, const char *const *arguments)
{
    (void)count;
    (void)arguments;
    printf(".\\\" Made by 'tutti man'.\n.TH TUTTI 1 \"\" \"tutti " TUTTI_VERSION "\"\n.SH NAME\n"
           "tutti \\- ");
    roff(TT_PURPOSE);
    printf("\n.SH SYNOPSIS\n.B tutti\n.I COMMAND\n[OPTIONS] [ARGUMENTS]\n.PP\n.B tutti\n\\-\\-help "
           "| \\-\\-version\n.SH COMMANDS\nEach takes \\fB\\-\\-help\\fR, too.\n");
    for (size_t i = 0; tt_commands[i] != NULL; i++)
        roff_command(tt_commands[i]);
    printf(".SH \"EXIT STATUS\"\n");
    for (size_t i = 0; i < TT_EXITS; i++) {
        printf(".TP\n.B %zu\n", i);
        roff_line("", tt_exit_meanings[i]);
    }
    printf(".SH ENVIRONMENT\n");
    for (size_t i = 0; tt_environment[i][0] != NULL; i++) {
        roff_line(".TP\n.B ", tt_environment[i][0]);
        roff_line("", tt_environment[i][1]);
    }
    return TT_EXIT_OK;
}

// ---- completions

// Text inside single quotes of a shell; zsh's specifications give more characters a meaning.
static void quoted(const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
            continue;
        }
        if (strchr(special, *text) != NULL)
            fputc('\\', stdout);
        fputc(*text == '\n' ? ' ' : *text, stdout);
    }
}

static void bash_reply(completion kind, const char *choices)
{
    switch (kind) {
    case FILES:
        printf("compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$current\")");
        break;
    case FOLDERS:
        printf("compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$current\")");
        break;
    case CHOICES:
        printf("mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$current\")", choices);
        break;
    case NAMES:
        printf("mapfile -t COMPREPLY < <(compgen -W \"$(" ASK_NAMES ")\" -- \"$current\")");
        break;
    case TARGETS: // a path follows
        printf("compopt -o nospace; mapfile -t COMPREPLY < <(compgen -S / -W \"$(" ASK_NAMES
               ")\" -- \"$current\")");
        break;
    case NOTHING:
        printf(":");
    }
}

static void bash_command(const tt_command *command)
{
    printf("    %s)\n        case $previous in\n", command->name);
    for (size_t i = 0; i < command->option_count; i++) {
        const tt_option *option = &command->options[i];
        if (option->value == NULL)
            continue;
        printf("        --%s) ", option->name);
        bash_reply(completion_of(option->value, option->choices), option->choices);
        printf("; return ;;\n");
    }
    printf("        esac\n        case $current in\n"
           "        -*) mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; i < command->option_count; i++)
        printf("--%s ", command->options[i].name);
    printf("--help' -- \"$current\") ;;\n        *) ");
    bash_reply(completion_of(command->arguments, command->choices), command->choices);
    printf(" ;;\n        esac ;;\n");
}

static void print_bash(void)
{
    printf("# Completion of tutti for bash, made by 'tutti completion bash'.\n_tutti() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    COMPREPLY=()\n"
           "    # --name=VALUE comes as three words.\n"
           "    if [ \"$current\" = = ]; then current=; "
           "elif [ \"$previous\" = = ]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -W '");
    for (size_t i = 0; tt_commands[i] != NULL; i++)
        printf("%s ", tt_commands[i]->name);
    printf("--help --version' -- \"$current\")\n        return\n    fi\n"
           "    case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; tt_commands[i] != NULL; i++)
        bash_command(tt_commands[i]);
    printf("    esac\n}\ncomplete -F _tutti tutti\n");
}

static void zsh_action(const char *value, completion kind, const char *choices)
{
    printf(":%s:", value);
    if (kind == CHOICES)
        printf("(%s)", choices);
    else if (kind == NAMES || kind == TARGETS)
        printf("{compadd %s-- ${(f)\"$(" ASK_NAMES ")\"}}", kind == TARGETS ? "-S / " : "");
    else
        printf("%s", kind == FILES ? "_files" : kind == FOLDERS ? "_files -/" : "");
}

static void zsh_command(const tt_command *command)
{
    printf("    %s)\n        _arguments '--help[explain this command]'", command->name);
    for (size_t i = 0; i < command->option_count; i++) {
        const tt_option *option = &command->options[i];
        printf(" \\\n            ");
        if (option->letter != '\0')
            printf("'(-%c --%s)'{-%c,--%s}'[", option->letter, option->name, option->letter,
                   option->name);
        else
            printf("'%s--%s[", option->words != NULL ? "*" : "", option->name);
        quoted(option->help, "[]:\\");
        printf("]");
        if (option->value != NULL)
            zsh_action("value", completion_of(option->value, option->choices), option->choices);
        printf("'");
    }
    if (command->arguments_max > 0) {
        printf(" \\\n            '*");
        zsh_action("argument", completion_of(command->arguments, command->choices),
                   command->choices);
        printf("'");
    }
    printf(" ;;\n");
}

static void print_zsh(void)
{
    printf("#compdef tutti\n# Completion of tutti for zsh, made by 'tutti completion zsh'.\n"
           "_tutti() {\n    local -a commands\n    commands=(\n");
    for (size_t i = 0; tt_commands[i] != NULL; i++) {
        printf("        '%s:", tt_commands[i]->name);
        quoted(tt_commands[i]->summary, ":\\");
        printf("'\n");
    }
    printf("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n"
           "        return\n    fi\n    shift words\n    (( CURRENT-- ))\n    case $words[1] in\n");
    for (size_t i = 0; tt_commands[i] != NULL; i++)
        zsh_command(tt_commands[i]);
    printf(
        "    esac\n}\n"
        "if [ \"$funcstack[1]\" = _tutti ]; then _tutti \"$@\"; else compdef _tutti tutti; fi\n");
}

static void fish_values(completion kind, const char *choices)
{
    if (kind == FILES)
        printf(" -r -F");
    else if (kind == FOLDERS)
        printf(" -x -a '(__fish_complete_directories)'");
    else if (kind == CHOICES)
        printf(" -x -a '%s'", choices);
    else
        printf(" -x");
}

static void fish_command(const tt_command *command)
{
    printf("complete -c tutti -f -n __fish_use_subcommand -a %s -d '", command->name);
    quoted(command->summary, "");
    printf("'\n");
    for (size_t i = 0; i < command->option_count; i++) {
        const tt_option *option = &command->options[i];
        printf("complete -c tutti -n '__fish_seen_subcommand_from %s' -l %s", command->name,
               option->name);
        if (option->letter != '\0')
            printf(" -s %c", option->letter);
        if (option->value != NULL)
            fish_values(completion_of(option->value, option->choices), option->choices);
        printf(" -d '");
        quoted(option->help, "");
        printf("'\n");
    }
    completion kind = completion_of(command->arguments, command->choices);
    printf("complete -c tutti -n '__fish_seen_subcommand_from %s' ", command->name);
    if (kind == CHOICES)
        printf("-f -a '%s'\n", command->choices);
    else if (kind == NAMES || kind == TARGETS)
        printf("-f -a '(" ASK_NAMES ")%s'\n", kind == TARGETS ? "/" : "");
    else
        printf("%s\n", kind == FILES ? "-F" : "-f");
}

// The names of the running fleet's devices. A shell reads them, so one that is more than letters,
// digits, dots, dashes and underscores is left out.
static void print_names(void)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    char names[TT_DEVICE_PATH_MAX];
    if (!tt_fleet_names(tt_client_folder(NULL), names, sizeof(names)))
        return;
    for (const char *name = strtok(names, "\n"); name != NULL; name = strtok(NULL, "\n"))
        if (name[strspn(name, plain)] == '\0')
            puts(name);
}

static tt_exit run_completion(unsigned count, const char *const *arguments)
{
    (void)count;
    if (strcmp(arguments[0], "bash") == 0) {
        print_bash();
    } else if (strcmp(arguments[0], "zsh") == 0) {
        print_zsh();
    } else if (strcmp(arguments[0], "fish") == 0) {
        printf("# Completion of tutti for fish, made by 'tutti completion fish'.\n");
        for (size_t i = 0; tt_commands[i] != NULL; i++)
            fish_command(tt_commands[i]);
    } else if (strcmp(arguments[0], "names") == 0) {
        print_names();
    } else {
        tt_say_error("tutti completion: expected bash, zsh or fish, not '%s'", arguments[0]);
        return TT_EXIT_USAGE;
    }
    return TT_EXIT_OK;
}

const tt_command tt_command_man = {
    .name = "man",
    .arguments = "",
    .summary = "Print the manual page, in roff",
    .help = "The build writes it to build/linux/cli/tutti.1.",
    .examples = "  tutti man >tutti.1; man ./tutti.1",
    .run = run_man,
};

const tt_command tt_command_completion = {
    .name = "completion",
    .arguments = "SHELL",
    .choices = "bash zsh fish",
    .summary = "Print what makes a shell complete commands, options, files and names",
    .help = "SHELL is bash, zsh or fish. Each asks 'tutti completion names' for the devices of the "
            "fleet "
            "that runs.",
    .examples = "  tutti completion bash >~/.local/share/bash-completion/completions/tutti\n"
                "  tutti completion zsh >~/.zfunc/_tutti\n"
                "  tutti completion fish >~/.config/fish/completions/tutti.fish",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run_completion,
};
