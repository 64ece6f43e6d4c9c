// Loading the data set, and saying what is wrong where it is missing or damaged.

#include "cli/data.h"
#include "cli/say.h"

tt_exit tt_data_load(const char *command, const char *folder, tt_dataset *train, tt_dataset *test)
{
    static char sentence[TT_SENTENCE_MAX];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_fashion_mnist_load(train, test, folder, &why);
    if (status == TT_OK)
        return TT_EXIT_OK;
    tt_say_error("tutti %s: the data set cannot be used: %s", command,
                 sentence[0] != '\0' ? sentence : tt_status_text(status));
    return status == TT_FULL ? TT_EXIT_FAILED : TT_EXIT_MISSING;
}

static tt_exit exit_of(tt_status status)
{
    bool missing =
        status == TT_NOT_FOUND || status == TT_IO || status == TT_DAMAGED || status == TT_MALFORMED;
    return missing ? TT_EXIT_MISSING : TT_EXIT_FAILED;
}

tt_exit tt_data_refuse(const char *command, tt_status status, const char *sentence)
{
    tt_say_error("tutti %s: %s", command, sentence[0] != '\0' ? sentence : tt_status_text(status));
    return exit_of(status);
}

tt_exit tt_data_refuse_file(const char *command, const char *path, tt_status status,
                            const char *sentence)
{
    tt_say_error("tutti %s: %s: %s", command, path,
                 sentence[0] != '\0' ? sentence : tt_status_text(status));
    return exit_of(status);
}
