// Attacks on an image whose rights are those of pages: the edges of each.

#define ATTACK_PAGES                                                                               \
    {WRITE, (uintptr_t)tt_text_begin, "write the first code"},                                     \
        {WRITE, (uintptr_t)tt_text_end - 4, "write the last code"},                                \
        {WRITE, (uintptr_t)tt_text_end, "write the first constants"},                              \
        {WRITE, (uintptr_t)tt_rodata_end - 4, "write the last constants"},                         \
        {RUN, (uintptr_t)tt_text_end, "run the first constants"},                                  \
        {RUN, (uintptr_t)tt_rodata_end - 4, "run the last constants"},                             \
        {RUN, (uintptr_t)tt_rodata_end, "run the first data"},                                     \
        {RUN, (uintptr_t)tt_image_end - 4, "run the last data"},                                   \
        {READ, (uintptr_t)tt_image_end, "read behind the data"},                                   \
        {WRITE, (uintptr_t)tt_image_end, "write behind the data"},                                 \
        {RUN, (uintptr_t)tt_image_end, "run behind the data"},                                     \
        {READ, (uintptr_t)tt_text_begin - 4, "read before the code"},                              \
        {WRITE, (uintptr_t)tt_text_begin - 4, "write before the code"},                            \
        {READ, TT_PAGE - 4, "read the end of the null page"},                                      \
        {WRITE, TT_PAGE - 4, "write the end of the null page"},                                    \
        {RUN, TT_PAGE - 4, "run the end of the null page"},                                        \
    {                                                                                              \
        READ, TT_PAGE, "read behind the null page"                                                 \
    }
