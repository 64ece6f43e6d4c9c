// Loading the data set, and saying what is wrong where it is missing or damaged.

#include "cli/data.h"
#include "cli/say.h"

tt_exit tt_data_load(const char *command, const char *folder, tt_dataset *train, tt_dataset *test)
{
    char sentence[512];
    tt_text why;
    tt_text_init(&why, sentence, sizeof(sentence));
    if (tt_fashion_mnist_load(train, test, folder, &why) == TT_OK)
        return TT_EXIT_OK;
    tt_say_error("tutti %s: the data set cannot be used: %s", command, sentence);
    return TT_EXIT_MISSING;
}
