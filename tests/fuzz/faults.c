// The text of faults. What is refused has a sentence; what is taken happens to three nodes for a
// second and a half of virtual time.

#include <stdlib.h>
#include <string.h>

#include "tutti/check.h"
#include "tutti/sim.h"

#define NODES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *faults = malloc(size + 1), sentence[512];
    tt_text why;
    TT_CHECK(faults != NULL);
    memcpy(faults, data, size);
    faults[size] = '\0';
    tt_text_init(&why, sentence, sizeof(sentence));
    tt_status status = tt_sim_check_faults(faults, NODES, &why);
    TT_CHECK((status == TT_OK) == (why.length == 0) && !why.cut);
    tt_sim_options options = {.seed = 1, .nodes = NODES, .faults = faults};
    tt_sim *sim = tt_sim_new(&options);
    TT_CHECK((sim != NULL) == (status == TT_OK));
    if (sim != NULL) {
        for (unsigned i = 0; i < NODES; i++)
            if (!tt_sim_alive(sim, i))
                tt_sim_start(sim, i, "test");
        tt_sim_run_until(sim, TT_MS(1300));
        tt_sim_heal(sim);
        tt_sim_run_until(sim, TT_MS(1500));
        tt_sim_free(sim);
    }
    free(faults);
    return 0;
}
